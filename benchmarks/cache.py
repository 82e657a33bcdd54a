"""The cache: what an answer costs that is kept, and from which query on keeping pays.

Everything is asked by one process, one question after the other, in turns: the floor
is the plain query over the same connection, in the same round.
"""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from uuid import UUID

import asyncpg
from rich.table import Table

from benchmarks.floor_server import fill
from benchmarks.postgres import Postgres, embedded_postgres
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.redis import RedisShared, RedisUrls
from insula.kernel.database.session import CONTEXT, HOME, Session, Statement
from insula.kernel.foundation.settings import Settings
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.server.platform import Platform, open_platform

REDIS = "redis://127.0.0.1:6379/9"
ASSETS = 2_000
QUESTIONS = 400
"""Of each kind in a round."""
HIT_RATIOS = (0.1, 0.5, 0.9, 0.99)

ROW = Statement(
    f"WITH {CONTEXT} SELECT a.body FROM ctx CROSS JOIN LATERAL (SELECT"
    f" to_json(t)::text AS body FROM {HOME}.maintenance_assets t"
    f" WHERE t.tenant_id = ctx.tenant_id AND t.id = $2::text::uuid LIMIT 1) a"
)
SUM = Statement(
    f"WITH {CONTEXT} SELECT a.body FROM ctx CROSS JOIN LATERAL (SELECT"
    f" json_object_agg(state, number)::text AS body FROM (SELECT state, count(*) AS"
    f" number FROM {HOME}.maintenance_assets WHERE tenant_id = ctx.tenant_id"
    f" GROUP BY state) s) a"
)
Question = Callable[[], Awaitable[object]]
Make = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of each kind of question, by round."""

    rounds: Mapping[str, Sequence[float]]

    def us(self, name: str) -> float:
        """The median."""
        return median(self.rounds[name])

    def over(self, name: str, floor: str) -> float:
        """The median of what it costs over what the floor cost in the same round."""
        pairs = zip(self.rounds[name], self.rounds[floor], strict=True)
        return median(mine / least for mine, least in pairs)

    @property
    def drivers(self) -> list[str]:
        """Which kinds of cache were there."""
        return [it for it in ("memory", "redis") if f"{it} hit" in self.rounds]

    def pays_from(self, driver: str, ratio: float) -> float:
        """Microseconds of a query above which keeping its answer pays."""
        hit, miss = self.us(f"{driver} hit"), self.us(f"{driver} miss, free")
        return (ratio * hit + (1 - ratio) * miss) / ratio

    def document(self) -> dict[str, dict[str, float]]:
        """All of it, for programs."""
        found = {"us": {name: round(self.us(name), 2) for name in self.rounds}}
        for driver in self.drivers:
            found[f"{driver} pays from us"] = {
                str(it): round(self.pays_from(driver, it), 2) for it in HIT_RATIOS
            }
        return found


@dataclass(frozen=True, slots=True)
class Stand:
    """A tenant's rows, and the two queries whose answers are kept."""

    tenant_id: UUID
    row: Make
    sum: Make


async def free() -> bytes:
    """An answer that costs nothing: what is left is the cache's own cost."""
    return b"{}"


def questions(stand: Stand, cache: Cache, driver: str) -> dict[str, Question]:
    """What is asked of one kind of cache."""
    mine, numbers = cache.of(stand.tenant_id), count()

    async def look() -> object:
        return await mine.get("sum:all:v1", CacheClass.query)

    def hit(make: Make, key: str) -> Question:
        async def ask() -> object:
            if cache.shared is not None:
                cache.clear()  # else it is this process's memory that answers
            return await mine.remember(
                key, CacheClass.query, make, tags=("maintenance",)
            )

        return ask

    def miss(make: Make) -> Question:
        async def ask() -> object:
            key = f"asset:{next(numbers)}:v1"
            return await mine.remember(
                key, CacheClass.query, make, tags=("maintenance",)
            )

        return ask

    return {
        f"{driver} hit": hit(stand.sum, "sum:all:v1"),
        **({} if cache.shared else {f"{driver} get": look}),
        f"{driver} miss, row": miss(stand.row),
        f"{driver} miss, sum": miss(stand.sum),
        f"{driver} miss, free": miss(free),
    }


