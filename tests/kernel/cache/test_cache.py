"""The cache's contract, in memory and over Redis: true, one tenant's, and worked out once."""

import asyncio
from uuid import UUID, uuid4

import pytest

from insula.kernel.cache import keys
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.invalidation import INSTALLATIONS, ROLES, SETTINGS, USERS
from tests.kernel.cache.processes import Processes, Source

pytestmark = pytest.mark.anyio
TENANT, OTHER = UUID(int=1), UUID(int=2)
MODEL = CacheClass.model
KEY = keys.key("asset", 7)
PERMISSIONS = keys.permissions_of(UUID(int=3))


async def test_a_value_is_worked_out_once_and_then_kept(cache: Cache) -> None:
    """S1-34, S2-97: cache, else the source, which fills the cache."""
    source, mine = Source(), cache.of(TENANT)
    for _ in range(3):
        assert await mine.remember(KEY, MODEL, source) == b"1"
    assert source.asked == 1
    assert await mine.get(KEY, MODEL) == b"1"
    assert (cache.tally.hits, cache.tally.misses) == (3, 1)


async def test_fifty_at_once_ask_the_source_once(cache: Cache) -> None:
    source = Source()
    source.meanwhile = lambda: asyncio.sleep(0.02)
    mine = cache.of(TENANT)
    answers = await asyncio.gather(
        *(mine.remember(KEY, MODEL, source) for _ in range(50))
    )
    assert answers == [b"1"] * 50
    assert source.asked == 1


async def test_one_tenants_flush_leaves_all_others(cache: Cache) -> None:
    """S0-47, S1-34: `TenantSettingsUpdated` flushes exactly the tag of its tenant."""
    for event in ("TenantSettingsUpdated", "tenant.settings.updated"):
        mine, theirs = Source(), Source()
        for _ in range(2):
            await cache.of(TENANT).remember(KEY, MODEL, mine, tags=[SETTINGS])
            await cache.of(OTHER).remember(KEY, MODEL, theirs, tags=[SETTINGS])
            cache.invalidate(TENANT, event)
            await cache.settle()
        assert (mine.asked, theirs.asked) == (2, 1)
        cache.flush(OTHER)
        await cache.settle()


@pytest.mark.parametrize(
    ("event", "dropped"),
    [
        ("user.updated", {"user", "permissions"}),
        ("role.deleted", {"permissions"}),
        ("installation.created", {"apps"}),
        ("maintenance.asset.created", {"board"}),
        ("crm.deal.won", set()),
        ("tenant.suspended", {"user", "permissions", "apps", "board"}),
    ],
)
async def test_an_event_drops_what_it_makes_stale_and_no_more(
    cache: Cache, event: str, dropped: set[str]
) -> None:
    """S0-48."""
    mine, fresh = cache.of(TENANT), Source(b"new")
    tagged = {
        "user": (keys.key("user", 456), [USERS]),
        "permissions": (PERMISSIONS, [USERS, ROLES]),
        "apps": (keys.APPS, [INSTALLATIONS]),
        "board": (f"dashboard:{TENANT}", ["rows", "maintenance"]),
    }
    for key, tags in tagged.values():
        await mine.remember(key, MODEL, Source(b"old"), tags=tags)
    cache.invalidate(TENANT, event)
    found = {
        name
        for name, (key, tags) in tagged.items()
        if await mine.remember(key, MODEL, fresh, tags=tags) == b"new"
    }
    assert found == dropped


async def test_what_was_overtaken_is_never_kept(cache: Cache) -> None:
    """A change while the value is worked out: the old one must not stay."""
    mine, source = cache.of(TENANT), Source(b"old")

    async def change() -> None:
        source.value, source.meanwhile = b"new", None
        cache.drop(TENANT, USERS)
        await cache.settle()

    source.meanwhile = change
    answers = [await mine.remember(KEY, MODEL, source, tags=[USERS]) for _ in range(3)]
    assert answers == [b"old", b"new", b"new"]
    assert source.asked == 2


