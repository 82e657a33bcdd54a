"""The cache: answers kept for a while, under keys that always begin with a tenant."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from insula.kernel.cache.classes import LONGEST, CacheClass, Keeping
from insula.kernel.cache.counters import Counters
from insula.kernel.cache.flights import Abandoned, Flights
from insula.kernel.cache.invalidation import (
    CHANGED,
    Stale,
    read_notice,
    tag_for,
)
from insula.kernel.cache.lru import EVERYTHING, Lru
from insula.kernel.cache.outstanding import Outstanding
from insula.kernel.cache.process import ProcessLevel
from insula.kernel.cache.shared import AWAY, Found, Shared, Wanted
from insula.kernel.cache.tally import Tally
from insula.kernel.cache.tenant import Make, Mark, TenantCache
from insula.kernel.database.afterwards import put_off

FRONT = 5.0
"""Seconds for which this process keeps what it could ask of the shared level."""
POLL, POLLS = 0.02, 100
"""Seconds between looks for what another process works out, and how many."""


class Cache:
    """What this process keeps of all tenants, and the shared level behind it.

    It is used through ``of(tenant_id)``; there is no way to what it keeps without a
    tenant (D12). ``connected``: whether news of other processes arrives at present;
    ``mention`` makes them hear a notice, which they hand to ``heard``.
    """

    def __init__(
        self,
        shared: Shared | None = None,
        *,
        connected: Callable[[], bool] = lambda: True,
        mention: Callable[[str, Any], None] = lambda _kind, _subject: None,
        clock: Callable[[], float] = time.monotonic,
        store: Lru | None = None,
    ) -> None:
        self.shared, self._mention = shared, mention
        self.near = ProcessLevel(
            Lru() if store is None else store,
            longest=LONGEST if shared is None else FRONT,
            connected=connected,
            clock=clock,
        )
        self._flights, self._counters, self.tally = Flights(), Counters(clock), Tally()
        self._me = secrets.token_hex(4)
        self._news = None if shared is None else Outstanding(shared, self._tell)

    def of(self, tenant_id: UUID) -> TenantCache:
        """What is kept of one tenant."""
        return TenantCache(self, tenant_id)

    async def read(self, tenant_id: UUID, key: str, kind: CacheClass) -> Found:
        """What the shared level knows, and this process from now on."""
        since, shared = self.near.number, self._believed(tenant_id)
        found = AWAY if shared is None else await shared.read(tenant_id, key, kind)
        if found.known:
            wanted = Wanted(tenant_id, key, Keeping(kind, found.tags))
            self.near.keep(wanted, found.value, since)
        return found

    async def remember(self, wanted: Wanted, make: Make) -> bytes | None:
        """A value that is not in this process: somebody's work under way, or ours."""
        while (flight := self._flights.under_way(wanted)) is not None:
            if self.near.overtaken(wanted, flight.since):
                break
            try:
                value = await flight.wait()
            except Abandoned:
                continue
            self.tally.hit(wanted.keeping.kind)
            return value
        since = self.near.number
        async with self._flights.begin(wanted, since) as flight:
            flight.value = await self._obtain(wanted, make, since)
            return flight.value

    async def _obtain(self, wanted: Wanted, make: Make, since: int) -> bytes | None:
        """The value from the shared level, or made, and kept on both."""
        found = await self._claim(wanted)
        if found.known:
            self.tally.hit(wanted.keeping.kind)
            self.near.keep(wanted, found.value, since)
            return found.value
        self.tally.miss(wanted.keeping.kind)
        try:
            value = await make()
        except BaseException:
            await self._release(wanted, found.stamp)
            raise
        await self.put(Mark(wanted, since, found.stamp), value)
        return value

    async def _claim(self, wanted: Wanted) -> Found:
        """The value, or leave to make it; after two seconds without either, too."""
        shared, found = self._believed(wanted.tenant_id), AWAY
        for _ in range(POLLS if shared else 0):
            assert shared is not None
            found = await shared.claim(wanted)
            if not found.busy:
                break
            await asyncio.sleep(POLL)
        return found

    async def _release(self, wanted: Wanted, stamp: str | None) -> None:
        if self.shared is not None and stamp is not None:
            await self.shared.release(wanted, stamp)

    async def mark(self, wanted: Wanted) -> Mark:
        """The moment before a value is worked out."""
        since, shared = self.near.number, self._believed(wanted.tenant_id)
        stamp = None if shared is None else await shared.stamp(wanted)
        return Mark(wanted, since, stamp)

    async def put(self, mark: Mark, value: bytes | None) -> bool:
        """Keep a value, unless something changed since its mark."""
        wanted = mark.wanted
        if self.near.overtaken(wanted, mark.since):
            await self._release(wanted, mark.stamp)
            return False
        if self.shared is not None and mark.stamp is not None:
            kept = await self.shared.store(wanted, mark.stamp, value)
        else:
            kept = True
        if kept:
            self.near.keep(wanted, value, mark.since)
        return kept

    async def count(self, tenant_id: UUID, key: str, within: float) -> int:
        """Count one, in the shared level if it is there, else in this process."""
        if self.shared is not None:
            number = await self.shared.count(tenant_id, key, within)
            if number is not None:
                return number
        return self._counters.count(tenant_id, key, within)

    def drop(self, tenant_id: UUID, tag: str) -> None:
        """Forget what has a tag, and have every process and the shared level do so."""
        if put_off(self.drop, tenant_id, tag):
            return
        self.near.drop(tenant_id, tag)
        if self._news is None:
            self._tell(CHANGED, tenant_id, tag)
        else:
            self._news.add(tenant_id, tag, announce=True)

    def flush(self, tenant_id: UUID) -> None:
        """Forget all that is kept of one tenant, and nothing of any other."""
        self.drop(tenant_id, EVERYTHING)

    def invalidate(self, tenant_id: UUID, event: str) -> None:
        """Forget what an event makes stale, by its name (S0-48)."""
        self.drop(tenant_id, tag_for(event))

    def heard(self, topic: str | None) -> None:
        """News of other processes; None: some may have been lost."""
        if topic is None:
            self.clear()
            return
        notice = read_notice(topic)
        if notice is None or notice[1].origin == self._me:
            return
        kind, stale = notice
        self.near.drop(stale.tenant_id, stale.tag)
        if kind != CHANGED and self._news is not None:
            self._news.add(stale.tenant_id, stale.tag, announce=False)

    def clear(self) -> None:
        """Forget everything in this process."""
        self.near.clear()

    async def settle(self) -> bool:
        """Have the shared level know all that is stale; False if it cannot be told."""
        return self._news is None or await self._news.settle()

    async def purge(self, tenant_id: UUID) -> None:
        """Delete every trace of a tenant, here and in the shared level."""
        self.flush(tenant_id)
        if self.shared is not None:
            await self.shared.purge(tenant_id)

    async def close(self) -> None:
        """Say what is still to be said, and close the shared level."""
        self.clear()
        if self._news is not None and self.shared is not None:
            await self._news.stop()
            await self.shared.close()

    def _believed(self, tenant_id: UUID) -> Shared | None:
        """The shared level, unless it does not know yet what is stale."""
        if self._news is None or tenant_id in self._news:
            return None
        return self.shared

    def _tell(self, kind: str, tenant_id: UUID, tag: str) -> None:
        self._mention(kind, Stale(tenant_id, tag, self._me))
