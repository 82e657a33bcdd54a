"""The bus: short notices between processes over LISTEN/NOTIFY, never rows or secrets."""

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress

import asyncpg

from insula.kernel.database.afterwards import put_off
from insula.kernel.database.home import Login
from insula.kernel.database.pool import Connection, connect
from insula.kernel.foundation.errors import Unavailable

CHANNEL = "insula"
NOTIFY = "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic"
GATHER = 0.1
"""Seconds between two statements: what is announced meanwhile goes with the next."""
RETRY = 1.0
"""Seconds between attempts to listen again."""


class Bus:
    """Hears what other processes announce, and tells its subscribers.

    While ``connected`` is False notices may be lost: whoever caches on the strength
    of them falls back to a short time to live. A subscriber is told ``None`` when
    the connection is (again) there, because anything may have happened meanwhile.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._subscribers: list[Callable[[str | None], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._pending: set[str] = set()
        self._mentioned: set[tuple[str, Hashable]] = set()
        self._wanted = asyncio.Event()
        self._connection: Connection | None = None

    @property
    def connected(self) -> bool:
        """Whether notices arrive at present."""
        return self._listening.is_set()

    def subscribe(self, subscriber: Callable[[str | None], None]) -> None:
        """Have a plain function called with every topic that is announced."""
        self._subscribers.append(subscriber)

    async def start(self) -> None:
        """Begin to listen; returns once listening, raises if that fails."""
        connection = await self._listen()
        self._task = asyncio.create_task(self._stay(connection))
        self._sender = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Stop listening; what was announced just before is still sent."""
        if self._task is None or self._sender is None:
            await self._send_alone()
            return
        for task in (self._sender, self._task):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def announce(self, topic: str) -> None:
        """Tell this process at once, and all others within ``GATHER`` seconds.

        Many announcements of one topic meanwhile are one notice.
        """
        if put_off(self.announce, topic):
            return
        self._tell(topic)
        self._pending.add(topic)
        self._wanted.set()

    def mention(self, kind: str, subject: Hashable) -> None:
        """Tell all others that something of that kind is about a subject.

        For what happens thousands of times a second: it costs a set's insertion.
        """
        if put_off(self.mention, kind, subject):
            return
        self._mentioned.add((kind, subject))
        self._wanted.set()

    async def _send(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                await self._flush()
                await asyncio.sleep(GATHER)
        finally:
            await self._flush()

    async def _send_alone(self) -> None:
        """Send what a process announced that never listened, such as a command."""
        if self._pending or self._mentioned:
            self._connection = await connect(self._login)
            await self._flush()
            await self._connection.close(timeout=2)

    async def _flush(self) -> None:
        """Send what waits; what cannot be sent now waits for the next connection."""
        self._wanted.clear()
        self._pending.update(f"{kind}:{subject}" for kind, subject in self._mentioned)
        self._mentioned.clear()
        if not self._pending or self._connection is None:
            return
        topics, self._pending = self._pending, set()
        try:
            await self._connection.execute(NOTIFY, CHANNEL, list(topics))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._pending |= topics

    async def _listen(self) -> Connection:
        connection = await connect(self._login)
        await connection.add_listener(CHANNEL, self._heard)
        self._connection = connection
        self._listening.set()
        self._wanted.set()
        self._tell(None)
        return connection

    async def _stay(self, connection: Connection) -> None:
        try:
            while True:
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await lost.wait()
                self._listening.clear()
                connection = await self._again()
        finally:
            self._listening.clear()
            connection.terminate()

    async def _again(self) -> Connection:
        while True:
            with suppress(OSError, asyncpg.PostgresError, Unavailable):
                return await self._listen()
            await asyncio.sleep(RETRY)

    def _heard(self, *notice: object) -> None:
        self._tell(str(notice[3]))

    def _tell(self, topic: str | None) -> None:
        for subscriber in self._subscribers:
            subscriber(topic)
