"""CSV as people have it: any usual encoding and delimiter, read in bounded memory."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from insula.kernel.foundation.errors import BadRequest, FieldError
from insula.kernel.foundation.words import Words

DELIMITERS = (",", ";", "\t", "|")
MOST_COLUMNS = 500
LONGEST_ROW = 1_048_576
"""Characters of a row, whatever its number of lines; a cell may have 131,072."""
SAMPLE_ROWS, SAMPLE_BYTES = 20, 65_536
CHUNK = 1_048_576
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableFile(BadRequest):
    """The file cannot be read as CSV: {reason}."""

    code = "INVALID_CSV"


class Row(NamedTuple):
    """One row of the file, its cells trimmed; or what is wrong with it."""

    line: int
    cells: Sequence[str]
    fault: FieldError | None = None


class _TooLong(Exception):
    """A row is longer than any row may be."""


class _Lines:
    """The file's lines, one row's worth of which has a limit.

    Without it, one quote that is never closed, or a file without line ends, would be
    read into memory as a whole.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self.number, self._taken = text, 0, 0

    def __del__(self) -> None:
        if not self._text.closed:
            self._text.detach()  # the file is its opener's to close

    def begin_row(self) -> None:
        self._taken = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_ROW)
        if not line:
            raise StopIteration
        self.number += 1
        self._taken += len(line)
        if self._taken >= LONGEST_ROW:
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(LONGEST_ROW)
            raise _TooLong
        return line


class CsvFile:
    """The rows of a CSV file, read as they are asked for.

    The encoding is that of the byte order mark, else UTF-8 if the whole file is, else
    Windows' (cp1252); the delimiter is the one that splits the first rows most
    evenly. Both may be given instead. Raises ``UnreadableFile``.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self.encoding = encoding_of(file, encoding)
        self.delimiter = delimiter or _delimiter(file, self.encoding)
        file.seek(0)
        text = io.TextIOWrapper(file, self.encoding, newline="")
        self._lines = _Lines(text)
        self._reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        self.columns = self._header()

    @property
    def position(self) -> int:
        """How many bytes of ``size`` have been read."""
        return self._file.tell()

    def _header(self) -> tuple[str, ...]:
        first = self._next()
        if first is None:
            raise UnreadableFile(reason=Words("it is empty"))
        if first.fault is not None:
            raise UnreadableFile(
                reason=Words(
                    "line {line}: {fault}", line=first.line, fault=first.fault.message
                )
            )
        names = list(first.cells)
        while not names[-1]:
            names.pop()
        names = [name or f"column {at}" for at, name in enumerate(names, start=1)]
        if len(names) > MOST_COLUMNS:
            raise UnreadableFile(
                reason=Words("it has more than {limit} columns", limit=MOST_COLUMNS)
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UnreadableFile(
                reason=Words("two columns are called {names}", names=", ".join(twice))
            )
        return tuple(names)

    def __iter__(self) -> Iterator[Row]:
        """The rows below the header; blank ones are skipped."""
        width = len(self.columns)
        while (row := self._next()) is not None:
            if row.fault is None and len(row.cells) != width:
                row = _fitted(row, width)
            yield row

    def _next(self) -> Row | None:
        """The next row that is not blank; None at the end."""
        while True:
            self._lines.begin_row()
            line = self._lines.number + 1
            try:
                cells = [cell.strip() for cell in next(self._reader)]
            except StopIteration:
                return None
            except _TooLong:
                words = Words(
                    "The row is longer than {limit} characters.", limit=LONGEST_ROW
                )
                return _wrong(line, "too_long", words)
            except csv.Error as error:
                return _wrong(
                    line,
                    "malformed",
                    Words("The row is malformed: {reason}.", reason=error),
                )
            if any(cells):
                break
        if "\x00" in "".join(cells):
            return _wrong(
                line, "nul", Words("The row contains a NUL character."), cells
            )
        return Row(line, cells)


def _wrong(line: int, code: str, message: str, cells: Sequence[str] = ()) -> Row:
    return Row(line, cells, FieldError("", code, message))


def _fitted(row: Row, width: int) -> Row:
    """The row without blank cells beyond the header's, if that is all that is wrong."""
    if len(row.cells) > width and not any(row.cells[width:]):
        return Row(row.line, row.cells[:width])
    words = Words(
        "The row has {cells} cells, the header has {width}.",
        cells=len(row.cells),
        width=width,
    )
    return _wrong(row.line, "ragged", words, row.cells)


def encoding_of(file: BinaryIO, wanted: str | None = None) -> str:
    """The encoding in which the whole file can be read, looked for beforehand.

    A file that turned out to be unreadable in its middle would be half imported.
    """
    file.seek(0)
    head = file.read(4)
    marked = next((name for mark, name in MARKS if head.startswith(mark)), None)
    candidates = [wanted] if wanted else [marked] if marked else ["utf-8", "cp1252"]
    for name in candidates:
        if _decodes(file, name):
            return name
    raise UnreadableFile(
        reason=Words("its text is not {encodings}", encodings=", ".join(candidates))
    )


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(file: BinaryIO, encoding: str) -> str:
    file.seek(0)
    sample = codecs.getincrementaldecoder(encoding)().decode(file.read(SAMPLE_BYTES))
    lines = sample.splitlines(keepends=True)[:SAMPLE_ROWS]
    return max(DELIMITERS, key=lambda delimiter: _evenness(lines, delimiter))


def _evenness(lines: Sequence[str], delimiter: str) -> tuple[bool, int, int]:
    """How well a delimiter explains some rows; the better, the greater."""
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return False, 0, 0
    width = len(rows[0]) if rows else 0
    return width > 1, sum(len(row) == width for row in rows), width
