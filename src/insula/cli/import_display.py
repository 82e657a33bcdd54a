"""What people see of an import: its progress, its result, and the rows to put right."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from insula.kernel.resource.imports.importing import ImportReport
from insula.kernel.resource.imports.rows import RowError
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.spreadsheets import harmless

SHOWN_ERRORS = 20

Tell = Callable[[ImportReport, int, int], None]
Refuse = Callable[[Row, Sequence[RowError]], None]


@contextmanager
def progress_bar(file: Path) -> Iterator[Tell]:
    """A bar on stderr that fills with the bytes that were read; none in a pipe."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]} rows, {task.fields[rate]}/s"),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        size = file.stat().st_size
        task = bar.add_task(file.name, total=size, rows=0, rate=0)

        def tell(report: ImportReport, position: int, _: int) -> None:
            rate = round(report.rows / (bar.tasks[0].elapsed or 1))
            bar.update(task, completed=position, rows=report.rows, rate=rate)

        yield tell


@contextmanager
def refusals(path: Path | None, columns: Sequence[str]) -> Iterator[Refuse]:
    """A CSV file for the refused rows: where, why, and their cells as they were.

    Put right, it can be imported with ``--ignore-unknown``.
    """
    if path is None:
        yield lambda *_: None
        return
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["import line", "import error", *map(harmless, columns)])

        def refuse(row: Row, errors: Sequence[RowError]) -> None:
            why = "; ".join(f"{it.field or 'row'}: {it.message}" for it in errors)
            cells = [row.line, harmless(why), *map(harmless, row.cells)]
            writer.writerow(cells)

        yield refuse


def show(report: ImportReport) -> None:
    """The result on stdout, and the first errors on stderr."""
    err = Console(stderr=True, highlight=False)
    for error in report.errors[:SHOWN_ERRORS]:
        field = f"{error.field}: " if error.field else ""
        err.print(f"line {error.line}: {field}{error.message}", markup=False)
    if len(report.errors) > SHOWN_ERRORS:
        err.print("… and more; --errors FILE writes them all down.", markup=False)
    table = Table.grid(padding=(0, 2))
    would = "would be " if report.dry_run else ""
    for words, number in (
        ("rows", report.rows),
        (f"{would}created", report.created),
        (f"{would}changed", report.updated),
        ("there already", report.existing),
        ("… and different by now", report.differing),
        ("refused", report.failed),
    ):
        table.add_row(words, str(number))
    Console().print(table)
