"""The store in this process: bounded in entries and in bytes, the least used go first."""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

OVERHEAD = 400
"""Bytes that an entry costs beside its value: objects, and its places in the indexes."""
LARGEST = 8
"""A value of more than this part of the whole store is not kept."""
EVERYTHING = "*"
"""The tag of all that is kept for a tenant."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value (None: known to be nothing), and from when to when it is good."""

    value: bytes | None
    since: float
    until: float
    tags: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of memory, roughly."""
        return OVERHEAD + len(self.value or b"")


class Lru:
    """Entries by tenant and key; it knows no time and decides nothing."""

    def __init__(self, most: int = 10_000, most_bytes: int = 64 * 2**20) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[tuple[UUID, str], Entry] = OrderedDict()
        self._tagged: dict[tuple[UUID, str], set[str]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, tenant_id: UUID, key: str) -> Entry | None:
        """The entry under a key, which is the last to go from now on."""
        place = tenant_id, key
        entry = self._kept.get(place)
        if entry is not None:
            self._kept.move_to_end(place)
        return entry

    def put(self, tenant_id: UUID, key: str, entry: Entry) -> None:
        """Keep an entry, and let go of others until all fits."""
        self.pop(tenant_id, key)
        if entry.size * LARGEST > self._most_bytes:
            return
        self._kept[tenant_id, key] = entry
        self.bytes += entry.size
        for tag in (EVERYTHING, *entry.tags):
            self._tagged.setdefault((tenant_id, tag), set()).add(key)
        while len(self._kept) > self._most or self.bytes > self._most_bytes:
            self.pop(*next(iter(self._kept)))

    def pop(self, tenant_id: UUID, key: str) -> None:
        """Let go of an entry, if it is there."""
        entry = self._kept.pop((tenant_id, key), None)
        if entry is None:
            return
        self.bytes -= entry.size
        for tag in (EVERYTHING, *entry.tags):
            keys = self._tagged[tenant_id, tag]
            keys.discard(key)
            if not keys:
                del self._tagged[tenant_id, tag]

    def drop(self, tenant_id: UUID, tag: str) -> None:
        """Let go of all entries of a tenant with this tag."""
        for key in tuple(self._tagged.get((tenant_id, tag), ())):
            self.pop(tenant_id, key)

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self._tagged.clear()
        self.bytes = 0
