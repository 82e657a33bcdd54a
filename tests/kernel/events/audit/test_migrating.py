"""A log that was one table becomes partitions, and nothing in it is lost."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.catalogue import faults
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.fitting import fit
from insula.kernel.database.migrations import declared, upgrade
from insula.kernel.database.pool import Connection
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.series import KERNEL

pytestmark = pytest.mark.anyio
SCHEMA = "grown"
ENTRY = """
INSERT INTO audit_log (tenant_id, id, created_at, action, resource, actor_kind, changes)
VALUES ($1, $2, now(), 'auth.login', 'sessions', 'user', '{}')
"""


@pytest.fixture
async def superuser(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Connection]:
    """A home as it was before there were partitions."""
    folder = tmp_path / "versions"
    folder.mkdir()
    shutil.copy(next(KERNEL.folder.glob("0001_*.py")), folder)
    owner = cluster.owner(cluster.pool)
    async with opened(replace(cluster.admin, database=cluster.pool)) as connection:
        await connection.execute(
            f'CREATE SCHEMA {SCHEMA} AUTHORIZATION "{cluster.roles.owner}";'
            f"{use_of(SCHEMA, cluster.roles)}; SET search_path = {SCHEMA}, {EXTENSIONS}"
        )
        first = replace(KERNEL, folder=folder)
        await upgrade(owner, SCHEMA, [first], cluster.roles)
        yield connection
        await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


async def test_entries_and_walls_survive_the_change(
    cluster: Cluster, superuser: Connection
) -> None:
    """S2-92: the rows stay where they are, and the app reads them as before."""
    mine, theirs, entry = uuid7(), uuid7(), uuid7()
    await superuser.execute(ENTRY, mine, entry)
    await superuser.execute(ENTRY, theirs, uuid7())
    login = cluster.owner(cluster.pool)
    await upgrade(login, SCHEMA, [KERNEL], cluster.roles)
    async with opened(login) as owner:
        await fit(owner, SCHEMA, declared([KERNEL]), cluster.roles)
    assert await faults(superuser, SCHEMA, cluster.roles) == []
    async with opened(cluster.app(cluster.pool)) as app, app.transaction():
        await app.execute("SELECT set_config('insula.tenant', $1, true)", str(mine))
        await app.execute(f"SET LOCAL search_path = {SCHEMA}")
        await app.execute(ENTRY, mine, uuid7())
        seen = await app.fetch("SELECT id, tableoid::regclass::text FROM audit_log")
    assert len(seen) == 2
    assert (entry, "audit_log_rest") in [tuple(row) for row in seen]
