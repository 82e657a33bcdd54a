"""Homes in three modes: made again after any crash, apart from each other, and gone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.home import Home, Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import HomeNotFound, Homes

OWN = [Isolation.schema, Isolation.database]


@pytest.fixture
def tenant_id() -> UUID:
    return uuid7()


@pytest.fixture(params=OWN)
async def home(
    request: pytest.FixtureRequest, homes: Homes, tenant_id: UUID
) -> AsyncIterator[Home]:
    home = await homes.place(tenant_id, request.param)
    yield home
    await homes.demolish(home)


async def version_of(control: Control, home: Home) -> str | None:
    rows = await control.fetch(
        "SELECT version FROM control.homes WHERE id = $1", home.id
    )
    return rows[0]["version"] if rows else None


ADD = """
INSERT INTO {schema}.outbox (id, tenant_id, name, payload, created_at)
SELECT gen_random_uuid(), '{tenant}', 'x', '{{}}', now()
  FROM (SELECT set_config('insula.tenant', '{tenant}', true)) c, generate_series(1, 3)
"""


async def add_rows(homes: Homes, home: Home, tenant_id: UUID) -> None:
    async with opened(homes.owner(home)) as owner, owner.transaction():
        await owner.execute(
            "SELECT set_config('insula.tenant', $1, true)", str(tenant_id)
        )
        await owner.execute(ADD.format(schema=home.schema, tenant=tenant_id))


async def test_a_tenant_has_one_place_however_often_it_is_asked_for(
    homes: Homes, home: Home, tenant_id: UUID
) -> None:
    assert await homes.place(tenant_id, home.isolation) == home
    assert await homes.load(home.id) == home
    assert (await homes.place(tenant_id, Isolation.shared)) == await homes.shared()


async def test_a_home_is_born_current(
    homes: Homes, home: Home, control: Control
) -> None:
    assert await version_of(control, home) is None
    await homes.build(home)
    assert await version_of(control, home) == homes.version
    assert home not in await homes.stale()


async def test_two_who_build_a_home_at_once_both_find_it_built(
    homes: Homes, home: Home, tenant_id: UUID
) -> None:
    await asyncio.gather(*(homes.build(home) for _ in range(3)))
    await add_rows(homes, home, tenant_id)
    await homes.build(home)
    assert await homes.purge(home, tenant_id) == 3


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_database_home_is_finished_wherever_its_making_was_killed(
    homes: Homes, cluster: Cluster, tenant_id: UUID, step: int
) -> None:
    home = await homes.place(tenant_id, Isolation.database)
    name = home.login.database
    left = (
        f"CREATE ROLE {name} LOGIN IN ROLE {cluster.roles.tenant}",
        f"CREATE DATABASE {name} TEMPLATE {cluster.template}",
        f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
    )
    async with opened(cluster.owner(cluster.pool)) as owner:
        for statement in left[:step]:
            await owner.execute(statement)
    await homes.build(home)
    async with opened(home.login) as connection:
        assert await connection.fetchval("SELECT count(*) FROM tenant.users") == 0
    await homes.demolish(home)


async def test_a_database_whose_removal_was_interrupted_is_made_again(
    homes: Homes, cluster: Cluster, tenant_id: UUID
) -> None:
    home = await homes.place(tenant_id, Isolation.database)
    await homes.build(home)
    async with opened(cluster.admin) as admin:
        await admin.execute(
            "UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1",
            home.login.database,
        )
    await homes.build(home)
    async with opened(home.login):
        await homes.demolish(home)


async def test_a_database_home_opens_to_its_own_role_alone(
    homes: Homes, cluster: Cluster, tenant_id: UUID
) -> None:
    """D3: the app role holds the grants on the tables, yet it cannot connect."""
    home = await homes.place(tenant_id, Isolation.database)
    other = await homes.place(uuid7(), Isolation.database)
    await homes.build(home)
    await homes.build(other)
    for login in (
        cluster.app(home.login.database),
        replace(other.login, database=home.login.database),
        cluster.login(home.login.database, cluster.roles.reader),
        replace(home.login, database=cluster.pool),
        replace(home.login, database=cluster.control),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with opened(login):
                pass
    async with opened(home.login) as connection:
        assert await connection.fetchval("SHOW search_path") == '""'
        assert await connection.fetchval("SHOW lock_timeout") == "5s"
    await homes.demolish(home)
    await homes.demolish(other)


async def test_a_demolished_home_leaves_nothing(
    homes: Homes, cluster: Cluster, home: Home
) -> None:
    await homes.build(home)
    await homes.demolish(home)
    await homes.demolish(home)
    with pytest.raises(HomeNotFound):
        await homes.load(home.id)
    async with opened(cluster.owner(cluster.pool)) as owner:
        left = await owner.fetchval(
            "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1)"
            " + (SELECT count(*) FROM pg_roles WHERE rolname = $1)"
            " + (SELECT count(*) FROM pg_namespace WHERE nspname = $2)",
            home.login.database if home.isolation is Isolation.database else "",
            home.schema,
        )
    assert left == 0


async def test_demolishing_the_shared_home_does_nothing(homes: Homes) -> None:
    shared = await homes.shared()
    await homes.demolish(shared)
    assert await homes.shared() == shared


async def test_a_purge_takes_one_tenant_and_leaves_the_others(
    homes: Homes, tenant_id: UUID
) -> None:
    shared, other = await homes.shared(), uuid7()
    await add_rows(homes, shared, tenant_id)
    await add_rows(homes, shared, other)
    assert await homes.purge(shared, tenant_id) == 3
    assert await homes.purge(shared, tenant_id) == 0
    assert await homes.purge(shared, other) == 3


async def test_a_purge_goes_through_references_of_every_kind(
    homes: Homes, tenant_id: UUID
) -> None:
    home = await homes.place(tenant_id, Isolation.schema)
    await homes.build(home)
    reference = (
        "ALTER TABLE {0} ADD p_id uuid, ADD FOREIGN KEY (tenant_id, p_id)"
        " REFERENCES {1} (tenant_id, id) ON DELETE {2}"
    )
    async with opened(homes.owner(home)) as owner:
        await owner.execute(
            f"SET search_path = {home.schema};"
            + reference.format("outbox", "outbox", "RESTRICT")
            + ";"
            + reference.format("audit_log", "outbox", "CASCADE")
            + ";ALTER TABLE outbox ADD a_id uuid, ADD FOREIGN KEY (tenant_id, a_id)"
            " REFERENCES audit_log (tenant_id, id) ON DELETE RESTRICT"
        )
    await add_rows(homes, home, tenant_id)
    async with opened(homes.owner(home)) as owner, owner.transaction():
        await owner.execute(
            "SELECT set_config('insula.tenant', $1, true)", str(tenant_id)
        )
        outbox = f"{home.schema}.outbox"
        await owner.execute(
            f"UPDATE {outbox} SET p_id = (SELECT id FROM {outbox} LIMIT 1)"
        )
    assert await homes.purge(home, tenant_id) == 3
    await homes.demolish(home)


async def test_a_second_start_changes_nothing(
    homes: Homes, control: Control, cluster: Cluster
) -> None:
    before = await control.fetch("SELECT * FROM control.homes ORDER BY id")
    await Homes(control, cluster, homes.series).prepare()
    assert await control.fetch("SELECT * FROM control.homes ORDER BY id") == before
