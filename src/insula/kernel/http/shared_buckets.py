"""Buckets that all processes share, in Redis: one question for all of a request's."""

import time
from collections.abc import Callable

from redis.exceptions import RedisError

from insula.kernel.cache.breaker import Breaker
from insula.kernel.cache.redis import TIMEOUT, connect
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.buckets import Taken, Wanted

MICRO = 1_000_000
PREFIX = "limit:"

TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait, debts = 0, {}
for at, key in ipairs(KEYS) do
  local debt = math.max((tonumber(redis.call('GET', key)) or now) - now, 0)
  debts[at] = debt
  local excess = debt + ARGV[2 * at - 1] - ARGV[2 * at]
  if excess > 1 then wait = math.max(wait, excess) end
end
if wait == 0 then
  for at, key in ipairs(KEYS) do
    local debt = debts[at] + ARGV[2 * at - 1]
    debts[at] = debt
    local full = string.format('%.0f', now + debt)
    redis.call('SET', key, full, 'PX', math.ceil(debt / 1000))
  end
end
table.insert(debts, 1, wait)
return debts
"""
"""KEYS: buckets. ARGV: for each, the microseconds that one request costs and those of
its window. The wait, then what each bucket owes; by Redis's own clock."""


def shared_buckets(settings: Settings) -> "SharedBuckets | None":
    """The shared buckets of an installation, None if it has no Redis."""
    url = settings.redis_at(settings.redis_db)
    return None if url is None else SharedBuckets(url)


class SharedBuckets:
    """Buckets in Redis; ``prefix`` where installations share one."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "",
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        self._client = connect(url, timeout)
        self._script = self._client.register_script(TAKE)
        self._prefix, self._breaker = prefix + PREFIX, Breaker(clock)

    async def take(self, wanted: Wanted) -> Taken | None:
        """As ``Buckets.take``; None while Redis is away, which nobody waits for."""
        if not self._breaker.allows():
            return None
        keys = [
            f"{self._prefix}{rule.name}:{':'.join(map(str, subject))}"
            for rule, subject in wanted
        ]
        sizes = [
            round(seconds * MICRO)
            for rule, _ in wanted
            for seconds in (rule.interval, rule.window)
        ]
        try:
            wait, *debts = await self._script(keys=keys, args=sizes)
        except (RedisError, OSError, TimeoutError):
            self._breaker.failed()
            return None
        self._breaker.answered()
        return Taken(wait / MICRO, [debt / MICRO for debt in debts])

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        await self._client.connection_pool.disconnect()