async def measure(asked: Mapping[str, Question], rounds: int) -> Costs:
    """Ask everything in turns."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, ask in asked.items():
            began = time.perf_counter()
            for _ in range(QUESTIONS):
                await ask()
            if number:  # the first is for statements, plans and connections
                taken = (time.perf_counter() - began) / QUESTIONS
                found[name].append(taken * 1e6)
    return Costs(found)


async def prepared(house: Platform, postgres: Postgres) -> Stand:
    """A tenant with assets."""
    view = await house.provisioning.create(NewTenant(slug="bench", name="Bench"))
    tenant = await house.directory.with_id(view.id)
    home = tenant.home
    connection = await asyncpg.connect(postgres.dsn(home.login.database))
    table = f"{home.schema}.maintenance_assets"
    await fill(connection, table, [tenant.id], ASSETS)
    await connection.execute("VACUUM ANALYZE")
    some = await connection.fetchval(f"SELECT id FROM {table} LIMIT 1")
    await connection.close()
    session = house.open_session(home, tenant.id)
    row, total = _query(session, ROW, str(some)), _query(session, SUM)
    return Stand(tenant.id, row, total)


def _query(session: Session, statement: Statement, *args: str) -> Make:
    async def ask() -> bytes:
        return str((await session.fetch(statement, *args))[0]["body"]).encode()

    return ask


@asynccontextmanager
async def caches() -> AsyncIterator[Mapping[str, Cache]]:
    """In memory, and with Redis if one answers."""
    url = os.environ.get("INSULA_TEST_REDIS_URL", REDIS)
    prefix = f"bench-{secrets.token_hex(6)}:"
    shared = RedisShared(RedisUrls(url, url, url), prefix=prefix)
    found = {"memory": Cache()}
    if await shared.ping():
        found["redis"] = Cache(shared)
    yield found
    for cache in found.values():
        await cache.close()


async def bench(data_dir: Path, postgres: Postgres, rounds: int) -> Costs:
    """Prepare a tenant, and ask."""
    async with open_platform(Settings(data_dir=data_dir)) as house, caches() as found:
        stand = await prepared(house, postgres)
        asked: dict[str, Question] = {"query, row": stand.row, "query, sum": stand.sum}
        for driver, cache in found.items():
            asked |= questions(stand, cache, driver)
        costs = await measure(asked, rounds)
        for cache in found.values():
            await cache.purge(stand.tenant_id)
        return costs


def table(costs: Costs) -> Table:
    """What each question costs, over the plain query that it saves or makes."""
    grid = Table(title="One question, median", box=None, pad_edge=False)
    for name in ("question", "us", "over query, row", "over query, sum"):
        grid.add_column(name, justify="left" if name == "question" else "right")
    for name in costs.rounds:
        over = (costs.over(name, floor) for floor in ("query, row", "query, sum"))
        grid.add_row(name, f"{costs.us(name):.1f}", *(f"{it:.3f}" for it in over))
    for driver in costs.drivers:
        for ratio in HIT_RATIOS:
            least = costs.pays_from(driver, ratio)
            grid.add_row(f"{driver} pays at {ratio:.0%} hits from", f"{least:.1f}")
    return grid


def measure_cache(rounds: int) -> Costs:
    """Start a platform in a directory of its own, and measure."""
    with tempfile.TemporaryDirectory(prefix="insula-bench-") as directory:
        data_dir = Path(directory)
        data_dir.chmod(0o755)  # PostgreSQL's own user must get through to its folder
        with embedded_postgres(data_dir) as postgres:
            return asyncio.run(bench(data_dir, postgres, rounds))
