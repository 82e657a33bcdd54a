"""Tables: what every kind of file is to an import, a header and rows of texts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from insula.kernel.foundation.errors import BadRequest, FieldError
from insula.kernel.foundation.words import Words

MOST_COLUMNS = 500
LONGEST_ROW = 1_048_576
"""Characters of a row, whatever its number of lines."""


class UnreadableFile(BadRequest):
    """The file cannot be read: {reason}."""

    code = "INVALID_FILE"


class Row(NamedTuple):
    """One row of the file, its cells trimmed; or what is wrong with it."""

    line: int
    cells: Sequence[str]
    fault: FieldError | None = None


class Table(Protocol):
    """A file that is open, its rows read as they are asked for."""

    @property
    def kind(self) -> str:
        """``csv``, ``xlsx`` or ``jsonl``."""

    @property
    def encoding(self) -> str:
        """Of its text."""

    @property
    def delimiter(self) -> str:
        """What parts its cells; empty where nothing does."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What its header calls them."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    @property
    def position(self) -> int:
        """How many of them were read."""

    def __iter__(self) -> Iterator[Row]:
        """The rows below the header; blank ones are skipped."""


def header(cells: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns; those without one are called by their place.

    Raises ``UnreadableFile``.
    """
    names = list(cells)
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UnreadableFile(reason=Words("it is empty"))
    names = [name or f"column {at}" for at, name in enumerate(names, start=1)]
    if len(names) > MOST_COLUMNS:
        raise UnreadableFile(
            reason=Words("it has more than {limit} columns", limit=MOST_COLUMNS)
        )
    if "\x00" in "".join(names):
        raise UnreadableFile(reason=Words("its header contains a NUL character"))
    known: set[str] = set()
    twice = sorted({name for name in names if name in known or known.add(name)})  # type: ignore[func-returns-value]  # adds it
    if twice:
        raise UnreadableFile(
            reason=Words("two columns are called {names}", names=", ".join(twice))
        )
    return tuple(names)


def fitted(row: Row, width: int) -> Row:
    """The row as wide as the header, if blank cells are all that is wrong with it."""
    if len(row.cells) > width and not any(row.cells[width:]):
        return Row(row.line, row.cells[:width])
    words = Words(
        "The row has {cells} cells, the header has {width}.",
        cells=len(row.cells),
        width=width,
    )
    return faulty(row.line, "ragged", words, row.cells)


def faulty(line: int, code: str, message: str, cells: Sequence[str] = ()) -> Row:
    """A row that cannot be imported, and why."""
    return Row(line, cells, FieldError("", code, message))


def too_long(line: int) -> Row:
    """A row that is longer than any may be."""
    words = Words("The row is longer than {limit} characters.", limit=LONGEST_ROW)
    return faulty(line, "too_long", words)


def nul(line: int, cells: Sequence[str]) -> Row:
    """A row that no database keeps; where the character is, a mark is shown."""
    words = Words("The row contains a NUL character.")
    shown = [cell.replace("\x00", "\ufffd") for cell in cells]
    return faulty(line, "nul", words, shown)
