"""CSV as people have it: any usual encoding and delimiter, read in bounded memory."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, ClassVar

from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.tables import (
    LONGEST_ROW,
    Row,
    UnreadableFile,
    faulty,
    fitted,
    header,
    nul,
    too_long,
)
from insula.kernel.resource.spreadsheets import meant

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS, SAMPLE_BYTES = 20, 65_536
CHUNK = 1_048_576
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


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
    evenly. Both may be given instead. A cell may have 131,072 characters. Raises
    ``UnreadableFile``.
    """

    kind: ClassVar[str] = "csv"

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
        return header(first.cells)

    def __iter__(self) -> Iterator[Row]:
        """The rows below the header; blank ones are skipped."""
        width = len(self.columns)
        while (row := self._next()) is not None:
            if row.fault is None and len(row.cells) != width:
                row = fitted(row, width)
            yield row

    def _next(self) -> Row | None:
        """The next row that is not blank; None at the end."""
        while True:
            self._lines.begin_row()
            line = self._lines.number + 1
            try:
                cells = [meant(cell.strip()) for cell in next(self._reader)]
            except StopIteration:
                return None
            except _TooLong:
                return too_long(line)
            except csv.Error as error:
                return faulty(
                    line,
                    "malformed",
                    Words("The row is malformed: {reason}.", reason=error),
                )
            if any(cells):
                break
        if "\x00" in "".join(cells):
            return nul(line, cells)
        return Row(line, cells)


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
