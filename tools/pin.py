"""Pins every package in pyproject.toml, where no lock file is committed.

Without arguments the versions in use are written down, so a new dependency is
pinned and nothing else moves. With arguments (`--upgrade`, or `--upgrade-package
NAME`) the old pins are lifted first and the arguments go to `uv lock`.
"""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path("pyproject.toml")
PINS = re.compile(r"^constraint-dependencies = \[.*?^\]$", re.DOTALL | re.MULTILINE)
EXPORT = (
    "export --quiet --all-groups --all-extras --no-hashes --no-annotate --no-header"
    " --no-emit-project --format requirements.txt"
)


def write(pins: list[str]) -> None:
    """Replace the list of pins, and touch nothing else."""
    lines = "".join(f'    "{pin}",\n' for pin in pins)
    text, found = PINS.subn(
        lambda _: f"constraint-dependencies = [\n{lines}]", PROJECT.read_text()
    )
    if found != 1:
        sys.exit("pyproject.toml has no single constraint-dependencies list.")
    PROJECT.write_text(text)


def main() -> None:
    """Lock, then write down what was locked; on failure leave things as they were."""
    uv, *arguments = sys.argv[1:]
    before = PROJECT.read_text()
    try:
        if arguments:
            write([])
        subprocess.run([uv, "lock", "--quiet", *arguments], check=True)
        exported = subprocess.run(
            [uv, *EXPORT.split()], check=True, stdout=subprocess.PIPE, text=True
        )
        write(exported.stdout.splitlines())
        subprocess.run([uv, "lock", "--quiet"], check=True)
    except subprocess.CalledProcessError as error:
        PROJECT.write_text(before)
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
