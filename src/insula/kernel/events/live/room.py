"""Rooms: all who listen to one tenant in this process; its events are read once for them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from insula.kernel.database.session import Session
from insula.kernel.events.live.listener import Listener
from insula.kernel.events.live.reading import Reader, read_span
from insula.kernel.foundation.faults import describe

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH = 100
LOOK = 10.0
"""Seconds after which a room looks for events even without a notice: one may be lost."""
LOOK_ALONE = 1.0
"""The same while no notices arrive at all."""
RETRY = 1.0


class Room:
    """Reads a tenant's new events and hands each to every listener.

    ``reads`` bounds how many rooms ask the database at a time.
    """

    def __init__(
        self,
        session: Session,
        reader: Reader,
        reads: asyncio.Semaphore,
        connected: Callable[[], bool],
    ) -> None:
        self._session, self._reader = session, reader
        self.listeners = set[Listener]()
        self.last = 0
        self._reads, self._connected = reads, connected
        self._news = asyncio.Event()
        self._open = asyncio.ensure_future(self._begin())
        self._task = asyncio.create_task(self._go_on())

    async def ready(self) -> None:
        """Return once the room knows where it begins, or raise why it does not."""
        await asyncio.shield(self._open)

    def wake(self) -> None:
        """Look for events now."""
        self._news.set()

    def close(self) -> None:
        """Read no more."""
        self._open.cancel()
        self._task.cancel()

    async def _begin(self) -> None:
        async with self._reads:
            self.last = (await read_span(self._session)).last

    async def _go_on(self) -> None:
        await asyncio.wait([self._open])
        if self._open.cancelled() or self._open.exception() is not None:
            return
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK if self._connected() else LOOK_ALONE):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001  # the room outlives a database that is away
                logger.warning("live.unread", error=describe(error))
                self._news.set()
                await asyncio.sleep(RETRY)

    async def _read(self) -> None:
        while True:
            async with self._reads:
                events = await self._reader.after(self._session, self.last, BATCH)
            if events:
                self.last = events[-1].sequence
                for listener in self.listeners:
                    listener.offer(events)
            if len(events) < BATCH:
                return
