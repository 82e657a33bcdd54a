"""The level in this process: what is at hand, as long as it is known to be true."""

import time
from collections.abc import Callable
from uuid import UUID

from insula.kernel.cache.changes import Changes
from insula.kernel.cache.lru import Entry, Lru
from insula.kernel.cache.shared import Wanted

ALONE = 1.0
"""Seconds for which an answer is good while no news of other processes arrives."""


class ProcessLevel:
    """Entries with their time, and the changes that keep stale ones out.

    ``longest``: seconds for which anything is kept. ``connected`` tells whether news
    of other processes arrives at present.
    """

    def __init__(
        self,
        store: Lru,
        *,
        longest: float,
        connected: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self._longest = store, longest
        self._connected, self._clock = connected, clock
        self._changes = Changes()

    @property
    def number(self) -> int:
        """The number of the last change: to be taken before a value is worked out."""
        return self._changes.number

    def look(self, tenant_id: UUID, key: str) -> Entry | None:
        """The entry under a key, if it is still good."""
        entry = self.store.get(tenant_id, key)
        if entry is None:
            return None
        moment = self._clock()
        if moment < entry.until and (
            moment - entry.since <= ALONE or self._connected()
        ):
            return entry
        self.store.pop(tenant_id, key)
        return None

    def keep(self, wanted: Wanted, value: bytes | None, since: int) -> None:
        """Keep a value, unless something changed after the change ``since``."""
        if self.overtaken(wanted, since):
            return
        seconds = min(wanted.keeping.seconds(value), self._longest)
        moment = self._clock()
        entry = Entry(value, moment, moment + seconds, wanted.keeping.tags)
        self.store.put(wanted.tenant_id, wanted.key, entry)

    def overtaken(self, wanted: Wanted, since: int) -> bool:
        """Whether what was worked out from the change ``since`` on may be stale."""
        tags = wanted.keeping.tags
        return not self._changes.none_since(since, wanted.tenant_id, tags)

    def drop(self, tenant_id: UUID, tag: str) -> None:
        """Something is stale."""
        self._changes.note(tenant_id, tag)
        self.store.drop(tenant_id, tag)

    def clear(self) -> None:
        """Anything may be stale."""
        self._changes.note_all()
        self.store.clear()
