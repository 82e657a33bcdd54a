"""How long answers are good, and what is let go of when there are too many."""

from uuid import UUID

import pytest

from insula.kernel.cache.changes import Changes
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.counters import Counters
from insula.kernel.cache.front import Cache
from insula.kernel.cache.lru import EVERYTHING, OVERHEAD, Entry, Lru
from tests.kernel.cache.processes import Clock, Processes, Source

pytestmark = pytest.mark.anyio
TENANT, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("route", 3600),
        ("model", 900),
        ("query", 300),
        ("api", 300),
        ("config", 86400),
        ("session", 3600),
        ("dashboard", 300),
    ],
)
async def test_each_class_has_its_time(kind: str, seconds: int) -> None:
    """S0-42, S0-43, S0-44, S0-45, S2-94, S2-95, R15."""
    clock, source = Clock(), Source()
    mine = Cache(clock=clock).of(TENANT)
    for later in (0, seconds - 1, 2):
        clock.seconds += later
        await mine.remember("key", CacheClass(kind), source)
    assert source.asked == 2


async def test_nothing_is_kept_longer_than_a_day() -> None:
    clock, mine = Clock(), None
    mine = Cache(clock=clock).of(TENANT)
    await mine.remember("key", CacheClass.query, Source(), ttl=1e9)
    clock.seconds += 86_399
    assert mine.peek("key") is not None
    clock.seconds += 2
    assert mine.peek("key") is None


async def test_without_news_an_answer_is_good_for_a_second() -> None:
    """What was kept while news arrived, too."""
    processes = Processes(None, "")
    mine = processes.start().of(TENANT)
    await mine.remember("key", CacheClass.config, Source())
    processes.connected = False
    processes.clock.seconds += 0.9
    assert mine.peek("key") is not None
    processes.clock.seconds += 0.2
    assert mine.peek("key") is None


async def test_after_a_silence_nothing_is_believed() -> None:
    processes = Processes(None, "")
    cache = processes.start()
    mark = await cache.of(TENANT).mark("late", CacheClass.config)
    await cache.of(TENANT).remember("key", CacheClass.config, Source())
    cache.heard(None)
    assert cache.of(TENANT).peek("key") is None
    assert not await cache.of(TENANT).put(mark, b"old")


def entry(value: bytes, *tags: str) -> Entry:
    return Entry(value, 0.0, 1.0, tags)


def test_the_least_used_goes_first() -> None:
    store = Lru(most=3)
    for key in "abc":
        store.put(TENANT, key, entry(b""))
    store.get(TENANT, "a")
    store.put(OTHER, "d", entry(b""))
    assert [key for key in "abc" if store.get(TENANT, key)] == ["a", "c"]
    assert store.get(OTHER, "d")


def test_memory_is_bounded_in_bytes() -> None:
    """S2-97: whatever answers are kept, they fit."""
    size = 1000 + OVERHEAD
    store = Lru(most_bytes=10 * size)
    for number in range(25):
        store.put(TENANT, f"{number}", entry(b"x" * 1000, "users"))
        assert store.bytes <= 10 * size
    assert len(store) == 10
    store.put(TENANT, "huge", entry(b"x" * 5 * size))
    assert (len(store), store.get(TENANT, "huge")) == (10, None)
    store.drop(TENANT, "users")
    assert (len(store), store.bytes, store._tagged) == (0, 0, {})


def test_changes_beyond_those_remembered_count_for_all() -> None:
    """What is not known to be true is not kept."""
    changes = Changes(most=2)
    for number in range(1, 5):
        changes.note(UUID(int=number), "users")
    assert not changes.none_since(1, OTHER, ())
    assert changes.none_since(2, OTHER, ("roles",))
    assert not changes.none_since(2, UUID(int=4), ("users",))
    assert changes.none_since(4, UUID(int=4), ("users",))
    changes.note(OTHER, EVERYTHING)
    assert not changes.none_since(4, OTHER, ("roles",))


def test_a_window_ends_and_counters_are_bounded() -> None:
    """S2-96."""
    clock = Clock()
    counters = Counters(clock, most=2)
    assert [counters.count(TENANT, "a", 60) for _ in range(2)] == [1, 2]
    clock.seconds += 60
    assert counters.count(TENANT, "a", 60) == 1
    for key in "bcd":
        counters.count(TENANT, key, 60)
    assert len(counters._counts) == 2
