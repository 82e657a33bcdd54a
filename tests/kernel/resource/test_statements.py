"""The one-statement forms are right on every plan, and touch no foreign row.

A form that carries the tenant through a plan can pass in a demonstration and fail on a
small table, or after PostgreSQL has settled on a plan for all values. So each is run on
tables of one and of many rows, analysed or not, with both kinds of plan, and on
connections on which an earlier transaction has left nothing, '' or a foreign tenant.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.cache.front import Cache
from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.pool import Connection, Pools
from insula.kernel.database.schema import ddl
from insula.kernel.database.session import Session
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.engine import Engine, registered_apps
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant

pytestmark = pytest.mark.anyio
ENGINE = Engine(
    registered_apps(), secret=b"s" * 32, cache=Cache(), changed=lambda _: None
)
API = ENGINE.api("maintenance.checklists")
TABLE = API.resource.table.name
MINE, THEIRS = uuid7(), uuid7()
SIZES = {"one": 1, "many": 20_000}
FORMS = ("list", "get", "lock", "create", "create many", "update", "delete", "restore")
PLANS = ("force_custom_plan", "force_generic_plan")
LEFT = ("nothing", "empty", "foreign")
FILL = """
INSERT INTO {0}.{1} (tenant_id, id, version, name, created_at, updated_at, deleted_at)
SELECT $1, gen_random_uuid(), 1, 'n' || n, now(), now(), CASE WHEN n = 0 THEN now() END
  FROM generate_series(0, $2::int) n
"""
STATE = """
SELECT count(*), max(xmin::text::bigint), max(xmax::text::bigint)
  FROM {0}.{1} WHERE tenant_id = $1
