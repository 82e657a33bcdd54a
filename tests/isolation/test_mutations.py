"""The mutation check: any one wall, key, reference or prefix away, and somebody notices.

The gate that reads the catalogue must name the table, for every table; and where the
breach can be used through the API, the suite's own checks must fail.
"""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import ForeignKeyConstraint, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.catalogue import faults
from insula.kernel.database.columns import spec
from insula.kernel.database.pool import Connection
from insula.kernel.database.walls import APPEND_ONLY, TENANT_METADATA
from tests.house import Answer
from tests.isolation.neighbours import APIS, Neighbours, alike, random_id
from tests.samples import creatable, path_of

pytestmark = pytest.mark.anyio
TABLES = sorted(TENANT_METADATA.tables)
OF_TABLE = {
    "its policy is gone": "DROP POLICY tenant_isolation ON {0}",
    "its policy lets all pass": "ALTER POLICY tenant_isolation ON {0} USING (true)",
    "its policy lets all in": "ALTER POLICY tenant_isolation ON {0} WITH CHECK (true)",
    "it has one policy more": "CREATE POLICY more ON {0} USING (true)",
    "row-level security is off": "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY",
    "its owner is let through": "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY",
    "its owner is another": "ALTER TABLE {0} OWNER TO {app}",
    "it can be emptied": "GRANT TRUNCATE ON {0} TO {tenant}",
    "it can be referred to": "GRANT REFERENCES ON {0} TO {tenant}",
    "it can be given triggers": "GRANT TRIGGER ON {0} TO {tenant}",
    "everybody may read it": "GRANT SELECT ON {0} TO PUBLIC",
    "a column of it may be read": "GRANT SELECT (id) ON {0} TO PUBLIC",
    "its tenant may be missing": (
        "ALTER TABLE {0} DROP CONSTRAINT pk_{0} CASCADE,"
        " ALTER COLUMN tenant_id DROP NOT NULL"
    ),
    "its key lacks the tenant": (
        "ALTER TABLE {0} DROP CONSTRAINT pk_{0} CASCADE, ADD PRIMARY KEY (id)"
    ),
    "an id is unique for all": "CREATE UNIQUE INDEX more_{0} ON {0} (id)",
    "the tenant comes second": "CREATE UNIQUE INDEX more_{0} ON {0} (id, tenant_id)",
}


@dataclass(frozen=True)
class Key:
    """A unique index or a reference of a table, and how it looks without the tenant."""

    table: str
    name: str
    column: str
    target: str
    without: str
    back: str


def references() -> dict[str, Key]:
    """Every reference of every table."""
    found = {}
    for table in TENANT_METADATA.tables.values():
        for key in sorted(table.foreign_key_constraints, key=lambda it: str(it.name)):
            found[str(key.name)] = _reference(table, key)
    return found


def _reference(table: Table, key: ForeignKeyConstraint) -> Key:
    columns = [it.name for it in key.columns]
    target, (column,) = key.referred_table.name, columns[1:]
    rest = f"{target} (id) ON DELETE {key.ondelete}"
    whole = f"{target} (tenant_id, id) ON DELETE {key.ondelete}"
    drop = f"ALTER TABLE {table.name} DROP CONSTRAINT {key.name}"
    add = f"ADD CONSTRAINT {key.name} FOREIGN KEY"
    return Key(
        table=table.name,
        name=str(key.name),
        column=column,
        target=target,
        without=(
            f"CREATE UNIQUE INDEX more_{key.name} ON {target} (id);"
            f"{drop}, {add} ({column}) REFERENCES {rest}"
        ),
        back=(
            f"{drop}, {add} (tenant_id, {column}) REFERENCES {whole} NOT VALID;"
            f"DROP INDEX more_{key.name}"
        ),
    )


