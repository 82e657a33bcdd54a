"""Every declared filter and sort is answered from an index, behind the policy (D2b).

Row-level security keeps PostgreSQL from using an index for most operators; a list that
reads all rows of its tenant is right, and a hundred times too slow.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.home import Home
from insula.kernel.database.pool import Connection, Pools
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.aggregates.answering import Aggregator
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.declaration import is_text
from insula.kernel.resource.querying.conditions import (
    EQUAL,
    IN,
    INDEXED,
    IS_NULL,
    PREFIX,
    operators_of,
)
from insula.kernel.resource.querying.includes import MOST_CHILDREN
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant
from tests.isolation.crowd import MINE, SCHEMA
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
OPERATORS = {
    f"{name}{operator}": (api, key, operator)
    for name, (api, key) in FILTERS.items()
    for operator in operators_of(api.shape.facets[key])
    if operator in INDEXED - {EQUAL, IN}
    and (key, operator) not in {("name", "=lt="), ("name", "=le=")}
}
"""Every other operator of every filter that claims to be answered from an index.

But for one: rows of two short fields are read to their end as cheaply.
"""
COUNTS = Path(__file__).parents[1] / "kernel" / "resource" / "query_counts.json"
FEW = 100
"""Rows that may be read for a page of fifteen; the tenant has some two thousand."""
APPS = dict.fromkeys((api.resource.app for api in LISTS.values()), "active")
ENTER = "SELECT set_config('insula.tenant', $1, true)"
RAREST = """
SELECT to_jsonb({key}) #>> '{{}}' FROM {table} WHERE tenant_id = $1 AND {key} IS NOT NULL
 GROUP BY {key} ORDER BY count(*), {key} LIMIT 1
"""
NEAR_THE_END = """
SELECT to_jsonb({key}) #>> '{{}}' FROM {table} WHERE tenant_id = $1 AND {key} IS NOT NULL
 ORDER BY {key}{collation} {way} OFFSET 20 LIMIT 1
