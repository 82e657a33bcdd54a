"""The shared level on Redis or Valkey, optional (R24): without it everything works on."""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import RedisError

from insula.kernel.cache import scripts
from insula.kernel.cache.breaker import Breaker
from insula.kernel.cache.classes import LONGEST, CacheClass
from insula.kernel.cache.keys import full_key
from insula.kernel.cache.lru import EVERYTHING
from insula.kernel.cache.shared import AWAY, Found, Wanted
from insula.kernel.foundation.settings import Settings

TIMEOUT = 0.25
"""Seconds after which asking the database is the better idea."""
LOCK_MS = 5_000
"""For how long a process that works something out may keep others waiting."""
HASH_MS = int(2 * LONGEST * 1000)
"""Generations outlive every value that carries them."""
NOTHING, SOMETHING = b"0", b"1"
"""The first byte of what is stored: known to be nothing, or followed by a value."""


def connect(url: str, timeout: float = TIMEOUT) -> Redis:
    """A client that connects when it is first used.

    RESP2, since RESP3 answers in other types and lets servers push. A connection that
    was lost while nobody used it is replaced once, without a fault.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        protocol=2,
        max_connections=16,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, supported_errors=(Lost,)),
    )
    return Redis.from_pool(pool)


class Keyspace:
    """One of Redis's databases with the scripts that run in it."""

    def __init__(self, url: str, timeout: float) -> None:
        self.client = client = connect(url, timeout)
        self.read = client.register_script(scripts.READ)
        self.claim = client.register_script(scripts.CLAIM)
        self.stamp = client.register_script(scripts.STAMP)
        self.store = client.register_script(scripts.STORE)
        self.release = client.register_script(scripts.RELEASE)
        self.drop = client.register_script(scripts.DROP)
        self.count = client.register_script(scripts.COUNT)


@dataclass(frozen=True, slots=True)
class RedisUrls:
    """Where counters, values, and what is kept of sessions are (S1-35)."""

    default: str
    cache: str
    session: str


def shared_by(settings: Settings) -> "RedisShared | None":
    """The shared level of an installation, None if it has no Redis."""
    default = settings.redis_at(settings.redis_db)
    values = settings.redis_at(settings.redis_cache_db)
    sessions = settings.redis_at(settings.redis_session_db)
    if default is None or values is None or sessions is None:
        return None
    return RedisShared(RedisUrls(default, values, sessions))


