"""Listeners: one connection's place in a tenant's room, with a bounded queue."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from uuid import UUID

from insula.kernel.events.live.reading import LiveEvent

MOST_WAITING = 1_000
MOST_BYTES = 4 * 1_048_576
FAREWELL = 2.0
"""Seconds in which a client must take its last words; a stuck one is cut off then."""


class Ending(StrEnum):
    """Why a listener hears no more."""

    restart = "restart"
    """The process stops; another will answer."""
    slow = "slow"
    """More waited than is kept for one; what it missed can be had by its number."""


class Listener:
    """What one connection still has to be told.

    ``base`` is the number after which events come by themselves. ``doubtful`` says
    that its rights may have changed: look again before telling it anything.
    """

    def __init__(self, who: UUID) -> None:
        self.who, self.base = who, 0
        self.doubtful = False
        self.ending: Ending | None = None
        self._waiting: deque[LiveEvent] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[object] | None = None
        self._cut: asyncio.TimerHandle | None = None

    def attend(self) -> None:
        """Note that the present task is the one that tells the client."""
        self._task = asyncio.current_task()

    def left(self) -> None:
        """Note that nobody tells it anything any more."""
        if self._cut is not None:
            self._cut.cancel()

    def offer(self, events: Sequence[LiveEvent]) -> None:
        """Let it be told of these; one that lags too far behind is hung up on."""
        if self.ending is not None:
            return
        self._waiting.extend(events)
        self._bytes += sum(len(it.text) for it in events)
        if len(self._waiting) > MOST_WAITING or self._bytes > MOST_BYTES:
            self.end(Ending.slow)
        self._news.set()

    def take(self) -> LiveEvent | None:
        """The next event; None when there is none, or something else comes first."""
        if self.doubtful or self.ending is not None or not self._waiting:
            return None
        event = self._waiting.popleft()
        self._bytes -= len(event.text)
        return event

    def doubt(self) -> None:
        """Have its rights looked at again."""
        self.doubtful = True
        self._news.set()

    def end(self, ending: Ending) -> None:
        """Tell it no more, and let go of what waited."""
        self.ending = ending
        if self._cut is None and self._task is not None:
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(FAREWELL, self._task.cancel)
        self._waiting.clear()
        self._bytes = 0
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to do, or after so many seconds."""
        self._news.clear()
        if self._waiting or self.doubtful or self.ending is not None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
