"""Import ids: the same row of a file has the same id however often it is imported.

An id made here is usually a UUIDv7: new each time. An import that is killed, or run
twice by mistake, must find the rows that it made, so theirs are of version 8 (RFC 9562,
5.8: contents of our own): 48 bits that are those of the tenant's own id, then 74 bits
of a hash over tenant, resource and what tells the row from others. The id alone then
decides in the primary key, in one statement and without a table of what was imported.

The leading bits are the moment at which the tenant was made. Ids are what lists are
ordered by, the newest first: imported rows come after all that was made here since,
and lie together in the index.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol
from uuid import UUID

import msgspec

from insula.kernel.foundation.errors import BadRequest

MOST_ROWS = 1_000_000
"""Rows of one import: some 100 bytes are kept of each."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class TooManyRows(BadRequest):
    """An import has at most {limit} rows: split the file and import its parts."""

    code = "IMPORT_TOO_LONG"


class RepeatedKey(Exception):
    """Another row of the file has the same key, but not the same content."""


class Identity(Protocol):
    """What gives the rows of one import their ids."""

    def next(
        self, values: Mapping[str, Any], key: Sequence[Any], line: int
    ) -> UUID | None:
        """The id of the next row; None for one that was there already."""


class RowIds:
    """Ids of an import that keeps record of how far it came: by the rows' places.

    Equal rows are two rows, and so are those of a file that is imported once more.
    """

    def __init__(self, tenant_id: UUID, import_id: UUID) -> None:
        self._prefix, self._import = tenant_id.int >> 80, import_id.bytes

    def next(self, _: Mapping[str, Any], __: Sequence[Any], line: int) -> UUID | None:
        """The id of the row in that line."""
        whole = self._import + line.to_bytes(8)
        digest = blake2b(whole, digest_size=10).digest()
        return version_8(self._prefix, int.from_bytes(digest))


class ImportIds:
    """The ids of one import's rows, in the order of the file.

    With ``key`` its values are a row's identity; a row that says the same again is
    the same row. Without one it is the whole content, and rows that are equal are
    told apart by their number: the third of three equal rows is always the third.
    """

    def __init__(self, tenant_id: UUID, resource: str, key: Sequence[str]) -> None:
        self._tenant_id, self._resource, self._key = tenant_id, resource, tuple(key)
        self._seen: dict[bytes, int] = {}
        self._rows = 0

    def next(
        self, values: Mapping[str, Any], key: Sequence[Any], line: int = 0
    ) -> UUID | None:
        """The id of the next row; None for one that was there already.

        ``key`` are the values of the key's targets. Raises ``RepeatedKey``,
        ``TooManyRows``.
        """
        _ = line
        self._rows += 1
        if self._rows > MOST_ROWS:
            raise TooManyRows(limit=MOST_ROWS)
        return self._of_key(key, values) if self._key else self._of_content(values)

    def _of_content(self, values: Mapping[str, Any]) -> UUID:
        digest = self._digest(values)
        number = self._seen.get(digest, 0)
        self._seen[digest] = number + 1
        return self._id(self._digest((values, number)) if number else digest)

    def _of_key(self, key: Sequence[Any], values: Mapping[str, Any]) -> UUID | None:
        digest, content = self._digest(key), int.from_bytes(self._digest(values))
        known = self._seen.get(digest)
        if known is None:
            self._seen[digest] = content
            return self._id(digest)
        if known != content:
            raise RepeatedKey
        return None

    def _digest(self, content: object) -> bytes:
        whole = _encode((self._tenant_id, self._resource, self._key, content))
        return blake2b(whole, digest_size=10).digest()

    def _id(self, digest: bytes) -> UUID:
        return version_8(self._tenant_id.int >> 80, int.from_bytes(digest))


def version_8(prefix: int, content: int) -> UUID:
    """A UUIDv8 of a 48 bit prefix and the lowest 74 bits of some content."""
    middle, tail = content >> 62 & 0xFFF, content & (1 << 62) - 1
    return UUID(int=prefix << 80 | 8 << 76 | middle << 64 | 0b10 << 62 | tail)
