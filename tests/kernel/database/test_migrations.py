"""Every series reaches its head once in every schema, whoever else is at work."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, Uuid
from sqlalchemy.exc import DBAPIError

from insula.kernel.database import migrations
from insula.kernel.database.authoring import NothingChanged, autogenerate
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.fitting import fit
from insula.kernel.database.home import Login
from insula.kernel.database.migrations import (
    Migrations,
    declared,
    heads,
    upgrade,
    version,
)
from insula.kernel.database.model import TenantRow
from insula.kernel.database.pool import Connection
from insula.kernel.database.shadow import control_difference, shadow_difference
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.series import CONTROL, KERNEL

STEP = """
from alembic import op
revision, down_revision = "{number:04d}", {before}

def upgrade() -> None:
    op.execute("{sql}")
"""


def write(folder: Path, *steps: str) -> Migrations:
    migrations.scripts.cache_clear()
    folder.mkdir(exist_ok=True)
    for number, sql in enumerate(steps, start=1):
        before = repr(f"{number - 1:04d}") if number > 1 else None
        path = folder / f"{number:04d}_step.py"
        path.write_text(STEP.format(number=number, before=before, sql=sql))
    return Migrations("trial", folder)


@pytest.fixture
def login(cluster: Cluster) -> Login:
    return cluster.owner(cluster.pool)


@pytest.fixture
async def owner(login: Login) -> AsyncIterator[Connection]:
    async with opened(login) as connection:
        yield connection


@pytest.fixture
async def schemas(owner: Connection) -> AsyncIterator[list[str]]:
    names = [f"trial_{secrets.token_hex(4)}" for _ in range(4)]
    await owner.execute(";".join(f"CREATE SCHEMA {name}" for name in names))
    yield names
    await owner.execute(";".join(f"DROP SCHEMA {name} CASCADE" for name in names))


async def count(owner: Connection, schema: str) -> int:
    return int(await owner.fetchval(f"SELECT count(*) FROM {schema}.trial_log"))


LOG = "CREATE TABLE trial_log (at timestamptz DEFAULT clock_timestamp())"
ADD = "INSERT INTO trial_log SELECT clock_timestamp() FROM pg_sleep(0.02)"


async def test_a_series_is_one_transaction(
    cluster: Cluster, owner: Connection, schemas: list[str], tmp_path: Path
) -> None:
    series = [write(tmp_path / "s", LOG, "SELECT 1/0")]
    with pytest.raises(DBAPIError, match="division by zero"):
        await upgrade(cluster.owner(cluster.pool), schemas[0], series, cluster.roles)
    assert await version(owner, schemas[0], series) is None
    series = [write(tmp_path / "s", LOG, ADD)]
    await upgrade(cluster.owner(cluster.pool), schemas[0], series, cluster.roles)
    assert await version(owner, schemas[0], series) == heads(series)


async def test_homes_migrated_side_by_side_get_their_own_steps(
    cluster: Cluster,
    login: Login,
    owner: Connection,
    schemas: list[str],
    tmp_path: Path,
) -> None:
    """Alembic's ``op`` is one for the whole process; ours is one a task."""
    series = [write(tmp_path / "s", LOG, ADD, ADD, ADD)]
    twice = [*schemas, *schemas]
    done: list[str] = []
    await asyncio.gather(
        *(upgrade(login, name, series, cluster.roles, done.append) for name in twice)
    )
    assert [await count(owner, name) for name in schemas] == [3, 3, 3, 3]
    assert done.count("trial 0004") == len(schemas)


async def test_a_step_that_waits_for_a_lock_lets_others_pass_and_tries_again(
    cluster: Cluster,
    login: Login,
    owner: Connection,
    schemas: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrations, "PAUSE", 0.05)
    await upgrade(login, schemas[0], [write(tmp_path / "s", LOG)], cluster.roles)
    add = "ALTER TABLE trial_log ADD COLUMN note text"
    series = [write(tmp_path / "s", LOG, add)]
    async with owner.transaction():
        await owner.fetch(f"SELECT * FROM {schemas[0]}.trial_log")
        task = asyncio.create_task(upgrade(login, schemas[0], series, cluster.roles))
        await asyncio.sleep(0.2)
        assert not task.done()
    await task
    assert await version(owner, schemas[0], series) == heads(series)


