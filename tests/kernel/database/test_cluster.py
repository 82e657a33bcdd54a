"""A server is made ready once, by whoever comes first, and the doctor knows its faults."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from insula.kernel.database.bootstrap import KeyDiffers, opened, prepare
from insula.kernel.database.cluster import Cluster, cluster_at
from insula.kernel.database.doctor import Finding, Level, findings
from insula.kernel.database.home import Isolation
from insula.kernel.database.model import TENANT_SETTING
from insula.kernel.database.pool import Pools
from insula.kernel.database.walls import Roles
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.series import KERNEL
from tests.conftest import remove

URL = "postgresql://ada%40x:p%2Fw@db.example:6432/main?sslmode=verify-full"


def test_an_address_says_who_bootstraps_and_where() -> None:
    admin = cluster_at(URL, prefix="insula", key=bytes(32)).admin
    assert (admin.host, admin.port, admin.database) == ("db.example", 6432, "main")
    assert (admin.user, admin.password) == ("ada@x", "p/w")
    assert admin.ssl == "verify-full"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root@localhost/x",
        "postgresql://localhost/x?sslmode=yes",
        "postgresql://localhost/x?sslrootcert=ca.pem",
    ],
)
def test_an_address_that_could_not_be_kept_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"mysql|sslmode|sslrootcert"):
        cluster_at(url, prefix="insula", key=bytes(32))


def test_neither_key_nor_password_of_a_role_is_printed() -> None:
    cluster = cluster_at(URL, prefix="insula", key=b"k" * 32)
    assert "kkk" not in repr(cluster)


@asynccontextmanager
async def another(server: Cluster) -> AsyncIterator[Cluster]:
    prefix = f"t{secrets.token_hex(3)}"
    cluster = replace(server, prefix=prefix, roles=Roles.named(prefix))
    try:
        yield cluster
    finally:
        await remove(replace(cluster, admin=server.admin))


async def test_two_who_prepare_at_once_both_find_it_prepared(server: Cluster) -> None:
    async with another(server) as cluster:
        await asyncio.gather(*(prepare(cluster) for _ in range(3)))
        async with opened(cluster.app(cluster.control)) as app:
            assert await app.fetchval("SHOW search_path") == '""'
            assert await app.fetchval("SHOW statement_timeout") == "15s"
            assert await app.fetchval("SHOW lock_timeout") == "5s"


async def test_another_key_does_not_lock_out_who_has_the_first(
    cluster: Cluster,
) -> None:
    with pytest.raises(KeyDiffers, match="another APP_KEY"):
        await prepare(replace(cluster, key=bytes(32)))
    async with opened(cluster.app(cluster.pool)):
        pass


async def test_an_admin_without_superuser_is_enough(server: Cluster) -> None:
    name = f"t{secrets.token_hex(3)}_admin"
    async with another(server) as cluster, opened(server.admin) as root:
        await root.execute(f"CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        admin = replace(server.admin, user=name, password="x")
        cluster = replace(cluster, admin=admin)
        pools = Pools(budget=4)
        try:
            await prepare(cluster)
            await prepare(cluster)
            control = Control(pools, cluster.app(cluster.control))
            homes = Homes(control, cluster, [KERNEL])
            await homes.prepare()
            home = await homes.place(uuid7(), Isolation.database)
            await homes.build(home)
            async with opened(home.login):
                await homes.demolish(home)
        finally:
            await pools.close()
            await remove(replace(cluster, admin=server.admin))
            await root.execute(f"DROP ROLE {name}")


async def test_the_app_role_reaches_neither_template_nor_maintenance_of_others(
    cluster: Cluster, homes: Homes
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with opened(cluster.app(cluster.template)):
            pass
    async with opened(cluster.app(cluster.pool)) as app:
        for statement in ("CREATE TABLE public.x ()", "CREATE TABLE shared.x ()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)


async def refused(cluster: Cluster) -> list[str]:
    found = await findings(cluster, connections=32)
    return [one.message for one in found if one.level is Level.refuse]


async def test_the_doctor_finds_nothing_to_refuse(
    cluster: Cluster, homes: Homes
) -> None:
    assert await refused(cluster) == []


OPEN = "CREATE POLICY tenant_isolation ON shared.outbox USING (true)"
CLOSED = (
    "CREATE POLICY tenant_isolation ON shared.outbox USING {same} WITH CHECK {same}"
)
BREACHES = [
    ("ALTER ROLE {app} BYPASSRLS", "is BYPASSRLS", "ALTER ROLE {app} NOBYPASSRLS"),
    ("ALTER ROLE {app} CREATEROLE", "is CREATEROLE", "ALTER ROLE {app} NOCREATEROLE"),
    ("ALTER ROLE {app} SUPERUSER", "is SUPERUSER", "ALTER ROLE {app} NOSUPERUSER"),
    ("GRANT {owner} TO {app}", "a member of {owner}", "REVOKE {owner} FROM {app}"),
    ("GRANT {search} TO {app}", "a member of {search}", "REVOKE {search} FROM {app}"),
    (
        "GRANT CREATE ON SCHEMA public TO {app}",
        "may create tables in schema public",
        "REVOKE CREATE ON SCHEMA public FROM {app}",
    ),
    (
        "ALTER TABLE shared.users OWNER TO {app}",
        "owns 1 objects",
        "ALTER TABLE shared.users OWNER TO {owner}",
    ),
    (
        f"DROP POLICY tenant_isolation ON shared.outbox; {OPEN}",
        "outbox has not exactly its policies",
        f"DROP POLICY tenant_isolation ON shared.outbox; {CLOSED}",
    ),
]


@pytest.mark.parametrize(("breach", "expected", "undo"), BREACHES)
async def test_the_doctor_refuses_a_breach(
    cluster: Cluster, homes: Homes, breach: str, expected: str, undo: str
) -> None:
    """D3: the server does not start."""
    roles = cluster.roles
    names = {
        "app": roles.app,
        "owner": roles.owner,
        "search": roles.search,
        "same": f"(tenant_id = (SELECT {TENANT_SETTING}))",
    }
    async with opened(replace(cluster.admin, database=cluster.pool)) as root:
        await root.execute(breach.format(**names))
        try:
            found = await refused(cluster)
        finally:
            await root.execute(undo.format(**names))
    assert any(expected.format(**names) in message for message in found)
    assert await refused(cluster) == []


async def test_a_server_that_was_not_prepared_is_refused(server: Cluster) -> None:
    async with another(server) as cluster:
        [finding] = await findings(cluster)
        assert finding.level is Level.refuse
        assert isinstance(finding, Finding)
        assert "APP_KEY" in finding.remedy
