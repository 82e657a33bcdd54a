"""Two processes' caches over a real bus: what one drops is soon gone in the other."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.invalidation import USERS
from insula.kernel.database.bus import Bus
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from tests.kernel.cache.processes import Source

pytestmark = pytest.mark.anyio
NOTIFY = "SELECT pg_notify('insula', $1)"


async def listening(control: Control) -> tuple[Cache, Bus]:
    """The cache and the bus of one process."""
    bus = Bus(control._login)
    cache = Cache(connected=lambda: bus.connected, mention=bus.mention)
    bus.subscribe(cache.heard)
    await bus.start()
    return cache, bus


@pytest.fixture
async def pair(control: Control, homes: Homes) -> AsyncIterator[tuple[Cache, Cache]]:
    """Two processes."""
    here, first = await listening(control)
    elsewhere, second = await listening(control)
    yield here, elsewhere
    await asyncio.gather(first.stop(), second.stop())


async def gone(cache: Cache, tenant_id: UUID, key: str) -> bool:
    """Whether a key is soon kept no more."""
    for _ in range(200):
        if cache.of(tenant_id).peek(key) is None:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_news_travel_by_notify(pair: tuple[Cache, Cache]) -> None:
    """S0-48, D12: the tag of that tenant, and nothing else."""
    here, elsewhere = pair
    mine, theirs = uuid4(), uuid4()
    for tenant_id in (mine, theirs):
        for key, tags in (("a", [USERS]), ("b", [])):
            part = elsewhere.of(tenant_id)
            await part.remember(key, CacheClass.config, Source(), tags=tags)
    here.invalidate(mine, "user.updated")
    assert await gone(elsewhere, mine, "a")
    assert elsewhere.of(mine).peek("b") is not None
    assert elsewhere.of(theirs).peek("a") is not None


async def test_what_the_register_announces_drops_all_of_the_tenant(
    pair: tuple[Cache, Cache], control: Control
) -> None:
    """S0-48: installations, lifecycle: the notice is sent by their transaction."""
    tenant_id = uuid4()
    for cache in pair:
        await cache.of(tenant_id).remember("a", CacheClass.config, Source())
    await control.fetch(NOTIFY, f"tenant:{tenant_id}")
    for cache in pair:
        assert await gone(cache, tenant_id, "a")


async def test_whoever_drops_does_not_drop_again_at_the_echo(
    pair: tuple[Cache, Cache],
) -> None:
    """What is kept after a change stays when the own notice comes back."""
    here, elsewhere = pair
    tenant_id = uuid4()
    await elsewhere.of(tenant_id).remember("a", CacheClass.config, Source())
    here.flush(tenant_id)
    await here.of(tenant_id).remember("a", CacheClass.config, Source())
    assert await gone(elsewhere, tenant_id, "a")
    assert here.of(tenant_id).peek("a") is not None