async def test_a_lock_that_never_comes_is_an_error(
    cluster: Cluster,
    login: Login,
    owner: Connection,
    schemas: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(migrations, "PAUSE", 0.01)
    series = [write(tmp_path / "s", LOG)]
    lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
    async with owner.transaction():
        await owner.execute(lock, migrations.schema_lock(schemas[0]))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await upgrade(login, schemas[0], series, cluster.roles)


async def test_code_that_is_older_than_the_schema_leaves_it_alone(
    cluster: Cluster,
    login: Login,
    owner: Connection,
    schemas: list[str],
    tmp_path: Path,
) -> None:
    newer = [write(tmp_path / "newer", LOG, ADD)]
    await upgrade(login, schemas[0], newer, cluster.roles)
    older = [write(tmp_path / "older", LOG)]
    await upgrade(login, schemas[0], older, cluster.roles)
    assert await version(owner, schemas[0], newer) == heads(newer)


async def test_an_author_gets_the_next_step_and_it_makes_what_was_declared(
    cluster: Cluster, login: Login, schemas: list[str], tmp_path: Path
) -> None:
    metadata = MetaData()
    things = Table(
        "trial_things",
        metadata,
        Column("tenant_id", Uuid, nullable=False),
        Column("id", Uuid),
        PrimaryKeyConstraint("tenant_id", "id", name="pk_trial_things"),
    )
    series = [KERNEL, Migrations("trial", tmp_path, metadata)]
    await autogenerate(login, schemas[0], series, cluster.roles, "Things")
    things.append_column(Column("name", String(200), index=True))
    path = await autogenerate(login, schemas[0], series, cluster.roles, "Their name.")
    assert path.endswith("/0002_their_name.py")
    with pytest.raises(NothingChanged):
        await autogenerate(login, schemas[0], series, cluster.roles, "Nothing")
    await upgrade(login, schemas[1], series, cluster.roles)
    use = f"GRANT USAGE ON SCHEMA {schemas[1]} TO {cluster.roles.tenant}"
    async with opened(login) as owner:
        await owner.execute(use)
        await fit(owner, schemas[1], declared(series), cluster.roles)
    assert not await shadow_difference(login, schemas[1], series, cluster.roles)


async def test_the_operators_tables_are_those_that_the_models_declare(
    cluster: Cluster, homes: Homes
) -> None:
    login = cluster.owner(cluster.control)
    assert await control_difference(login, [CONTROL], cluster.roles) == []
    async with opened(login) as owner:
        assert await version(owner, CONTROL_SCHEMA, [CONTROL]) == heads([CONTROL])


DRIFT = {
    "DROP INDEX ix_outbox_due": "- index outbox CREATE INDEX ix_outbox_due",
    "ALTER TABLE users ALTER login_count TYPE int": "+ column users login_count integer",
    "ALTER TABLE users ADD CHECK (login_count > 0)": "+ constraint users",
    "ALTER TABLE users NO FORCE ROW LEVEL SECURITY": "+ table users r secured {owner}",
    "GRANT SELECT ON users TO PUBLIC": "+ table users",
}


@pytest.mark.parametrize("drift", DRIFT)
async def test_the_gate_sees_what_alembic_does_not(
    cluster: Cluster, login: Login, schemas: list[str], drift: str
) -> None:
    await upgrade(login, schemas[0], [KERNEL], cluster.roles)
    async with opened(login) as owner:
        await owner.execute(f"SET search_path = {schemas[0]}; {drift}")
    expected = DRIFT[drift].format(owner=cluster.roles.owner)
    found = await shadow_difference(login, schemas[0], [KERNEL], cluster.roles)
    assert any(fact.startswith(expected) for fact in found), found


def test_every_table_of_the_kernel_belongs_to_its_series() -> None:
    ours = {
        mapper.class_.__table__.name
        for mapper in TenantRow.registry.mappers
        if mapper.class_.__module__.startswith("insula.kernel.")
    }
    assert ours
    assert {name for name in ours if not KERNEL.owns(name)} == set()