class RedisShared:
    """Values, locks and counters in Redis; ``prefix`` where installations share one."""

    driver = "redis"

    def __init__(
        self,
        urls: RedisUrls,
        *,
        prefix: str = "",
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        self._prefix, self._breaker = prefix, Breaker(clock)
        self._default = Keyspace(urls.default, timeout)
        self._values = Keyspace(urls.cache, timeout)
        self._sessions = Keyspace(urls.session, timeout)

    @property
    def up(self) -> bool:
        """Whether it answered when it was last asked."""
        return self._breaker.closed

    @property
    def faults(self) -> int:
        """Questions that it did not answer."""
        return self._breaker.faults

    async def read(self, tenant_id: UUID, key: str, kind: CacheClass) -> Found:
        """The value, if it is there and nothing has changed since it was stored."""
        keys = self._keys(tenant_id, key)[:2]
        stored = await self._run(self._of(kind).read, keys)
        return _found(stored) if stored else AWAY

    async def stamp(self, wanted: Wanted) -> str | None:
        """What a value must be stored with that is worked out from now on."""
        tags = EVERYTHING, *wanted.keeping.tags
        args = (secrets.token_hex(8), HASH_MS, 0, *tags)
        keys = self._keys(wanted.tenant_id, wanted.key)[1:2]
        answer = await self._run(self._of(wanted.keeping.kind).stamp, keys, args)
        return None if answer is None else str(answer.decode())

    async def claim(self, wanted: Wanted) -> Found:
        """The same; who is neither answered nor told ``busy`` shall work it out."""
        tags = EVERYTHING, *wanted.keeping.tags
        args = (secrets.token_hex(8), HASH_MS, LOCK_MS, *tags)
        keys = self._keys(wanted.tenant_id, wanted.key)
        answer = await self._run(self._of(wanted.keeping.kind).claim, keys, args)
        if not answer:
            return AWAY
        if answer[0] is not None:
            return _found(answer[0])
        return Found(stamp=answer[1].decode(), busy=answer[2] == 1)

    async def store(self, wanted: Wanted, stamp: str, value: bytes | None) -> bool:
        """Keep a value, and end its claim; False if something has changed since."""
        milliseconds = int(wanted.keeping.seconds(value) * 1000)
        stored = NOTHING if value is None else SOMETHING + value
        args = (stamp, stored, max(milliseconds, 1), HASH_MS)
        keys = self._keys(wanted.tenant_id, wanted.key)
        done = await self._run(self._of(wanted.keeping.kind).store, keys, args)
        return bool(done != 0)

    async def release(self, wanted: Wanted, stamp: str) -> None:
        """Let somebody else work it out."""
        keys = self._keys(wanted.tenant_id, wanted.key)[2:]
        await self._run(self._of(wanted.keeping.kind).release, keys, (stamp,))

    async def drop(self, tenant_id: UUID, tags: Iterable[str]) -> bool:
        """Forget what has these tags; False if that could not be done now."""
        keys = self._keys(tenant_id, "")[1:2]
        args = (secrets.token_hex(8), HASH_MS, *tags)
        for space in (self._values, self._sessions):
            if await self._run(space.drop, keys, args) is None:
                return False
        return True

    async def purge(self, tenant_id: UUID) -> None:
        """Delete every trace of a tenant; reads all keys, so it is for goodbyes."""
        pattern = f"{self._prefix}{full_key(tenant_id, '*')}"
        for space in (self._default, self._values, self._sessions):
            found = [it async for it in space.client.scan_iter(pattern, count=1000)]
            for start in range(0, len(found), 1000):
                await space.client.unlink(*found[start : start + 1000])

    async def count(self, tenant_id: UUID, key: str, within: float) -> int | None:
        """Count one; how many it is in this window, None if unknown."""
        keys = [self._prefix + full_key(tenant_id, f"count:{key}")]
        number = await self._run(self._default.count, keys, (int(within * 1000),))
        return None if number is None else int(number)

    async def ping(self) -> bool:
        """Whether it answers, however long ago it was away."""
        try:
            await self._values.client.ping()
        except (RedisError, OSError, TimeoutError):
            self._breaker.failed()
            return False
        self._breaker.answered()
        return True

    async def close(self) -> None:
        """Close all connections."""
        for space in (self._default, self._values, self._sessions):
            await space.client.aclose()
            await space.client.connection_pool.disconnect()

    def _of(self, kind: CacheClass) -> Keyspace:
        return self._sessions if kind is CacheClass.session else self._values

    def _keys(self, tenant_id: UUID, key: str) -> list[str]:
        """The value, the generations of its tenant, and the lock of its making."""
        names = (key, "generations", f"lock:{key}")
        return [self._prefix + full_key(tenant_id, name) for name in names]

    async def _run(
        self, script: AsyncScript, keys: list[str], args: Iterable[object] = ()
    ) -> Any:
        """What Redis answers; None, too, when it is away."""
        if not self._breaker.allows():
            return None
        try:
            answer = await script(keys=keys, args=args)  # type: ignore[arg-type]  # str | bytes | int
        except (RedisError, OSError, TimeoutError):
            self._breaker.failed()
            return None
        self._breaker.answered()
        return answer


def _found(entry: bytes) -> Found:
    stamp, _, stored = entry.partition(b"\n")
    tags = [it.partition("=")[0] for it in stamp.decode().split(";")]
    value = stored[1:] if stored[:1] == SOMETHING else None
    return Found(known=True, value=value, tags=tuple(tags[1:-1]))
