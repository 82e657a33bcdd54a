"""One tenant's part of the cache: all that code above the cache ever holds of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, overload
from uuid import UUID

from insula.kernel.cache.classes import CacheClass, Keeping
from insula.kernel.cache.process import ProcessLevel
from insula.kernel.cache.shared import Found, Wanted
from insula.kernel.cache.tally import Tally

Make = Callable[[], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class Mark:
    """The moment before a value is worked out, for ``put``."""

    wanted: Wanted
    since: int
    stamp: str | None


class Whole(Protocol):
    """The cache of all tenants, as far as one tenant's part needs it."""

    near: ProcessLevel
    tally: Tally

    async def read(self, tenant_id: UUID, key: str, kind: CacheClass) -> Found:
        """What the shared level knows."""

    async def remember(self, wanted: Wanted, make: Make) -> bytes | None:
        """A value that is not in this process."""

    async def mark(self, wanted: Wanted) -> Mark:
        """The present moment."""

    async def put(self, mark: Mark, value: bytes | None) -> bool:
        """Keep a value."""

    async def count(self, tenant_id: UUID, key: str, within: float) -> int:
        """Count one."""

    def drop(self, tenant_id: UUID, tag: str) -> None:
        """Something is stale."""

    def flush(self, tenant_id: UUID) -> None:
        """Everything of a tenant is stale."""


class TenantCache:
    """Answers of one tenant, by key; other tenants' cannot be named (D12)."""

    __slots__ = ("_tenant_id", "_whole")

    def __init__(self, whole: Whole, tenant_id: UUID) -> None:
        self._whole, self._tenant_id = whole, tenant_id

    def peek(self, key: str) -> bytes | None:
        """What this process keeps under a key, without counting the question."""
        entry = self._whole.near.look(self._tenant_id, key)
        return None if entry is None else entry.value

    async def get(self, key: str, kind: CacheClass) -> bytes | None:
        """What is kept under a key, None also if that is nothing."""
        entry = self._whole.near.look(self._tenant_id, key)
        if entry is not None:
            self._whole.tally.hit(kind)
            return entry.value
        found = await self._whole.read(self._tenant_id, key, kind)
        count = self._whole.tally.hit if found.known else self._whole.tally.miss
        count(kind)
        return found.value

    async def mark(
        self,
        key: str,
        kind: CacheClass,
        *,
        tags: Sequence[str] = (),
        ttl: float | None = None,
    ) -> Mark:
        """To be taken before a value is worked out that ``put`` shall keep."""
        keeping = Keeping(kind, tuple(tags), ttl)
        return await self._whole.mark(Wanted(self._tenant_id, key, keeping))

    async def put(self, mark: Mark, value: bytes | None) -> bool:
        """Keep a value, unless something changed since its mark: then False."""
        return await self._whole.put(mark, value)

    @overload
    async def remember(
        self,
        key: str,
        kind: CacheClass,
        make: Callable[[], Awaitable[bytes]],
        *,
        tags: Sequence[str] = (),
        ttl: float | None = None,
    ) -> bytes: ...
    @overload
    async def remember(
        self,
        key: str,
        kind: CacheClass,
        make: Make,
        *,
        tags: Sequence[str] = (),
        ttl: float | None = None,
    ) -> bytes | None: ...
    async def remember(
        self,
        key: str,
        kind: CacheClass,
        make: Make,
        *,
        tags: Sequence[str] = (),
        ttl: float | None = None,
    ) -> bytes | None:
        """What is kept under a key, else what ``make`` works out (S2-97).

        However many ask at once, one works it out, and its error is everybody's: what
        depends on who asks belongs into the key. None is kept for a minute at most.
        """
        entry = self._whole.near.look(self._tenant_id, key)
        if entry is not None:
            self._whole.tally.hit(kind)
            return entry.value
        wanted = Wanted(self._tenant_id, key, Keeping(kind, tuple(tags), ttl))
        return await self._whole.remember(wanted, make)

    async def count(self, key: str, *, within: float) -> int:
        """Count one under a key; how many it is in this window of seconds (S2-96)."""
        return await self._whole.count(self._tenant_id, key, within)

    def drop(self, tag: str) -> None:
        """Forget what has this tag, in every process."""
        self._whole.drop(self._tenant_id, tag)

    def flush(self) -> None:
        """Forget all that is kept of the tenant, in every process (S1-34)."""
        self._whole.flush(self._tenant_id)
