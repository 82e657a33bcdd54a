"""Output: results on stdout, for people or as one JSON document; all else on stderr."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from insula.kernel.foundation.errors import Invalid, Problem
from insula.kernel.http.problems import problem_body
from insula.kernel.tenancy.saga import StepReport
from insula.kernel.tenancy.saga_record import StepState

PIPED = 250
"""Columns of a table that no person's window bounds."""

MARKS = {
    StepState.done: "[green]✓[/]",
    StepState.undone: "[yellow]↶[/]",
    StepState.failed: "[red]✗[/]",
}


class Output:
    """How one command speaks."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._out = Console(width=None if sys.stdout.isatty() else PIPED)
        self._err = Console(stderr=True)
        self._status = self._err.status("")

    def one(self, value: Any) -> None:
        """Show a thing with all its fields."""
        if self._json:
            self._document(value)
            return
        table = Table.grid(padding=(0, 2))
        for field in fields(value):
            table.add_row(f"[dim]{field.name}[/]", _text(getattr(value, field.name)))
        self._out.print(table)

    def many(self, values: Sequence[Any], columns: Iterable[str]) -> None:
        """Show a list, people the named fields alone."""
        if self._json:
            self._document(values)
            return
        names = list(columns)
        table = Table(*names, box=None, header_style="dim", padding=(0, 2, 0, 0))
        for value in values:
            table.add_row(*(_text(getattr(value, name)) for name in names))
        self._out.print(table)

    def step(self, report: StepReport) -> None:
        """Show live how work goes on."""
        if self._json:
            return
        mark = MARKS.get(report.state)
        if mark is None:
            self._status.update(f"{report.step} …")
            self._status.start()
            return
        self._status.stop()
        took = f" [dim]{report.seconds * 1000:.0f} ms[/]" if report.seconds else ""
        error = f" [red]{_plain(report.error)}[/]" if report.error else ""
        self._err.print(f"{mark} {report.step}{took}{error}", highlight=False)

    def problem(self, problem: Problem) -> None:
        """Say what went wrong."""
        self._status.stop()
        if self._json:
            self._print(problem_body(problem, ""))
            return
        words = f"[red]{_plain(problem.message)}[/] [dim]{problem.code}[/]"
        self._err.print(words, soft_wrap=True)  # commands in it stay whole
        if type(problem) is Invalid:
            for wrong in problem.fields:
                self._err.print(f"  {wrong.field}: {_plain(wrong.message)}")

    def _document(self, value: Any) -> None:
        self._print(msgspec.json.encode(value, enc_hook=str))  # translatable words

    def _print(self, document: bytes) -> None:
        pretty = msgspec.json.format(document.decode(), indent=2)
        self._out.print(pretty, highlight=False, markup=False, soft_wrap=True)


def _text(value: object) -> str:
    if value is None:
        return "[dim]-[/]"
    if isinstance(value, datetime):
        value = f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, Mapping):
        value = ", ".join(f"{key}: {it}" for key, it in value.items())
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    return _plain(str(value))


def _plain(text: str | None) -> str:
    return (text or "").replace("[", "\\[")
