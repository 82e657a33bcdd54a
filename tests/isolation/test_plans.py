"""Every declared filter and sort is answered from an index, behind the policy (D2b).

Row-level security keeps PostgreSQL from using an index for most operators; a list that
reads all rows of its tenant is right, and a hundred times too slow.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.home import Home
from insula.kernel.database.pool import Connection, Pools
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant
from tests.isolation.crowd import MINE, SCHEMA, crowded
from tests.isolation.neighbours import APIS as LISTS

pytestmark = pytest.mark.anyio
FILTERS = {
    f"{name}.{it.key}": (api, it.key)
    for name, api in LISTS.items()
    for it in api.resource.filters
}
SORTS = {
    f"{name}.{it.key}": (api, it.key)
    for name, api in LISTS.items()
    for it in api.resource.sort
}
ORDERED = [
    name
    for name, (api, key) in FILTERS.items()
    if api.shape.facets[key].cast in ("bigint", "integer", "date", "timestamptz")
]
FEW = 100
"""Rows that may be read for a page of fifteen; the tenant has some two thousand."""
ENTER = "SELECT set_config('insula.tenant', $1, true)"
RAREST = """
SELECT to_jsonb({key}) #>> '{{}}' FROM {table} WHERE tenant_id = $1 AND {key} IS NOT NULL
 GROUP BY {key} ORDER BY count(*), {key} LIMIT 1
"""
NEAR_THE_END = """
SELECT to_jsonb({key}) #>> '{{}}' FROM {table} WHERE tenant_id = $1 AND {key} IS NOT NULL
 ORDER BY {key} {way} OFFSET 20 LIMIT 1
"""
WARM = 10
"""Runs after which PostgreSQL has chosen between a plan for all values and one each."""


class Heard(Session):
    """A session that remembers what was run last."""

    asked: tuple[Statement, tuple[Any, ...]]

    async def fetch(self, statement: Statement, *args: Any) -> Sequence[Any]:
        """Run one statement."""
        self.asked = statement, args
        return await super().fetch(statement, *args)


@pytest.fixture(scope="module")
async def crowd(cluster: Cluster) -> AsyncIterator[Home]:
    async with crowded(cluster) as home:
        yield home


class Explained:
    """Runs lists as the API does, and again to see how they are run."""

    def __init__(
        self, connection: Connection, pools: Pools, home: Home, *, runs: int = 0
    ) -> None:
        self.connection, self._runs = connection, runs
        self.session = Heard(pools, home, MINE)
        tenant = Tenant(MINE, "t", "T", State.active, "t.test", home, None, {})
        actor = Actor(ActorKind.user, uuid7(), tenant=MINE)
        self.ctx = Context(actor, tenant=tenant, session=self.session)

    async def list(
        self, api: ResourceApi, **query: str
    ) -> tuple[Reply, Mapping[str, Any]]:
        """The answer of a list, and how the resource's table was read for it."""
        reply = await api.list(self.ctx, Call("", query=query))
        return reply, await self.scan(*self.session.asked)

    async def scan(
        self, statement: Statement, args: Sequence[Any]
    ) -> Mapping[str, Any]:
        """How the resource's table is read by a statement."""
        given = ", ".join(literal(it) for it in (MINE, *args))
        name, run = f"l{uuid7().hex}", self.connection
        async with run.transaction():
            await run.execute(ENTER, str(MINE))
            await run.execute(f"PREPARE {name} AS {statement.at(SCHEMA)}")
            for _ in range(self._runs):
                await run.execute(f"EXECUTE {name} ({given})")
            explained = await run.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name} ({given})"
            )
            await run.execute(f"DEALLOCATE {name}")
        plan = msgspec.json.decode(explained)[0]["Plan"]
        return next(it for it in nodes(plan) if it.get("Alias") == "c")

    async def value(self, query: str, api: ResourceApi, key: str, way: str = "") -> str:
        """A value that few of our rows have, or beyond which few of them lie."""
        table = f"{SCHEMA}.{api.resource.table.name}"
        async with self.connection.transaction():
            await self.connection.execute(ENTER, str(MINE))
            text = query.format(key=key, table=table, way=way)
            return str(await self.connection.fetchval(text, MINE))


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
async def explained(
    crowd: Home, pools: Pools, request: pytest.FixtureRequest
) -> AsyncIterator[Explained]:
    """Lists of the crowd, read as the role that serves requests."""
    async with pools.borrow(crowd.login) as connection:
        await connection.execute(f"SET plan_cache_mode = {request.param}")
        yield Explained(connection, pools, crowd)
        await connection.execute("RESET plan_cache_mode")