async def test_what_another_process_overtook_is_never_kept(
    processes: Processes,
) -> None:
    here, elsewhere = processes.start(), processes.start()
    source = Source(b"old")

    async def change() -> None:
        source.value, source.meanwhile = b"new", None
        elsewhere.drop(TENANT, USERS)
        await elsewhere.settle()

    source.meanwhile = change
    for cache, value in ((here, b"old"), (here, b"new"), (elsewhere, b"new")):
        mine = cache.of(TENANT)
        assert await mine.remember(KEY, MODEL, source, tags=[USERS]) == value


async def test_whoever_wrote_does_not_get_what_was_asked_before(cache: Cache) -> None:
    """Work that began before a change is not waited for after it."""
    mine, source, written = cache.of(TENANT), Source(b"old"), asyncio.Event()
    source.meanwhile = written.wait
    before = asyncio.create_task(mine.remember(KEY, MODEL, source))
    await source.begun.wait()
    source.value, source.meanwhile = b"new", None
    cache.flush(TENANT)
    assert await mine.remember(KEY, MODEL, source) == b"new"
    written.set()
    assert await before == b"old"
    assert await mine.get(KEY, MODEL) in (b"new", None)


async def test_putting_needs_a_mark_from_before(cache: Cache) -> None:
    mine = cache.of(TENANT)
    early = await mine.mark(KEY, MODEL, tags=[USERS])
    cache.drop(TENANT, USERS)
    await cache.settle()
    assert not await mine.put(early, b"old")
    assert await mine.get(KEY, MODEL) is None
    assert await mine.put(await mine.mark(KEY, MODEL, tags=[USERS]), b"new")
    assert await mine.get(KEY, MODEL) == b"new"


async def test_that_there_is_nothing_is_kept_for_a_minute(
    cache: Cache, processes: Processes
) -> None:
    source, mine = Source(None), cache.of(TENANT)
    for _ in range(2):
        assert await mine.remember(KEY, MODEL, source) is None
    assert source.asked == 1
    processes.clock.seconds += 61
    assert mine.peek(KEY) is None
    assert len(cache.near.store) == 0


async def test_an_error_reaches_all_who_wait_and_is_not_kept(cache: Cache) -> None:
    mine, source = cache.of(TENANT), Source()

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise LookupError

    source.meanwhile = fail
    asked = [mine.remember(KEY, MODEL, source) for _ in range(5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {LookupError}
    assert source.asked == 1
    source.meanwhile = None
    assert await mine.remember(KEY, MODEL, source) == b"1"


async def test_who_goes_away_leaves_the_work_to_the_next(cache: Cache) -> None:
    mine, source = cache.of(TENANT), Source()
    source.meanwhile = lambda: asyncio.sleep(0 if source.asked > 1 else 60)
    first = asyncio.create_task(mine.remember(KEY, MODEL, source))
    await source.begun.wait()
    others = [asyncio.create_task(mine.remember(KEY, MODEL, source)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [b"1"] * 3
    assert source.asked == 2
    assert first.cancelled()


async def test_what_one_process_drops_is_gone_in_the_others(
    processes: Processes,
) -> None:
    """S0-48, pitfall 30."""
    here, elsewhere = processes.start(), processes.start()
    tenants = (TENANT, OTHER)
    sources = {tenant: Source(b"old") for tenant in tenants}
    for tenant, source in sources.items():
        await elsewhere.of(tenant).remember(KEY, MODEL, source, tags=[USERS])
        source.value = b"new"
    here.of(TENANT).drop(USERS)
    await here.settle()
    for tenant, value in ((TENANT, b"new"), (OTHER, b"old")):
        mine = elsewhere.of(tenant)
        got = await mine.remember(KEY, MODEL, sources[tenant], tags=[USERS])
        assert got == value


async def test_events_in_a_window_are_counted_by_tenant(cache: Cache) -> None:
    """S2-96."""
    mine, theirs = cache.of(uuid4()), cache.of(uuid4())
    assert [await mine.count("sign-in", within=60) for _ in range(3)] == [1, 2, 3]
    assert await theirs.count("sign-in", within=60) == 1
    assert await mine.count("export", within=60) == 1
