"""Probes: the questions that health checks put to what the process depends on."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import asyncpg

from insula.kernel.cache.front import Cache
from insula.kernel.database.home import Login
from insula.kernel.database.pool import Connection, Pools, connect
from insula.kernel.operations.channels import Channels


class DatabaseProbe:
    """Asks the database over a connection of its own.

    A pool that is spent makes callers wait; it does not mean that the database is
    away, and must not turn the process unready just when it is busiest.
    """

    def __init__(self, login: Login, pools: Pools) -> None:
        self._login, self._pools = login, pools
        self._connection: Connection | None = None

    async def __call__(self) -> Mapping[str, object]:
        """How long a query takes, and how much of the pool is in use (S2-72)."""
        began = time.perf_counter()
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._login)
            await self._connection.fetchval("SELECT 1")
        except BaseException:
            self._drop()
            raise
        return {
            "query_ms": round((time.perf_counter() - began) * 1000, 2),
            "open": self._pools.open,
            "most": self._pools.budget,
        }

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError):
                await connection.close(timeout=2)


class CacheAway(Exception):
    """The shared level of the cache does not answer; this process does without."""


class CacheProbe:
    """Tells whether the cache is there and how often it knew the answer (S2-73)."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def __call__(self) -> Mapping[str, object]:
        """Hits, misses and their rate; the rate is null until there was a question."""
        tally, shared = self._cache.tally, self._cache.shared
        if shared is not None and not await shared.ping():
            raise CacheAway
        return {
            "driver": "memory" if shared is None else shared.driver,
            "hits": tally.hits,
            "misses": tally.misses,
            "hit_rate": tally.ratio,
        }


class LinesLost(Exception):
    """Log lines were lost since the last look."""


class LogProbe:
    """Tells whether the log keeps up (S2-74)."""

    def __init__(self, channels: Channels) -> None:
        self._channels, self._lost = channels, 0

    async def __call__(self) -> Mapping[str, object]:
        """How many lines wait; raises ``LinesLost`` when some will never come."""
        before, self._lost = self._lost, self._channels.lost
        if self._lost > before:
            raise LinesLost
        return {"waiting": self._channels.waiting}


class PortProbe:
    """Tells whether something outside can be reached at all (S2-75)."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def __call__(self) -> Mapping[str, object]:
        """Connect and hang up."""
        _, writer = await asyncio.open_connection(self._host, self._port)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return {}
