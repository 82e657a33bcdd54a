"""Connections: small lazy pools, one a database and role, under one budget."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import asyncpg
import msgspec

from insula.kernel.database.home import Login
from insula.kernel.database.slowness import Slowness
from insula.kernel.foundation.errors import Unavailable

Connection = asyncpg.Connection
Record = asyncpg.Record


class NoConnection(Unavailable):
    """Every database connection is busy: try again in a moment."""

    code = "DATABASE_BUSY"


class DatabaseAway(Unavailable):
    """The database does not answer: try again in a moment."""

    code = "DATABASE_UNAVAILABLE"


async def _prepare(connection: Connection) -> None:
    for name in ("jsonb", "json"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=_json_text,
            decoder=_raw,
            format="text",
        )


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


async def connect(login: Login, *, timeout: float = 10) -> Connection:
    """Open one connection whose JSON columns come back as raw text.

    Raises ``DatabaseAway`` when the server does not answer.
    """
    try:
        connection: Connection = await asyncpg.connect(
            host=login.host,
            port=login.port,
            database=login.database,
            user=login.user,
            password=login.password or None,
            ssl=False if login.host.startswith("/") else login.ssl,
            timeout=timeout,
            statement_cache_size=300,
            max_cached_statement_lifetime=0,
            server_settings={"application_name": "insula", "jit": "off"},
        )
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
        raise DatabaseAway from error
    except asyncpg.TooManyConnectionsError as error:
        raise NoConnection from error
    try:
        await _prepare(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


@dataclass(eq=False, slots=True)
class Pool:
    """The open connections of one database and role; most recently used first."""

    login: Login
    idle: deque[Connection] = field(default_factory=deque)
    busy: int = 0


class Pools:
    """All pools of this process, opened lazily and bounded together.

    ``budget`` is the number of connections over all databases, ``share`` the most
    that one database may hold of them. When the budget is spent, the connection of
    the least recently used pool that is idle is closed; when none is idle, a caller
    waits up to ``patience`` seconds.
    """

    def __init__(
        self,
        *,
        budget: int = 64,
        share: int = 16,
        patience: float = 5,
        slowness: Slowness | None = None,
    ) -> None:
        self.budget, self.share, self.patience = budget, share, patience
        self.slowness = slowness or Slowness()
        self.open = 0
        self._pools: OrderedDict[Login, Pool] = OrderedDict()
        self._waiters: deque[tuple[asyncio.Future[None], Pool]] = deque()
        self._closed = False

    @property
    def busy(self) -> int:
        """How many connections are lent."""
        return sum(pool.busy for pool in self._pools.values())

    async def acquire(self, login: Login) -> tuple[Pool, Connection]:
        """Borrow a connection; give it back with ``release``."""
        pool = self._pools.get(login)
        if pool is None:
            pool = self._pools[login] = Pool(login)
        else:
            self._pools.move_to_end(login)
        return pool, self._idle(pool) or await self._open(pool)

    def _idle(self, pool: Pool) -> Connection | None:
        """The idle connection that was used last, if any is still open."""
        while pool.idle:
            connection = pool.idle.pop()
            if not connection.is_closed():
                pool.busy += 1
                return connection
            self.open -= 1
        return None

    async def _open(self, pool: Pool) -> Connection:
        deadline = asyncio.get_running_loop().time() + self.patience
        while pool.busy >= self.share or self.open >= self.budget:
            if self._closed:
                raise DatabaseAway
            if pool.busy < self.share and await self._evict():
                continue
            await self._wait(pool, deadline)
            if connection := self._idle(pool):
                return connection
        self.open += 1
        pool.busy += 1
        opening = asyncio.ensure_future(connect(pool.login))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Cut short it would be wasted; finished, somebody else can use it.
            opening.add_done_callback(partial(self._adopt, pool))
            raise
        except BaseException:
            self._give_up(pool)
            raise

    def _adopt(self, pool: Pool, opening: asyncio.Future[Connection]) -> None:
        """Take in a connection whose caller left before it was open."""
        if opening.cancelled() or opening.exception() is not None or self._closed:
            if not opening.cancelled() and opening.exception() is None:
                opening.result().terminate()
            self._give_up(pool)
            return
        pool.busy -= 1
        pool.idle.append(opening.result())
        self._wake()

    def _give_up(self, pool: Pool) -> None:
        self.open -= 1
        pool.busy -= 1
        self._wake()

    async def _wait(self, pool: Pool, deadline: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = waiter, pool
        self._waiters.append(entry)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except BaseException as error:
            if entry in self._waiters:
                self._waiters.remove(entry)
            else:
                self._wake()  # what was meant for us is somebody else's
            if isinstance(error, TimeoutError):
                raise NoConnection from None
            raise

    def _wake(self) -> None:
        """Let the first go on who has waited for what there is now."""
        for entry in self._waiters:
            waiter, pool = entry
            if pool.busy < self.share and not waiter.done():
                self._waiters.remove(entry)
                waiter.set_result(None)
                return

    async def _evict(self) -> bool:
        for pool in self._pools.values():
            if pool.idle:
                connection = pool.idle.popleft()
                self.open -= 1
                try:
                    await _close(connection)
                except BaseException:
                    self._wake()
                    raise
                return True
        return False

    async def release(self, pool: Pool, connection: Connection) -> None:
        """Take a connection back; an open transaction on it is rolled back first."""
        if not connection.is_closed() and connection.is_in_transaction():
            await _roll_back(connection)
        pool.busy -= 1
        forgotten = self._pools.get(pool.login) is not pool
        if connection.is_closed() or self._closed or forgotten:
            self.open -= 1
            await _close(connection)
        else:
            pool.idle.append(connection)
        if self._waiters:
            self._wake()

    async def _recover(self, pool: Pool, connection: Connection) -> None:
        """Take back a connection on which a statement may still be under way.

        Whoever is cancelled leaves before the server has heard of it: until then the
        connection does not know that a BEGIN was carried out.
        """
        await _settle(connection)
        await self.release(pool, connection)

    @asynccontextmanager
    async def borrow(self, login: Login) -> AsyncIterator[Connection]:
        """A connection for the length of a block."""
        pool, connection = await self.acquire(login)
        try:
            yield connection
        except BaseException:
            await asyncio.shield(self._recover(pool, connection))
            raise
        await asyncio.shield(self.release(pool, connection))

    async def fetch(
        self, login: Login, text: str, *args: object, whose: str | None = None
    ) -> Sequence[Record]:
        """Run one statement in a transaction of its own; ``whose`` is the tenant."""
        pool, connection = await self.acquire(login)
        began = perf_counter()
        try:
            rows: Sequence[Record] = await connection.fetch(text, *args)
        except BaseException:
            self.slowness.note(text, whose, perf_counter() - began)
            await asyncio.shield(self._recover(pool, connection))
            raise
        # Asked here as well: a call that says no costs more than the question.
        if (seconds := perf_counter() - began) > self.slowness.after:
            self.slowness.note(text, whose, seconds)
        await self.release(pool, connection)
        return rows

    async def forget(self, database: str) -> None:
        """Close the idle connections of a database that is about to be dropped."""
        for login in [known for known in self._pools if known.database == database]:
            pool = self._pools.pop(login)
            while pool.idle:
                self.open -= 1
                await _close(pool.idle.pop())

    async def close(self) -> None:
        """Close every idle connection; busy ones close when they are given back."""
        self._closed = True
        for pool in self._pools.values():
            while pool.idle:
                self.open -= 1
                await _close(pool.idle.pop())
        waiting, self._waiters = self._waiters, deque()
        for waiter, _ in waiting:
            if not waiter.done():
                waiter.set_result(None)


async def commit(connection: Connection) -> None:
    """Commit, and know that it is over even when the caller is cancelled meanwhile."""
    task = asyncio.ensure_future(connection.execute("COMMIT"))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def undo(connection: Connection, savepoint: str) -> None:
    """Roll back to a savepoint and forget it, whatever is still under way."""
    await _settle(connection)
    if connection.is_closed():
        return
    back = f"ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}"
    try:
        await connection.execute(back, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


async def _settle(connection: Connection) -> None:
    """Wait until the server has answered, or cancelled, whatever was sent."""
    try:
        await connection.execute("SELECT", timeout=5)
    except asyncpg.PostgresError:
        return  # of a transaction that had failed, or hit by a cancel that came late
    except (OSError, TimeoutError, asyncpg.InterfaceError):
        connection.terminate()


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK", timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise
