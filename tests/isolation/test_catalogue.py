"""The catalogue of every kind of home is what the rules for data ask, and is watched."""

from collections.abc import AsyncIterator

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.catalogue import faults
from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.pool import Connection
from insula.kernel.database.shadow import shadow_difference
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.homes import Homes


@pytest.fixture(scope="module", params=list(Isolation))
async def home(request: pytest.FixtureRequest, homes: Homes) -> AsyncIterator[Home]:
    home = await homes.place(uuid7(), request.param)
    await homes.build(home)
    yield home
    await homes.demolish(home)


@pytest.fixture
async def owner(homes: Homes, home: Home) -> AsyncIterator[Connection]:
    async with opened(homes.owner(home)) as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


async def test_every_table_keeps_the_rules_for_data(
    homes: Homes, home: Home, owner: Connection
) -> None:
    """D1, D2, D3, S3-56: the same shape in all three modes, every reference indexed."""
    assert await faults(owner, home.schema, homes.cluster.roles) == []


async def test_a_home_has_exactly_the_declared_tables(homes: Homes, home: Home) -> None:
    login, roles = homes.owner(home), homes.cluster.roles
    assert await shadow_difference(login, home.schema, homes.series, roles) == []


MUTATIONS = {
    "a policy is gone": (
        "DROP POLICY tenant_isolation ON users",
        "table users has not exactly its policies",
    ),
    "a policy has another arm": (
        "CREATE POLICY admin ON users USING (true)",
        "table users has not exactly its policies",
    ),
    "row-level security is off": (
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        "table users has row-level security off",
    ),
    "the owner is let through": (
        "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
        "table users does not force row-level security",
    ),
    "a table has no tenant": (
        "CREATE TABLE notes (id uuid PRIMARY KEY)",
        "table notes has no tenant_id",
    ),
    "a key is not composite": (
        "ALTER TABLE outbox DROP CONSTRAINT pk_outbox, ADD PRIMARY KEY (id)",
        "table outbox: primary key outbox_pkey does not begin with the tenant",
    ),
    "a unique index spans tenants": (
        "CREATE UNIQUE INDEX uq ON users (id)",
        "table users: unique index uq does not begin with the tenant",
    ),
    "an exclusion spans tenants": (
        "ALTER TABLE users ADD CONSTRAINT ex EXCLUDE USING gist (id WITH =)",
        "table users: exclusion ex does not begin with the tenant",
    ),
    "a reference lacks the tenant": (
        "CREATE UNIQUE INDEX u ON users (id);"
        "ALTER TABLE outbox ADD CONSTRAINT f FOREIGN KEY (actor_id) REFERENCES users (id)",
        "reference f of table outbox does not carry the tenant",
    ),
    "a reference lacks its index": (
        "DROP INDEX ix_sessions_user_id",
        "reference fk_sessions_user_id of table sessions has no index",
    ),
    "a log can be changed": (
        "GRANT UPDATE ON audit_log TO PUBLIC",
        "table audit_log has other grants than declared: public UPDATE",
    ),
    "a table can be emptied": (
        "GRANT TRUNCATE ON users TO PUBLIC",
        "table users has other grants than declared: public TRUNCATE",
    ),
    "a column can be read": (
        "GRANT SELECT (email) ON users TO PUBLIC",
        "column users.email has grants of its own",
    ),
    "a view runs as its owner": (
        "CREATE VIEW everybody AS SELECT * FROM users",
        "view everybody runs as its owner",
    ),
    "a function runs as its owner": (
        "CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
        "runs as its owner",
    ),
    "a search is open to all": (
        "SET LOCAL ROLE {search};"
        "GRANT EXECUTE ON FUNCTION {schema}.maintenance_assets_search TO PUBLIC;"
        "RESET ROLE",
        "maintenance_assets_search(text,text[],integer) may be called by others",
    ),
    "a search does something else": (
        "GRANT CREATE ON SCHEMA {schema} TO {search}; SET LOCAL ROLE {search};"
        "CREATE OR REPLACE FUNCTION maintenance_assets_search"
        "(asked text, hidden text[], most integer) RETURNS SETOF uuid SECURITY DEFINER"
        " LANGUAGE sql AS 'SELECT id FROM {schema}.maintenance_assets'; RESET ROLE",
        "table maintenance_assets is not searched as declared",
    ),
    "searches read as somebody else": (
        "DROP POLICY search_reads ON users;"
        "CREATE POLICY search_reads ON users FOR SELECT USING (true)",
        "table users has not exactly its policies",
    ),
    "somebody may make tables": (
        "GRANT CREATE ON SCHEMA {schema} TO PUBLIC",
        "public has CREATE on schema",
    ),
    "a table is in public": (
        "CREATE TABLE public.lost (id int)",
        "schema public holds lost",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_breach_is_found(
    mutation: str, homes: Homes, home: Home, owner: Connection
) -> None:
    statement, expected = MUTATIONS[mutation]
    await owner.execute(f"SET LOCAL search_path = {home.schema}, ext")
    search = homes.cluster.roles.search
    await owner.execute(statement.format(schema=home.schema, search=search))
    found = await faults(owner, home.schema, homes.cluster.roles)
    assert any(expected in fault for fault in found), found
