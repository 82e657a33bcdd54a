"""Sheets: rows on their way out, as CSV, workbook or JSON lines, in bounded memory."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import IO, Any, Protocol

import msgspec
from xlsxwriter import Workbook  # type: ignore[import-untyped]  # no stubs are installed

from insula.kernel.foundation.errors import Invalid
from insula.kernel.resource.spreadsheets import harmless

EXACT = 10**15
"""A spreadsheet's numbers have fifteen digits: larger ones are written as texts."""
LONGEST_CELL = 32_767
MOST_SHEET_ROWS = 1_048_575
IN_MEMORY = 1_048_576


class SheetFormat(StrEnum):
    """What an export can be."""

    csv = "csv"
    xlsx = "xlsx"
    jsonl = "jsonl"


MEDIA = {
    SheetFormat.csv: "text/csv; charset=utf-8",
    SheetFormat.xlsx: (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),
    SheetFormat.jsonl: "application/x-ndjson",
}


class NotForSpreadsheets(Invalid):
    """A spreadsheet cannot hold {what}: choose csv or jsonl."""

    code = "EXPORT_NOT_FOR_SPREADSHEETS"


class Sheet(Protocol):
    """What rows are written to."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row, its values by column."""

    def close(self) -> None:
        """Write what has to come last."""


def new_sheet(
    kind: SheetFormat, target: IO[bytes], columns: Sequence[str], *, bom: bool
) -> Sheet:
    """An empty sheet of these columns; with ``bom`` a CSV says that it is UTF-8."""
    if kind is SheetFormat.csv:
        return CsvSheet(target, columns, bom=bom)
    if kind is SheetFormat.xlsx:
        return XlsxSheet(target, columns)
    return JsonlSheet(target)


class CsvSheet:
    """Comma-separated, quoted where needed, lines ended as RFC 4180 says."""

    def __init__(
        self, target: IO[bytes], columns: Sequence[str], *, bom: bool = False
    ) -> None:
        self._target, self._columns = target, columns
        self._lines = io.StringIO(newline="")
        self._writer = csv.writer(self._lines)
        if bom:
            self._lines.write("\ufeff")
        self._writer.writerow([harmless(name) for name in columns])

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row, its values by column."""
        self._writer.writerow([cell_text(row.get(name)) for name in self._columns])
        if self._lines.tell() > IN_MEMORY:
            self._flush()

    def close(self) -> None:
        """Write what has to come last."""
        self._flush()

    def _flush(self) -> None:
        text = self._lines.getvalue()
        # A lone surrogate cannot come from PostgreSQL; in JSON it could be escaped.
        self._target.write(text.encode("utf-8", "replace"))
        self._lines.seek(0)
        self._lines.truncate()


class JsonlSheet:
    """One object a line, as the API answers it."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row, its values by column."""
        self._target.write(msgspec.json.encode(row) + b"\n")

    def close(self) -> None:
        """Nothing has to come last."""


class XlsxSheet:
    """A workbook of one sheet, each row written out before the next."""

    def __init__(self, target: IO[bytes], columns: Sequence[str]) -> None:
        self._book = Workbook(
            target,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._sheet = self._book.add_worksheet()
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._columns, self._at = columns, 0
        bold = self._book.add_format({"bold": True})
        for column, name in enumerate(columns):
            self._sheet.write_string(0, column, harmless(name), bold)
        self._sheet.freeze_panes(1, 0)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row, its values by column."""
        self._at += 1
        if self._at > MOST_SHEET_ROWS:
            raise NotForSpreadsheets(what=f"{MOST_SHEET_ROWS + 1} rows")
        for column, name in enumerate(self._columns):
            self._write(column, row.get(name))

    def _write(self, column: int, value: object) -> None:
        sheet, at = self._sheet, self._at
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_boolean(at, column, value)
        elif isinstance(value, int | float) and abs(value) < EXACT:
            sheet.write_number(at, column, value)
        elif isinstance(value, date):
            sheet.write_datetime(at, column, value, self._day)
        else:
            text = cell_text(value)
            if len(text) > LONGEST_CELL:
                raise NotForSpreadsheets(what=f"a text of {len(text)} characters")
            sheet.write_string(at, column, text)

    def close(self) -> None:
        """Put the workbook together."""
        self._book.close()


def cell_text(value: object) -> str:
    """A value as the text of a cell that is no formula; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, date):
        return value.isoformat()
    return msgspec.json.encode(value).decode()