@pytest.fixture
async def worn(crowd: Home, pools: Pools) -> AsyncIterator[Explained]:
    """The same, with statements that have been run so often that a plan may be kept."""
    async with pools.borrow(crowd.login) as connection:
        yield Explained(connection, pools, crowd, runs=WARM)


def literal(value: object) -> str:
    if isinstance(value, list):
        inner = ", ".join(f'"{it}"' for it in value)
        return f"'{{{inner}}}'"
    return f"'{value}'"


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All nodes of a plan; a bitmap's index is part of its heap scan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def check(scan: Mapping[str, Any], key: str) -> None:
    """The scan is of an index whose condition has the tenant and the field."""
    condition = " ".join(it.get("Index Cond", "") for it in nodes(scan))
    assert "tenant_id" in condition, scan
    assert key in condition, scan
    assert scan.get("Rows Removed by Filter", 0) <= FEW, scan


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_is_answered_from_its_index(
    explained: Explained, name: str
) -> None:
    api, key = FILTERS[name]
    value = await explained.value(RAREST, api, key)
    reply, scan = await explained.list(api, **{key: value})
    check(scan, key)
    assert reply.data != b"[]"


async def test_an_operator_that_may_leak_would_be_noticed(
    explained: Explained,
) -> None:
    """D2b: PostgreSQL does not ask such a one before the policy, so not in the index."""
    api, key = FILTERS["maintenance.assets.category"]
    await explained.list(api, **{key: "v1"})
    statement, args = explained.session.asked
    leaky = statement.text.replace(f"c.{key} = ", f"lower(c.{key}) = ")
    assert leaky != statement.text
    with pytest.raises(AssertionError):
        check(await explained.scan(Statement(leaky), args), key)


@pytest.mark.parametrize("form", ["{0}=in=({1})", "{0}=in=({1},{1})"])
@pytest.mark.parametrize("name", FILTERS)
async def test_a_choice_is_answered_from_its_index(
    worn: Explained, name: str, form: str
) -> None:
    api, key = FILTERS[name]
    value = await worn.value(RAREST, api, key)
    reply, scan = await worn.list(api, filter=form.format(key, value))
    check(scan, key)
    assert reply.data != b"[]"


@pytest.mark.parametrize("way", ["=ge=", "=gt=", "=le=", "=lt="])
@pytest.mark.parametrize("name", ORDERED)
async def test_a_range_is_answered_from_its_index(
    worn: Explained, name: str, way: str
) -> None:
    api, key = FILTERS[name]
    value = await worn.value(NEAR_THE_END, api, key, "DESC" if "g" in way else "")
    reply, scan = await worn.list(api, filter=f"{key}{way}{value}")
    check(scan, key)
    assert reply.data != b"[]"


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", SORTS)
async def test_a_sort_follows_its_index(
    explained: Explained, name: str, sign: str
) -> None:
    """On the first page and on the next, no more is read than is shown."""
    api, key = SORTS[name]
    reply, scan = await explained.list(api, sort=f"{sign}{key}")
    check(scan, "tenant_id")
    assert scan["Actual Rows"] <= FEW
    assert reply.next_cursor is not None
    _, scan = await explained.list(api, sort=f"{sign}{key}", cursor=reply.next_cursor)
    check(scan, key)
    assert scan["Actual Rows"] <= FEW


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", LISTS)
async def test_the_newest_and_the_oldest_are_found_in_the_key(
    explained: Explained, name: str, sign: str
) -> None:
    api = LISTS[name]
    reply, scan = await explained.list(api, sort=f"{sign}id")
    assert scan["Actual Rows"] <= FEW
    assert reply.next_cursor is not None
    _, scan = await explained.list(api, sort=f"{sign}id", cursor=reply.next_cursor)
    check(scan, "id")
    assert scan["Actual Rows"] <= FEW


async def test_own_rows_are_found_by_their_owner(explained: Explained) -> None:
    """R36: among very many rows, whatever the caller sorts by."""
    grants = ("own:maintenance.work_orders.read",)
    actor = Actor(ActorKind.user, uuid7(), tenant=MINE, grants=grants)
    tenant, session = explained.ctx.tenant, explained.ctx.session
    explained.ctx = Context(actor, tenant=tenant, session=session)
    reply, scan = await explained.list(LISTS["maintenance.work_orders"])
    assert reply.data == b"[]"
    steps = (scan, *scan.get("Plans", ()))
    used = next(it["Index Name"] for it in steps if "Index Name" in it)
    assert used == "ix_maintenance_work_orders_assignee_id"
    assert (scan["Actual Rows"], scan["Rows Removed by Filter"]) == (0, 0)
