"""Showing: rows as a table for people, as lines for shells, as JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from insula.cli.remote.refusals import Refused

PLAIN = dict.fromkeys((*range(32), 127, *range(128, 160)), " ")
"""What could move the cursor of somebody's terminal is a space in it."""
MOST_COLUMNS = 8
TECHNICAL = ("type", "version", "created_at", "updated_at", "created_by", "deleted_at")


class Shown:
    """How one command answers: data on stdout, all else on stderr."""

    def __init__(self, *, as_json: bool, as_lines: bool) -> None:
        self.as_json, self.as_lines = as_json, as_lines

    def one(self, found: Any) -> None:
        """A row with all its fields, or whatever an action answered."""
        if self.as_json or self.as_lines or not isinstance(found, dict):
            self._document(found)
            return
        for name, it in found.items():
            typer.echo(f"{name}\t{text(it)}" if not _terminal() else _pair(name, it))

    def many(self, pages: Iterable[list[Any]], columns: Sequence[str]) -> None:
        """Rows: lines of JSON as they come, else all of them."""
        if self.as_lines:
            for page in pages:
                for row in page:
                    typer.echo(msgspec.json.encode(row).decode())
            return
        rows = [row for page in pages for row in page]
        if self.as_json:
            self._document(rows)
        elif rows and not all(isinstance(it, dict) for it in rows):
            for row in rows:
                typer.echo(text(row))
        else:
            _table(rows, list(columns) or columns_of(rows))

    def refused(self, refused: Refused) -> None:
        """Say what went wrong; programs get the document of the server."""
        if self.as_json or self.as_lines:
            error = {"code": refused.code.name.upper(), "message": str(refused)}
            typer.echo(msgspec.json.encode(refused.document or {"error": error}))
            return
        for line in refused.lines:
            note(line)

    def _document(self, found: Any) -> None:
        encoded = msgspec.json.encode(found)
        if not self.as_lines:
            encoded = msgspec.json.format(encoded, indent=2)
        typer.echo(encoded.decode())


def note(line: str) -> None:
    """Tell people something that is no data."""
    typer.echo(line.translate(PLAIN), err=True)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of a table where nobody named any."""
    names = [it for it in (rows[0] if rows else ()) if it not in TECHNICAL]
    return names[:MOST_COLUMNS]


def text(found: object) -> str:
    """A value in one line."""
    if found is None:
        return ""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, (dict, list)):
        found = msgspec.json.encode(found).decode()
    return str(found).translate(PLAIN)


def _terminal() -> bool:
    return sys.stdout.isatty()


def _pair(name: str, found: object) -> str:
    return f"{typer.style(name, dim=True)}  {text(found)}"


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    cells = [[text(row.get(name)) for name in columns] for row in rows]
    if not _terminal():
        for line in (columns, *cells):
            typer.echo("\t".join(line))
        return
    # As wide as the terminal; NO_COLOR and TERM=dumb are heeded.
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="ellipsis", no_wrap=name != "id")
    for line in cells:
        table.add_row(*(escape(it) for it in line))
    Console().print(table)
