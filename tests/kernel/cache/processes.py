"""Caches of several processes in one, and the clock that they share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from insula.kernel.cache.front import Cache
from insula.kernel.cache.redis import RedisShared, RedisUrls, connect

PATIENT = 5.0
"""Seconds: a busy machine is no fault."""


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Processes:
    """Caches that hear each other's notices; with Redis behind them, or without."""

    def __init__(self, urls: RedisUrls | None, prefix: str) -> None:
        self._urls, self.prefix = urls, prefix
        self.clock, self.connected = Clock(), True
        self.all: list[Cache] = []
        self.notices: list[str] = []

    def start(self) -> Cache:
        """One more process."""
        shared = None
        if self._urls is not None:
            shared = RedisShared(
                self._urls, prefix=self.prefix, clock=self.clock, timeout=PATIENT
            )
        cache = Cache(
            shared,
            clock=self.clock,
            connected=lambda: self.connected,
            mention=self._mention,
        )
        self.all.append(cache)
        return cache

    def _mention(self, kind: str, subject: Any) -> None:
        self.notices.append(f"{kind}:{subject}")
        for cache in self.all if self.connected else ():
            cache.heard(self.notices[-1])

    async def close(self) -> None:
        """End them all."""
        for cache in self.all:
            await cache.close()


async def sweep(url: str, prefix: str) -> None:
    """Delete what a test left in Redis."""
    client = connect(url, PATIENT)
    left = [it async for it in client.scan_iter(f"{prefix}*")]
    if left:
        await client.unlink(*left)
    await client.aclose()
    await client.connection_pool.disconnect()


class Source:
    """Where values come from: counts how often it was asked."""

    def __init__(self, value: bytes | None = b"1") -> None:
        self.value, self.asked, self.begun = value, 0, asyncio.Event()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def __call__(self) -> bytes | None:
        """The value that it has when asked; then, perhaps, something happens."""
        self.asked += 1
        self.begun.set()
        value = self.value
        if self.meanwhile is not None:
            await self.meanwhile()
        return value
