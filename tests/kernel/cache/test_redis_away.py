"""Without an answer from Redis everything works on, and nothing waits for it."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from insula.kernel.cache.breaker import Breaker
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.redis import RedisShared, RedisUrls
from insula.kernel.operations.probes import CacheAway, CacheProbe
from tests.kernel.cache.processes import Clock, Processes, Source

pytestmark = pytest.mark.anyio
TENANT = UUID(int=1)
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    """Processes whose Redis is away."""
    made = Processes(RedisUrls(NOBODY, NOBODY, NOBODY), "")
    yield made
    await made.close()


async def test_values_are_worked_out_and_kept_in_the_process(
    processes: Processes,
) -> None:
    """R24, S0-08."""
    cache, source = processes.start(), Source()
    mine, began = cache.of(TENANT), time.perf_counter()
    for number in range(200):
        await mine.remember(f"{number}", CacheClass.model, source)
        await mine.remember("one", CacheClass.model, source)
        assert await mine.count("sign-in", within=60) == number + 1
    assert source.asked == 201
    assert time.perf_counter() - began < 1
    assert cache.shared is not None
    assert 1 <= cache.shared.faults < 5


async def test_what_is_stale_goes_in_every_process(processes: Processes) -> None:
    here, elsewhere = processes.start(), processes.start()
    source = Source(b"old")
    await elsewhere.of(TENANT).remember("key", CacheClass.model, source)
    source.value = b"new"
    here.flush(TENANT)
    assert not await here.settle()
    assert [it.partition(":")[0] for it in processes.notices] == ["uncached"]
    got = await elsewhere.of(TENANT).remember("key", CacheClass.model, source)
    assert got == b"new"


async def test_the_health_check_says_so(processes: Processes) -> None:
    """S2-73."""
    with pytest.raises(CacheAway):
        await CacheProbe(processes.start())()
    assert (await CacheProbe(Cache())())["driver"] == "memory"


def test_what_is_away_is_asked_seldom() -> None:
    clock, asked = Clock(), 0
    breaker = Breaker(clock)
    for _ in range(600):
        if breaker.allows():
            asked += 1
            breaker.failed()
        clock.seconds += 0.1
    assert asked == breaker.faults <= 10
    clock.seconds += 15
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.answered()
    assert all(breaker.allows() for _ in range(3))


async def test_a_client_speaks_the_older_protocol() -> None:
    """Over RESP3 the library takes invalidations in another form, silently."""
    shared = RedisShared(RedisUrls(NOBODY, NOBODY, NOBODY))
    for space in (shared._default, shared._values, shared._sessions):
        pool = space.client.connection_pool
        assert pool.connection_kwargs["protocol"] == 2
    await shared.close()