"""
WARM = 10
"""Runs after which PostgreSQL has chosen between a plan for all values and one each."""


class Heard(Session):
    """A session that remembers what was run last."""

    asked: tuple[Statement, tuple[Any, ...]]
    count = 0

    async def fetch(self, statement: Statement, *args: Any) -> Sequence[Any]:
        """Run one statement."""
        self.asked, self.count = (statement, args), self.count + 1
        return await super().fetch(statement, *args)


class Explained:
    """Runs lists as the API does, and again to see how they are run."""

    def __init__(
        self, connection: Connection, pools: Pools, home: Home, *, runs: int = 0
    ) -> None:
        self.connection, self._runs = connection, runs
        self.session = Heard(pools, home, MINE)
        tenant = Tenant(MINE, "t", "T", State.active, "t.test", home, None, APPS)
        actor = Actor(ActorKind.user, uuid7(), tenant=MINE, grants=["*"])
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
        plan = await self.plan(statement, args)
        return next(it for it in nodes(plan) if it.get("Alias") == "c")

    async def plan(
        self, statement: Statement, args: Sequence[Any]
    ) -> Mapping[str, Any]:
        """How a statement is run."""
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
        found: Mapping[str, Any] = msgspec.json.decode(explained)[0]["Plan"]
        return found

    async def value(self, query: str, api: ResourceApi, key: str, way: str = "") -> str:
        """A value that few of our rows have, or beyond which few of them lie."""
        table = f"{SCHEMA}.{api.resource.table.name}"
        async with self.connection.transaction():
            await self.connection.execute(ENTER, str(MINE))
            collation = ' COLLATE "C"' if is_text(api.resource.table.c[key]) else ""
            names = {"key": key, "table": table, "collation": collation}
            text = query.format(way=way, **names)
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


def conditions(scan: Mapping[str, Any]) -> Iterator[str]:
    """What the indexes are asked."""
    return (it.get("Index Cond", "") for it in nodes(scan))


def check(scan: Mapping[str, Any], key: str) -> None:
    """The scan is of an index whose condition has the tenant and the field."""
    condition = " ".join(conditions(scan))
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
    leaky = statement.text.replace(f"c.{key} COLL", f"lower(c.{key}) COLL")
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


@pytest.mark.parametrize("name", OPERATORS)
async def test_an_operator_is_answered_from_its_index(
    worn: Explained, name: str
) -> None:
    """S4-29: with a plan that was made for all values as well."""
    api, key, operator = OPERATORS[name]
    if operator == IS_NULL:
        _, scan = await worn.list(api, filter=f"{key}=isnull=true")
        (asked,) = (it for it in conditions(scan) if it)
        assert key in asked, scan
        assert "IS NULL" in asked, scan
        return
    query = RAREST if operator == PREFIX else NEAR_THE_END
    value = await worn.value(query, api, key, "DESC" if "g" in operator else "")
    reply, scan = await worn.list(api, filter=f"{key}{operator}'{value}'")
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


def related(api: ResourceApi) -> Iterator[str]:
    """Whatever can be included in a resource, two steps deep."""
    for name, inclusion in api.includable().items():
        if {"list", "read"} & inclusion.target.resource.without:
            continue
        yield name
        for further, it in LISTS[inclusion.target.name].includable().items():
            many = inclusion.many and it.many
            if not many and not {"list", "read"} & it.target.resource.without:
                yield f"{name}.{further}"


@pytest.mark.parametrize(
    "name", [name for name, api in LISTS.items() if any(related(api))]
)
async def test_what_is_included_is_found_by_keys(
    explained: Explained, name: str
) -> None:
    """S4-32: no table is read for what belongs to the rows of a page."""
    api = LISTS[name]
    for path in related(api):
        await explained.list(api, include=path)
        plan = await explained.plan(*explained.session.asked)
        scans = [it for it in nodes(plan) if it.get("Alias", "")[:2] in ("c", "c_")]
        assert len(scans) == 2 + path.count("."), path
        for scan in scans:
            assert "tenant_id" in " ".join(conditions(scan)), (path, scan)
            assert scan["Actual Rows"] <= MOST_CHILDREN + 1, (path, scan)
            assert scan.get("Rows Removed by Filter", 0) <= FEW, (path, scan)


async def test_groups_are_of_the_tenants_rows_and_named_by_key(
    explained: Explained,
) -> None:
    """K16: nobody else's rows are read, and of other tables one row a group."""
    api = LISTS["maintenance.work_orders"]
    writers = {it.resource.model: it.writer for it in LISTS.values()}
    query = {"group": "asset_id,due_at:month", "measures": "count,avg(priority)"}
    await Aggregator(api, writers)(explained.ctx, Call("", query=query))
    plan = await explained.plan(*explained.session.asked)
    scans = [it for it in nodes(plan) if it.get("Alias", "")[:2] in ("c", "c_")]
    assert len(scans) == 2
    for scan in scans:
        assert "tenant_id" in " ".join(conditions(scan)), scan
    (title,) = (it for it in scans if it["Relation Name"] == "maintenance_assets")
    assert title["Actual Rows"] <= 1


async def test_as_many_statements_are_run_for_one_row_as_for_many(
    crowd: Home, pools: Pools
) -> None:
    """S3-80: for every list, every row and whatever is included; as committed."""
    async with pools.borrow(crowd.login) as connection:
        asking = Explained(connection, pools, crowd)
    counts: dict[str, list[int]] = {}

    async def note(name: str, api: ResourceApi, call: Call) -> bytes:
        before = asking.session.count
        run = api.get if call.key else api.list
        answer = await run(asking.ctx, call)
        counts.setdefault(name, []).append(asking.session.count - before)
        return answer.data

    for name, api in LISTS.items():
        rows = [await note(f"{name}.list", api, sized(size)) for size in (1, 20)]
        assert [len(json.loads(it)) for it in rows] == [1, 20], name
        key = json.loads(rows[0])[0]["id"]
        await note(f"{name}.read", api, Call("", key=key))
        for path in related(api):
            for size in (1, 20):
                await note(f"{name}.list?include={path}", api, sized(size, path))
            asked = Call("", key=key, query={"include": path})
            await note(f"{name}.read?include={path}", api, asked)
    assert all(len(set(found)) == 1 for found in counts.values()), counts
    told = {name: found[0] for name, found in sorted(counts.items())}
    assert told == json.loads(COUNTS.read_text())


def sized(size: int, include: str = "") -> Call:
    """A list of so many rows."""
    more = {"include": include} if include else {}
    return Call("", query={"per_page": str(size), **more})