def unique_indexes() -> dict[str, Key]:
    """Every unique index of every table."""
    found = {}
    for table in TENANT_METADATA.tables.values():
        unique = (it for it in table.indexes if it.unique)
        for index in sorted(unique, key=lambda it: str(it.name)):
            create = str(CreateIndex(index).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # no stubs
            column = [it.name for it in index.columns][1]
            drop = f"DROP INDEX {index.name}"
            without = create.replace("(tenant_id, ", "(")
            found[str(index.name)] = Key(
                table=table.name,
                name=str(index.name),
                column=column,
                target="",
                without=f"{drop}; {without}",
                back=f"{drop}; {create}",
            )
    return found


REFERENCES, UNIQUE = references(), unique_indexes()
CREATABLE = {
    api.resource.table.name: api.resource for api in APIS.values() if creatable(api)
}
LOOKED_UP = {"fk_crm_deals_pipeline_id", "fk_crm_deals_stage_id"}
"""References of which the app finds out by itself, before PostgreSQL does."""


def written(key: Key) -> bool:
    """Whether a caller says what is in a column; ranks and numbers nobody says."""
    if key.table not in CREATABLE:
        return False
    table = CREATABLE[key.table].table
    keyed = [it for index in table.indexes if index.name == key.name for it in index.c]
    columns = [*keyed, table.c[key.column]]
    return not any(spec(it.info).read_only for it in columns)


TOLD = [it for it, key in REFERENCES.items() if written(key) and it not in LOOKED_UP]
"""References that a caller can write."""
CLASHING = [
    name
    for name, it in UNIQUE.items()
    if written(it) and name not in CREATABLE[it.table].rules
]


@pytest.fixture
async def superuser(block: Neighbours) -> AsyncIterator[Connection]:
    """The server's administrator in the home; what is done there is undone."""
    admin, home = block.house.platform.cluster.admin, block.mine.tenant.home
    async with opened(replace(admin, database=home.login.database)) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL search_path = {home.schema}, ext")
        yield connection
        await transaction.rollback()


async def found_after(
    block: Neighbours, superuser: Connection, statement: str
) -> list[str]:
    """The gate's findings after a mutation, which is undone."""
    roles = block.house.platform.cluster.roles
    savepoint = superuser.transaction()
    await savepoint.start()
    await superuser.execute(statement)
    found = await faults(superuser, block.mine.tenant.home.schema, roles)
    await savepoint.rollback()
    return found


def said_of_all(tables: Iterable[str], found: Iterable[str]) -> set[str]:
    """The findings that each of the tables has, names and grants left out."""
    each = []
    for table in tables:
        of_it = re.compile(rf"(table|column) {table}\b")
        kinds = (it.partition(" than declared")[0] for it in found if of_it.search(it))
        each.append({it.replace(table, "{0}") for it in kinds})
    return set.intersection(*each)


@pytest.mark.parametrize("mutation", OF_TABLE)
async def test_a_breach_in_any_table_is_found(
    block: Neighbours, superuser: Connection, mutation: str
) -> None:
    """Promise 1, D1-D3: the gate names the table, whichever it is."""
    roles = block.house.platform.cluster.roles
    names = {"app": f'"{roles.app}"', "tenant": f'"{roles.tenant}"'}
    assert await found_after(block, superuser, "SELECT") == []
    breaches = (OF_TABLE[mutation].format(it, **names) for it in TABLES)
    found = await found_after(block, superuser, ";".join(breaches))
    assert said_of_all(TABLES, found), found


async def test_a_log_that_can_be_changed_is_found(
    block: Neighbours, superuser: Connection
) -> None:
    roles = block.house.platform.cluster.roles
    logs = [it for it in TABLES if TENANT_METADATA.tables[it].info.get(APPEND_ONLY)]
    assert "audit_log" in logs
    for verb in ("UPDATE", "DELETE"):
        grants = (f'GRANT {verb} ON {it} TO "{roles.tenant}"' for it in logs)
        found = await found_after(block, superuser, ";".join(grants))
        assert said_of_all(logs, found), (verb, found)


async def test_a_reference_without_the_tenant_is_found(
    block: Neighbours, superuser: Connection
) -> None:
    """Whichever it is: each is named."""
    breaches = (it.without for it in REFERENCES.values())
    found = await found_after(block, superuser, ";".join(breaches))
    missed = {
        f"reference {name} of table {it.table} does not carry the tenant"
        for name, it in REFERENCES.items()
    }.difference(found)
    assert not missed


async def test_a_unique_index_without_the_tenant_is_found(
    block: Neighbours, superuser: Connection
) -> None:
    """Whichever it is: each is named."""
    # Both tenants may have the same in it, and rightly so.
    emptied = f"TRUNCATE {', '.join({it.table for it in UNIQUE.values()})} CASCADE"
    breaches = (emptied, *(it.without for it in UNIQUE.values()))
    found = await found_after(block, superuser, ";".join(breaches))
    missed = {
        f"table {it.table}: unique index {name} does not begin with the tenant"
        for name, it in UNIQUE.items()
    }.difference(found)
    assert not missed


@asynccontextmanager
async def mutated(block: Neighbours, key: Key) -> AsyncIterator[None]:
    """The home with one key that lacks the tenant, for a while."""
    home = block.mine.tenant.home
    async with opened(block.house.platform.homes.owner(home)) as owner:
        await owner.execute(f"SET search_path = {home.schema}, ext")
        await owner.execute(key.without)
        try:
            yield
        finally:
            await owner.execute(key.back)


@pytest.mark.parametrize("name", TOLD)
async def test_a_reference_without_the_tenant_tells_foreign_ids_apart(
    block: Neighbours, name: str
) -> None:
    """Pitfall 14: row-level security alone does not keep a reference in its tenant."""
    key = REFERENCES[name]
    answers = await both_ids(block, key)
    assert alike(answers[0]) == alike(answers[1])
    async with mutated(block, key):
        answers = await both_ids(block, key)
        for made in (it for it in answers if it.status == 201):
            await forget(block, key.table, made.data["id"])
    assert alike(answers[0]) != alike(answers[1])


async def both_ids(block: Neighbours, key: Key) -> list[Answer]:
    """The answers to a foreign and to a random id where the reference is."""
    samples = block.mine.samples
    api = samples.apis[key.table]
    _, said = await samples.made(api, having=key.column)
    answers = []
    for value in (block.theirs.samples.rows[key.target]["id"], random_id()):
        body = await samples.body(api.create_body, api, said)
        sent = {**body, key.column: value}
        answers.append(await block.mine.owner.post(path_of(api), sent))
    return answers


@pytest.mark.parametrize("name", CLASHING)
async def test_a_unique_index_without_the_tenant_tells_what_is_taken(
    block: Neighbours, name: str
) -> None:
    """Pitfall 14: a clash would tell what another tenant has."""
    key, samples = UNIQUE[name], block.mine.samples
    api = samples.apis[key.table]
    _, said = await samples.made(api)
    taken = block.theirs.samples.rows[key.table][key.column]
    body = {**await samples.body(api.create_body, api, said), key.column: taken}
    async with mutated(block, key):
        assert (await block.mine.owner.post(path_of(api), body)).status == 422
    made = await block.mine.owner.post(path_of(api), body)
    assert made.status == 201
    await forget(block, key.table, made.data["id"])


async def forget(block: Neighbours, table: str, row_id: str) -> None:
    """Take a row away for good, so that keys can be put back and secrets stay so.

    What the journal has of it goes too: it holds what we said of the neighbour's.
    """
    home, admin = block.mine.tenant.home, block.house.platform.cluster.admin
    places = ((table, "id"), ("audit_log", "resource_id"), ("outbox", "resource_id"))
    async with opened(replace(admin, database=home.login.database)) as superuser:
        for place, key in places:
            statement = f"DELETE FROM {home.schema}.{place} WHERE {key} = $1"
            await superuser.execute(statement, row_id)
