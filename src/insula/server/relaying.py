"""Relaying: one tenant after the other gets its turn, as soon as it has work."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from insula.kernel.database.session import Session
from insula.kernel.events.relay import Relay, Turn
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.tenancy.directory import Directory
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.tenant import Tenant
from insula.kernel.tenancy.waking import Due, WakeUps

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

TOGETHER = 8
"""Tenants that have their turns at the same time."""
PAUSE = 1.0
"""Seconds between looks when nobody says that there is work."""
DEBOUNCE = 0.02
"""Seconds at least between two rounds: notices are gathered meanwhile."""
UNREACHED = timedelta(seconds=15)
"""When a tenant is tried again whose home does not answer."""

OpenSession = Callable[[Tenant], Session]


class Relays:
    """Gives tenants their turns; any number of processes may do so together."""

    def __init__(
        self,
        relay: Relay,
        wake_ups: WakeUps,
        directory: Directory,
        open_session: OpenSession,
        announce: Callable[[str], None],
    ) -> None:
        self._relay, self._wake_ups, self._directory = relay, wake_ups, directory
        self._open, self._announce = open_session, announce
        self._hot: set[UUID] = set()
        self._wanted = asyncio.Event()
        self._full = False
        self._task: asyncio.Task[None] | None = None

    def heard(self, topic: str | None, kind: str) -> None:
        """Somebody committed something, or may have while we could not hear."""
        if topic is None:
            self._wanted.set()
            return
        name, _, text = topic.partition(":")
        tenant_id = parse_uuid(text) if name == kind else None
        if tenant_id is not None:
            self.hurry(tenant_id)

    def hurry(self, tenant_id: UUID) -> None:
        """Give a tenant its turn soon."""
        self._hot.add(tenant_id)
        self._wanted.set()

    async def start(self) -> None:
        """Begin to give turns."""
        self._task = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        """Stop; a turn that is cut short did not happen."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _loop(self) -> None:
        while True:
            try:
                await self._pause(await self._timed_round())
            except Exception as error:  # noqa: BLE001  # the loop outlives any one fault
                logger.error("relay.failed", error=describe(error))
                await asyncio.sleep(PAUSE)

    async def _timed_round(self) -> float | None:
        """The seconds that a round took; None when nobody was due."""
        began = time.monotonic()
        return time.monotonic() - began if await self.round() else None

    async def _pause(self, taken: float | None) -> None:
        """Leave the jobs of this process as much time as the turns have taken.

        Every end of a job asks for a turn of its tenant, but a turn costs more than a
        small job does: one turn has to do for many ends.
        """
        if taken is not None:
            await asyncio.sleep(0 if self._full else max(DEBOUNCE, taken))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE):
                await self._wanted.wait()

    async def round(self) -> int:
        """A turn for some of those that are due; answers for how many."""
        self._full = False
        self._wanted.clear()
        hot, self._hot = self._hot, set()
        if hot:
            await self._wake_ups.hurry(list(hot))
        due = await self._wake_ups.take(TOGETHER)
        await asyncio.gather(*(self._turn(it) for it in due))
        return len(due)

    async def _turn(self, due: Due) -> None:
        look_at: datetime | None = now() + UNREACHED
        try:
            turn = await self._turn_of(due)
            look_at = turn.look_at
            self._full = self._full or turn.full
            if turn.events:
                self._announce(f"events:{due.tenant_id}")
        except TenantNotFound:
            look_at = None
        except Exception as error:  # noqa: BLE001  # one tenant's fault is no other's
            tenant = str(due.tenant_id)
            logger.error("relay.turn_failed", tenant_id=tenant, error=describe(error))
        await self._wake_ups.put_back(due.tenant_id, look_at)

    async def _turn_of(self, due: Due) -> Turn:
        tenant = await self._directory.with_id(due.tenant_id)
        return await self._relay.turn(self._open(tenant), tenant.id, due.weight)
