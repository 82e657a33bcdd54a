"""The size budget: how long a file or a function may be before it should be split.

The limits are a little tighter than the best public codebases of the field measure.
They are a mirror, not a fence: one that stands in the way of a clear design is moved
here, with a reason.
"""

import ast
import io
import math
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PYTHON_TREES = ("src", "tests", "benchmarks", "tools", "clients/python/src")
GENERATED = tuple(f"insula_client/{it}.py" for it in ("aio", "api", "models"))
"""Written by `./run clients`."""
MIGRATIONS = "migrations"
"""Written by a generator, one function a table: to be read as a list, not as code."""
CONSOLE_TREE = "console/src"
IGNORE = re.compile(r"#\s*type:\s*ignore")
IGNORES_PER_1000_LINES = 0.5


@dataclass
class Budget:
    """A kind of thing with its limits, and every one found: (lines, where)."""

    kind: str
    p95_limit: int
    limit: int
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, lines: int, where: str) -> None:
        self.found.append((lines, where))

    @property
    def p95(self) -> int:
        """The length that 19 of 20 do not exceed (nearest rank)."""
        lengths = sorted(lines for lines, _ in self.found)
        return lengths[math.ceil(0.95 * len(lengths)) - 1] if lengths else 0

    @property
    def longest(self) -> int:
        return max((lines for lines, _ in self.found), default=0)

    def offenders(self) -> Iterator[str]:
        """Those over the limit; over the p95 limit too, once too many are."""
        edge = self.p95_limit if self.p95 > self.p95_limit else self.limit
        for lines, where in sorted(self.found, reverse=True):
            if lines > edge:
                yield f"{where}: {self.kind} of {lines} lines, over {edge}"

    def row(self) -> str:
        return (
            f"{self.kind:<14}{len(self.found):>7,}"
            f"{self.p95:>7}{self.p95_limit:>7}{self.longest:>9}{self.limit:>7}"
        )


@dataclass
class Report:
    """What was measured in one tree of the project."""

    files: Budget = field(default_factory=lambda: Budget("Python file", 300, 400))
    functions: Budget = field(default_factory=lambda: Budget("function", 30, 50))
    console: Budget = field(default_factory=lambda: Budget("console file", 250, 250))
    ignores: list[str] = field(default_factory=list)

    @property
    def python_lines(self) -> int:
        return sum(lines for lines, _ in self.files.found)

    @property
    def ignores_allowed(self) -> int:
        """Half a `type: ignore` per 1,000 lines, rounded up, and always one."""
        return max(1, math.ceil(self.python_lines / 1000 * IGNORES_PER_1000_LINES))

    def offenders(self) -> list[str]:
        """Everything over its limit, as lines that an editor can jump to."""
        found = [
            line
            for budget in (self.files, self.functions, self.console)
            for line in budget.offenders()
        ]
        if len(self.ignores) > self.ignores_allowed:
            found += [f"{where}: type: ignore" for where in self.ignores]
        return found

    def table(self) -> str:
        return "\n".join(
            (
                f"{'':<14}{'count':>7}{'p95':>7}{'limit':>7}{'longest':>9}{'limit':>7}",
                self.files.row(),
                self.functions.row(),
                self.console.row(),
                f"{'type: ignore':<14}{len(self.ignores):>7,}"
                f"  of {self.ignores_allowed} allowed"
                f" in {self.python_lines:,} lines",
            )
        )


def measure(root: Path) -> Report:
    """Read every source file below the root once."""
    report = Report()
    for tree in PYTHON_TREES:
        for path in sorted((root / tree).rglob("*.py")):
            if MIGRATIONS in path.parts or path.as_posix().endswith(GENERATED):
                continue
            measure_python(report, path.read_text(), str(path.relative_to(root)))
    for path in sorted((root / CONSOLE_TREE).rglob("*.ts*")):
        if "generated" not in path.parts:
            lines = len(path.read_text().splitlines())
            report.console.add(lines, str(path.relative_to(root)))
    return report


def measure_python(report: Report, text: str, where: str) -> None:
    """Add one Python file, its functions and its `type: ignore` comments."""
    report.files.add(len(text.splitlines()), where)
    for node in ast.walk(ast.parse(text, where)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            report.functions.add(lines, f"{where}:{node.lineno}: {node.name}")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and IGNORE.search(token.string):
            report.ignores.append(f"{where}:{token.start[0]}")


def main(root: Path) -> int:
    """Print the table and what is over; fail if anything is."""
    report = measure(root)
    offenders = report.offenders()
    print(report.table(), *offenders, sep="\n")
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
