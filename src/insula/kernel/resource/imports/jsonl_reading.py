"""JSON lines: one object a line, as programs and our own exports write them."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

import msgspec

from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.tables import (
    LONGEST_ROW,
    Row,
    UnreadableFile,
    faulty,
    header,
    nul,
    too_long,
)

SAMPLE_ROWS = 1000
"""Rows of which the columns are the keys; a key that comes later is a fault."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class JsonlFile:
    """The rows of a file of JSON objects, read as they are asked for.

    Its texts are taken as they are, nothing is trimmed. Raises ``UnreadableFile``.
    """

    kind: ClassVar[str] = "jsonl"
    encoding: ClassVar[str] = "utf-8"
    delimiter: ClassVar[str] = ""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self.columns = self._keys()

    @property
    def position(self) -> int:
        """How many bytes of ``size`` have been read."""
        return self._file.tell()

    def _keys(self) -> tuple[str, ...]:
        keys: dict[str, None] = {}
        for at, (_, found) in enumerate(self._objects()):
            if isinstance(found, dict):
                keys.update(dict.fromkeys(found))
            if at + 1 >= SAMPLE_ROWS:
                break
        names = [name.strip() for name in keys if name.strip()]
        if len(names) < len(keys):
            raise UnreadableFile(reason=Words("a key of an object is blank"))
        return header(names)

    def __iter__(self) -> Iterator[Row]:
        """The rows; objects in which nothing is said are skipped."""
        known = frozenset(self.columns)
        for line, found in self._objects():
            if isinstance(found, Row):
                yield found
                continue
            said = {name.strip(): value for name, value in found.items()}
            cells = [_text(said.get(name)) for name in self.columns]
            if strange := sorted(said.keys() - known):
                words = Words("No row before has the key '{name}'.", name=strange[0])
                yield faulty(line, "unknown_column", words, cells)
            elif "\x00" in "".join(cells):
                yield nul(line, cells)
            elif any(cells):
                yield Row(line, cells)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | Row]]:
        """Each line's object, or what is wrong with the line."""
        self._file.seek(0)
        number = 0
        while line := self._file.readline(LONGEST_ROW):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) >= LONGEST_ROW:
                self._skip_line(line)
                yield number, too_long(number)
            elif line.strip():
                yield number, _object(number, line)

    def _skip_line(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._file.readline(LONGEST_ROW)


def _object(number: int, line: bytes) -> dict[str, Any] | Row:
    try:
        found = _decode(line)
        if b"\\u" in line:
            msgspec.json.encode(found)  # half of a character cannot be written again
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        words = Words("The line is no JSON object.")
        return faulty(number, "malformed", words)
    return found


def _text(value: object) -> str:
    """A value as the text of a cell; null says nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
