"""Outstanding news: what the shared level must still be told before it is believed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.cache.invalidation import CHANGED, UNTOLD
from insula.kernel.cache.shared import Shared

AGAIN = 0.5
"""Seconds between attempts to tell."""

Tell = Callable[[str, UUID, str], None]
"""Has other processes hear a notice about a tag of a tenant."""


@dataclass(slots=True, eq=False)
class News:
    """A tag is stale; ``announce``: other processes do not know yet."""

    announce: bool


class Outstanding:
    """Tells the shared level what is stale, and then the other processes.

    In that order: who hears the notice and asks the shared level must not find the
    old value there. Until it is told, this process does not ask it about the tenant;
    when it cannot be told, every process that hears the notice tries, too.
    """

    def __init__(self, shared: Shared, tell: Tell) -> None:
        self._shared, self._tell = shared, tell
        self._waiting: dict[UUID, dict[str, News]] = {}
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def __contains__(self, tenant_id: UUID) -> bool:
        return tenant_id in self._waiting

    def add(self, tenant_id: UUID, tag: str, *, announce: bool) -> None:
        """Something is stale."""
        waiting = self._waiting.setdefault(tenant_id, {})
        before = waiting.get(tag)
        waiting[tag] = News(announce or (before is not None and before.announce))
        self._begin()

    def _begin(self) -> None:
        if self._task is not None and not self._task.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a command between two of its loops: ``settle`` tells
            return
        self._task = loop.create_task(self._go_on())

    async def settle(self) -> bool:
        """Tell what waits, now; False if that did not work."""
        async with self._turn:  # told twice, what was stored between is lost
            for tenant_id in tuple(self._waiting):
                if not await self._tell_of(tenant_id):
                    return False
        return True

    async def stop(self) -> None:
        """Try once more, then give up."""
        await self.settle()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _go_on(self) -> None:
        while self._waiting:
            if not await self.settle():
                await asyncio.sleep(AGAIN)

    async def _tell_of(self, tenant_id: UUID) -> bool:
        told = dict(self._waiting[tenant_id])
        done = await self._shared.drop(tenant_id, told)
        for tag, news in told.items():
            if news.announce:
                news.announce = False
                self._tell(CHANGED if done else UNTOLD, tenant_id, tag)
        if done:
            self._forget(tenant_id, told)
        return done

    def _forget(self, tenant_id: UUID, told: Mapping[str, News]) -> None:
        """What became stale again meanwhile is still to be told."""
        waiting = self._waiting.get(tenant_id, {})
        for tag, news in told.items():
            if waiting.get(tag) is news:
                del waiting[tag]
        if not waiting:
            self._waiting.pop(tenant_id, None)