"""
"""How many rows there are, and which transaction wrote or locked one of them last."""


@dataclass(frozen=True)
class Table:
    """A schema with the table, and rows of two tenants in it, one of each in the trash."""

    superuser: Connection
    home: Home

    @property
    def name(self) -> str:
        return f"{self.home.schema}.{TABLE}"

    async def an_id(self, tenant: UUID, *, deleted: bool = False) -> UUID:
        """The id of a row, of one in the trash or not."""
        found = await self.superuser.fetchval(
            f"SELECT id FROM {self.name} WHERE tenant_id = $1"
            f" AND deleted_at IS {'NOT ' if deleted else ''}NULL ORDER BY id LIMIT 1",
            tenant,
        )
        assert isinstance(found, UUID)
        return found

    async def live(self) -> int:
        """How many rows are ours and not in the trash."""
        count = await self.superuser.fetchval(
            f"SELECT count(*) FROM {self.name}"
            " WHERE tenant_id = $1 AND deleted_at IS NULL",
            MINE,
        )
        return int(count)

    async def theirs(self) -> list[tuple[Any, ...]]:
        """What there is of theirs, and when it was touched last."""
        tables = (TABLE, "audit_log", "outbox")
        queries = [STATE.format(self.home.schema, it) for it in tables]
        return [tuple(*await self.superuser.fetch(it, THEIRS)) for it in queries]

    async def journal(self) -> tuple[int, int]:
        """How much was written of what we did."""
        at = self.home.schema
        (row,) = await self.superuser.fetch(
            f"SELECT (SELECT count(*) FROM {at}.audit_log WHERE tenant_id = $1),"
            f" (SELECT count(*) FROM {at}.outbox WHERE tenant_id = $1)",
            MINE,
        )
        return int(row[0]), int(row[1])


@pytest.fixture(
    scope="module",
    params=[(size, seen) for size in SIZES for seen in ("analysed", "unknown")],
    ids="-".join,
)
async def table(
    cluster: Cluster, request: pytest.FixtureRequest
) -> AsyncIterator[Table]:
    """A table of one or many rows of ours, which PostgreSQL knows or not."""
    size, seen = request.param
    schema = f"forms_{size}_{seen}"
    tables = [TENANT_METADATA.tables[it] for it in ("audit_log", "outbox", TABLE)]
    async with opened(cluster.owner(cluster.pool)) as owner, owner.transaction():
        await owner.execute(
            f"CREATE SCHEMA {schema}; {use_of(schema, cluster.roles)};"
            f" SET LOCAL search_path = {schema}, {EXTENSIONS};"
            + ddl(cluster.roles, tables)
            + f"; ALTER TABLE {schema}.{TABLE} SET (autovacuum_enabled = false)"
        )
    async with opened(replace(cluster.admin, database=cluster.pool)) as superuser:
        for tenant in (MINE, THEIRS):
            await superuser.execute(FILL.format(schema, TABLE), tenant, SIZES[size])
        if seen == "analysed":
            await superuser.execute(f"ANALYZE {schema}.{TABLE}")
        home = Home(uuid7(), Isolation.schema, schema, cluster.app(cluster.pool))
        yield Table(superuser, home)
        await superuser.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=[(plan, left) for plan in PLANS for left in LEFT], ids="-".join)
async def ctx(table: Table, request: pytest.FixtureRequest) -> AsyncIterator[Context]:
    """Somebody of ours, on a connection with a past."""
    plan, left = request.param
    pools = Pools(budget=1)
    async with pools.borrow(table.home.login) as connection:
        await connection.execute(f"SET plan_cache_mode = {plan}")
        if left != "nothing":
            past = THEIRS if left == "foreign" else ""
            await connection.execute(f"SET insula.tenant = '{past}'")
    tenant = Tenant(MINE, "t", "T", State.active, "t.test", table.home, None, {})
    session = Session(pools, table.home, MINE)
    actor = Actor(ActorKind.user, uuid7(), tenant=MINE, grants=["*"])
    yield Context(actor, tenant=tenant, session=session)
    await pools.close()


async def run(form: str, ctx: Context, row_id: UUID) -> Reply | int:
    """Run a form on a row; the answer of the API, or how many rows came back."""
    name = f"made {uuid7()}"
    call = Call("", key=str(row_id), version=None)
    match form:
        case "list":
            return await API.list(ctx, Call("", query={"per_page": "100"}))
        case "get":
            return await API.get(ctx, call)
        case "lock":
            return len(await ctx.session.fetch(API.writer.lock, [row_id]))
        case "create":
            return await API.create(ctx, Call("", body=API.create_body(name=name)))
        case "create many":
            rows = [API.new_values(API.create_body(name=f"{name} {n}")) for n in (1, 2)]
            statement, args = API.writer.create_many(rows, ctx)
            return len(await ctx.session.fetch(statement, *args))
        case "update":
            call.body = API.patch_body(name=name)
            return await API.patch(ctx, call)
        case "delete":
            return await API.delete(ctx, call)
        case _:
            return await API.restore(ctx, call)


EXPECTED: Mapping[str, tuple[int, int]] = {
    "create": (1, 1),
    "create many": (2, 2),
    "update": (0, 1),
    "delete": (-1, 1),
    "restore": (1, 1),
}
"""How many rows more are live, and how many entries each journal has more."""


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_finds_its_own_row(table: Table, ctx: Context, form: str) -> None:
    """Right rows on every plan, and exactly one entry in each journal."""
    theirs, live = await table.theirs(), await table.live()
    audited, told = await table.journal()
    row_id = await table.an_id(MINE, deleted=form == "restore")
    answer = await run(form, ctx, row_id)
    if isinstance(answer, int):
        assert answer == {"lock": 1, "create many": 2}[form]
    elif form == "list":
        assert answer.data.count(b'"id":') == min(live, 100)
    elif form in ("get", "update", "restore"):
        assert str(row_id).encode() in answer.data
    more, written = EXPECTED.get(form, (0, 0))
    assert await table.live() == live + more
    assert await table.journal() == (audited + written, told + written)
    assert await table.theirs() == theirs
    await undo(table, form, row_id)


async def undo(table: Table, form: str, row_id: UUID) -> None:
    """Have as many rows as before, in the trash and outside of it."""
    if form in ("delete", "restore"):
        moment = "now()" if form == "restore" else "NULL"
        await table.superuser.execute(
            f"UPDATE {table.name} SET deleted_at = {moment} WHERE id = $1", row_id
        )
    await table.superuser.execute(
        f"DELETE FROM {table.name} WHERE tenant_id = $1 AND id <> $2"
        " AND starts_with(name, 'made ') AND version = 1",
        MINE,
        row_id,
    )


@pytest.mark.parametrize("form", [it for it in FORMS if not it.startswith("create")])
async def test_a_form_leaves_a_foreign_row_alone(
    table: Table, ctx: Context, form: str
) -> None:
    """A stale tenant on the connection gives no rows, never foreign ones."""
    theirs, live, journal = (
        await table.theirs(),
        await table.live(),
        await table.journal(),
    )
    foreign = await table.an_id(THEIRS, deleted=form == "restore")
    found: Any = 0
    try:
        found = await run(form, ctx, foreign)
    except NotFound:
        assert form not in ("list", "lock")
    if isinstance(found, Reply):
        assert form == "list"
        assert str(foreign).encode() not in found.data
    else:
        assert found == 0
    assert (await table.theirs(), await table.live()) == (theirs, live)
    assert await table.journal() == journal
