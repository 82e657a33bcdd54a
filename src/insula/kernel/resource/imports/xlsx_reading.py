"""Workbooks: the rows of an Excel file's first sheet, with bounds on all that unfolds.

A workbook is a ZIP: a small one can unfold to gigabytes. What it says of its own parts
is believed as an upper bound, because nothing reads further than it says.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO, ClassVar
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook  # type: ignore[import-untyped]  # no stubs are installed
from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]  # as above

from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.tables import (
    LONGEST_ROW,
    MOST_COLUMNS,
    Row,
    UnreadableFile,
    fitted,
    header,
    nul,
    too_long,
)
from insula.kernel.resource.spreadsheets import meant

MOST_UNFOLDED = 512 * 1_048_576
"""Bytes of all parts together."""
MOST_KEPT = 64 * 1_048_576
"""Bytes of a part that is held in memory as a whole: texts, styles, the book itself."""
MOST_PARTS = 2000
SHEETS = "xl/worksheets/"
BROKEN = (
    *(KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, EOFError),
    *(zipfile.BadZipFile, ParseError, InvalidFileException, NotImplementedError),
)
"""What the reader raises for a file that is not what it says."""


class XlsxFile:
    """The rows of a workbook's first sheet, read as they are asked for.

    Dates and times are ISO 8601, numbers as JSON writes them; of a formula its last
    result is read. Raises ``UnreadableFile``.
    """

    kind: ClassVar[str] = "xlsx"
    encoding: ClassVar[str] = "utf-8"
    delimiter: ClassVar[str] = ""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        _check_parts(file)
        self.position = 0
        self._rows = self._each()
        first = next(self._rows, None)
        if first is None:
            raise UnreadableFile(reason=Words("it is empty"))
        self.columns = header(first.cells)

    def __iter__(self) -> Iterator[Row]:
        """The rows below the header; blank ones are skipped."""
        width = len(self.columns)
        for row in self._rows:
            short = width - len(row.cells)
            if row.fault is None and short > 0:
                yield Row(row.line, [*row.cells, *[""] * short])
            elif row.fault is None and short < 0:
                yield fitted(row, width)
            else:
                yield row
        self.position = self.size

    def _each(self) -> Iterator[Row]:
        """All rows that are not blank, the header among them."""
        try:
            book = load_workbook(self._file, read_only=True, data_only=True)
            sheet = book.worksheets[0]
            rows = sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
            for line, values in enumerate(rows, start=1):
                if any(value is not None for value in values):
                    self.position = min(self._file.tell(), self.size)
                    yield _row(line, [_text(value) for value in values])
        except BROKEN as error:
            raise UnreadableFile(
                reason=Words("it is no workbook that can be read")
            ) from error


def _row(line: int, cells: list[str]) -> Row:
    while cells and not cells[-1]:
        cells.pop()
    if sum(map(len, cells)) >= LONGEST_ROW:
        return too_long(line)
    if "\x00" in "".join(cells):
        return nul(line, cells)
    return Row(line, cells)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return meant(value.strip())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def _check_parts(file: BinaryIO) -> None:
    """Refuse what unfolds beyond bounds, before any of it does."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as folded:
            parts = folded.infolist()
    except BROKEN as error:
        raise UnreadableFile(reason=Words("it is a damaged workbook")) from error
    kept = (it.file_size for it in parts if not it.filename.startswith(SHEETS))
    if not any(it.filename == "xl/workbook.xml" for it in parts):
        raise UnreadableFile(reason=Words("it is an archive, but no workbook"))
    if (
        len(parts) > MOST_PARTS
        or sum(it.file_size for it in parts) > MOST_UNFOLDED
        or max(kept, default=0) > MOST_KEPT
        or any(it.flag_bits & 1 for it in parts)
    ):
        raise UnreadableFile(
            reason=Words("the workbook is encrypted, or unfolds to too much")
        )
