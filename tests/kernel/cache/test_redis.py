"""What only Redis can show; collected where INSULA_TEST_REDIS_URL says one."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from redis.asyncio import Redis

from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.invalidation import USERS
from insula.kernel.cache.redis import RedisShared, RedisUrls, connect
from tests.kernel.cache.conftest import URL
from tests.kernel.cache.processes import PATIENT, Processes, Source, sweep

pytestmark = pytest.mark.anyio
TENANT, OTHER = UUID(int=1), UUID(int=2)
MODEL = CacheClass.model


class Line:
    """The way to Redis, which can be cut and mended."""

    def __init__(self) -> None:
        url = urlsplit(URL or "")
        self._there = url.hostname or "127.0.0.1", url.port or 6379
        self._path, self._writers = url.path, set[asyncio.StreamWriter]()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def urls(self) -> RedisUrls:
        """Redis at the other end."""
        url = f"redis://127.0.0.1:{self._port}{self._path}"
        return RedisUrls(url, url, url)

    async def mend(self) -> None:
        """Let through."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Let nothing through any more."""
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        await asyncio.sleep(0.02)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection(*self._there)
        self._writers |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._writers -= {writer, back}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A way to Redis that works."""
    line = Line()
    await line.mend()
    yield line
    await line.cut()


@pytest.fixture
async def client() -> AsyncIterator[Redis]:
    """Redis itself."""
    client = connect(URL or "", PATIENT)
    yield client
    await client.aclose()
    await client.connection_pool.disconnect()


@pytest.fixture
async def processes(line: Line) -> AsyncIterator[Processes]:
    """Processes over the line, with keys of their own that are gone afterwards."""
    made = Processes(line.urls, prefix=f"test-{secrets.token_hex(6)}:")
    yield made
    await made.close()
    await sweep(URL or "", made.prefix)


async def test_keys_are_the_tenants_and_end_with_their_class(
    processes: Processes, client: Redis
) -> None:
    """S0-46, S1-33, R15, R16."""
    mine = processes.start().of(TENANT)
    for kind in CacheClass:
        key = f"user:{kind}:v1"
        await mine.remember(key, kind, Source(), tags=[USERS])
        left = await client.pttl(f"{processes.prefix}tenant:{TENANT}:{key}")
        assert kind.ttl * 1000 - 5000 < left <= kind.ttl * 1000


async def test_sessions_values_and_counters_have_a_database_each(
    client: Redis,
) -> None:
    """S1-35: as the settings say; here three of the highest numbers."""
    base, prefix = urlsplit(URL or ""), f"test-{secrets.token_hex(6)}:"
    urls = [base._replace(path=f"/{number}").geturl() for number in (10, 11, 12)]
    shared = RedisShared(RedisUrls(*urls), prefix=prefix, timeout=PATIENT)
    mine = Cache(shared).of(TENANT)
    await mine.count("sign-in", within=60)
    await mine.remember("a", MODEL, Source())
    await mine.remember("b", CacheClass.session, Source())
    names = ("count:sign-in", "a", "b")
    for url, name in zip(urls, names, strict=True):
        other = connect(url, PATIENT)
        found = [it.decode() async for it in other.scan_iter(f"{prefix}*")]
        assert f"{prefix}tenant:{TENANT}:{name}" in found
        assert not {f"{prefix}tenant:{TENANT}:{it}" for it in names if it != name} & {
            *found
        }
        await other.aclose()
        await other.connection_pool.disconnect()
    await shared.purge(TENANT)
    await shared.close()


async def test_what_one_process_worked_out_serves_the_others(
    processes: Processes,
) -> None:
    """S2-97: across processes, with its tags."""
    here, elsewhere = processes.start(), processes.start()
    source = Source()
    await here.of(TENANT).remember("key", MODEL, source, tags=[USERS])
    assert await elsewhere.of(TENANT).get("key", MODEL) == b"1"
    assert elsewhere.of(TENANT).peek("key") == b"1"
    elsewhere.heard(f"cache:{TENANT}:{USERS}:x")
    assert elsewhere.of(TENANT).peek("key") is None
    assert source.asked == 1


async def test_fifty_of_several_processes_ask_the_source_once(
    processes: Processes,
) -> None:
    source = Source()
    source.meanwhile = lambda: asyncio.sleep(0.1)
    parts = [processes.start().of(TENANT) for _ in range(5)]
    asked = [parts[at % 5].remember("key", MODEL, source) for at in range(50)]
    assert await asyncio.gather(*asked) == [b"1"] * 50
    assert source.asked == 1


async def test_who_fails_or_dies_does_not_keep_the_others_waiting(
    processes: Processes,
) -> None:
    here, elsewhere = (processes.start().of(TENANT) for _ in range(2))
    source = Source()
    source.meanwhile = lambda: asyncio.sleep(60)
    first = asyncio.create_task(here.remember("key", MODEL, source))
    await source.begun.wait()
    second = asyncio.create_task(elsewhere.remember("key", MODEL, source))
    await asyncio.sleep(0.05)
    source.meanwhile = None
    first.cancel()
    assert await asyncio.wait_for(second, 1) == b"1"


async def test_a_lost_hash_of_generations_brings_nothing_back(
    processes: Processes, client: Redis
) -> None:
    """Whatever Redis evicts, what was stale stays stale."""
    source = Source(b"old")
    await processes.start().of(TENANT).remember("key", MODEL, source)
    cache = processes.start()
    cache.flush(TENANT)
    await cache.settle()
    source.value = b"new"
    await client.delete(f"{processes.prefix}tenant:{TENANT}:generations")
    assert await cache.of(TENANT).remember("key", MODEL, source) == b"new"


async def test_a_cut_line_is_survived_and_nothing_stale_comes_back(
    processes: Processes, line: Line
) -> None:
    """R24: what became stale meanwhile is told before Redis is believed again."""
    cache, source = processes.start(), Source(b"old")
    mine, shared = cache.of(TENANT), cache.shared
    assert shared is not None
    await mine.remember("key", MODEL, source)
    await line.cut()
    source.value = b"new"
    mine.flush()
    assert await mine.remember("key", MODEL, source) == b"new"
    assert not await cache.settle()
    assert shared.faults > 0
    await line.mend()
    processes.clock.seconds += 20
    cache.clear()
    assert await mine.remember("key", MODEL, source) == b"new"
    for _ in range(100):
        if await cache.settle():
            break
        await asyncio.sleep(0.02)
    assert shared.up
    assert await processes.start().of(TENANT).get("key", MODEL) != b"old"


async def test_a_purged_tenant_leaves_no_trace(
    processes: Processes, client: Redis
) -> None:
    """S1-34: and the others keep theirs."""
    cache = processes.start()
    for tenant_id in (TENANT, OTHER):
        await cache.of(tenant_id).remember("key", MODEL, Source())
        await cache.of(tenant_id).count("sign-in", within=60)
    await cache.settle()
    await cache.purge(TENANT)
    await cache.settle()
    left = [it.decode() async for it in client.scan_iter(f"{processes.prefix}*")]
    assert {it.split(":")[2] for it in left if "generations" not in it} == {str(OTHER)}
