"""Bootstrap: makes a PostgreSQL server ready for an installation, again and again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from insula.kernel.database.cluster import (
    EXTENSIONS,
    SHARED_SCHEMA,
    TENANT_SCHEMA,
    Cluster,
)
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.home import Login
from insula.kernel.database.pool import Connection, connect
from insula.kernel.database.scram import verifier
from insula.kernel.database.walls import Roles
from insula.kernel.foundation.errors import Unavailable
from insula.kernel.foundation.secret import derive

OLDEST = 150000
"""PostgreSQL 15 is the floor (D9)."""
EXTENSION = "btree_gist"
"""EXCLUDE constraints need it, to compare a tenant's id next to a range."""

LIMITS = {
    "search_path": "''",  # a lost context must fail, not find somebody's rows (D4)
    "statement_timeout": "'15s'",
    "idle_in_transaction_session_timeout": "'30s'",
    "lock_timeout": "'5s'",
}
"""What holds for every login that serves requests."""


class ServerTooOld(Unavailable):
    """PostgreSQL {found} is too old: Insula needs version 15 or newer."""

    code = "DATABASE_TOO_OLD"


class KeyDiffers(Unavailable):
    """The database {name} was prepared with another APP_KEY: use that key.

    Passwords of roles are derived from the key, so that going on would lock out
    whoever has the other one. To change the key for good, remove the comment of the
    database first.
    """

    code = "DATABASE_KEY_DIFFERS"


class ExtensionMissing(Unavailable):
    """The PostgreSQL server lacks {name}: install its contrib modules."""

    code = "DATABASE_EXTENSION_MISSING"


@asynccontextmanager
async def opened(login: Login) -> AsyncIterator[Connection]:
    """A connection of its own for the length of a block."""
    connection = await connect(login)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def prepare(cluster: Cluster) -> None:
    """Make the roles and databases of an installation, or bring them up to date.

    Whoever comes second waits for the first and finds everything done.
    """
    async with opened(cluster.admin) as guard, guard.transaction():
        await _require_version(guard)
        await guard.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            f"insula.prepare:{cluster.prefix}",
        )
        async with opened(cluster.admin) as admin:
            await _require_key(admin, cluster)
            await _make_roles(admin, cluster)
        async with opened(cluster.owner(cluster.admin.database)) as owner:
            await _make_databases(owner, cluster)
        await _make_control(cluster)
        await _make_room(cluster, cluster.pool, SHARED_SCHEMA)
        await _make_room(cluster, cluster.template, TENANT_SCHEMA)


async def _require_version(connection: Connection) -> None:
    if int(await connection.fetchval("SHOW server_version_num")) < OLDEST:
        found = await connection.fetchval("SHOW server_version")
        raise ServerTooOld(found=found)


def _fingerprint(cluster: Cluster) -> str:
    return f"insula key {derive(cluster.key, 'fingerprint').hex()[:8]}"


async def _require_key(admin: Connection, cluster: Cluster) -> None:
    comment = await admin.fetchval(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = $1",
        cluster.control,
    )
    if comment is not None and comment != _fingerprint(cluster):
        raise KeyDiffers(name=cluster.control)


async def _make_roles(admin: Connection, cluster: Cluster) -> None:
    roles = cluster.roles
    wanted = {
        roles.owner: "LOGIN CREATEDB CREATEROLE",
        roles.app: "LOGIN",
        roles.reader: "LOGIN",
        roles.tenant: "NOLOGIN",
        roles.search: "NOLOGIN",
        roles.search_maker: "NOLOGIN NOINHERIT",
    }
    found = await admin.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", list(wanted)
    )
    missing = wanted.keys() - {row["rolname"] for row in found}
    async with admin.transaction():
        for name, attributes in wanted.items():
            verb = "CREATE" if name in missing else "ALTER"
            await admin.execute(f'{verb} ROLE "{name}" {attributes}')
        for name in (roles.owner, roles.app, roles.reader):
            await admin.execute(set_password(cluster, name))
        for name in (roles.app, roles.reader):
            await admin.execute(limits(name))
        await admin.execute(
            f'GRANT "{roles.tenant}" TO "{roles.app}";'
            # The owner adds the login role of each database home to this group.
            f'GRANT "{roles.tenant}" TO "{roles.owner}" WITH ADMIN OPTION;'
            f'GRANT "{roles.search}" TO "{roles.search_maker}";'
            f'GRANT "{roles.search_maker}" TO "{roles.owner}"'
        )


def set_password(cluster: Cluster, role: str) -> str:
    """The statement that gives a role of ours its derived password."""
    return f"ALTER ROLE \"{role}\" PASSWORD '{verifier(cluster.password(role))}'"


def limits(role: str) -> str:
    """The statements that bound what a login role's sessions may hold up."""
    return ";".join(
        f'ALTER ROLE "{role}" SET {name} = {value}' for name, value in LIMITS.items()
    )


async def _make_databases(owner: Connection, cluster: Cluster) -> None:
    wanted = (cluster.control, cluster.pool, cluster.template)
    rows = await owner.fetch(
        "SELECT datname FROM pg_database WHERE datname = ANY($1)", wanted
    )
    found = {row["datname"] for row in rows}
    for name in wanted:
        if name not in found:
            await owner.execute(
                f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"
            )


async def _make_control(cluster: Cluster) -> None:
    async with opened(cluster.owner(cluster.control)) as owner, owner.transaction():
        await owner.execute(closed(cluster.control))
        await owner.execute(
            f"COMMENT ON DATABASE \"{cluster.control}\" IS '{_fingerprint(cluster)}'"
        )
        await owner.execute(
            f'CREATE SCHEMA IF NOT EXISTS "{CONTROL_SCHEMA}";'
            f'GRANT CONNECT ON DATABASE "{cluster.control}" TO "{cluster.roles.app}";'
            + control_grants(cluster.roles.app)
        )


def control_grants(app: str) -> str:
    """The statements that let the app role work on the operator's tables to come."""
    at = f"IN SCHEMA {CONTROL_SCHEMA} GRANT"
    return (
        f'GRANT USAGE ON SCHEMA {CONTROL_SCHEMA} TO "{app}";'
        f"ALTER DEFAULT PRIVILEGES {at} SELECT, INSERT, UPDATE, DELETE ON TABLES"
        f' TO "{app}";'
        f'ALTER DEFAULT PRIVILEGES {at} USAGE ON SEQUENCES TO "{app}"'
    )


async def _make_room(cluster: Cluster, database: str, schema: str) -> None:
    roles = cluster.roles
    async with opened(cluster.owner(database)) as owner, owner.transaction():
        if not await owner.fetchval(
            "SELECT true FROM pg_available_extensions WHERE name = $1", EXTENSION
        ):
            raise ExtensionMissing(name=EXTENSION)
        await owner.execute(closed(database))
        await owner.execute(
            f"CREATE SCHEMA IF NOT EXISTS {EXTENSIONS};"
            f"CREATE EXTENSION IF NOT EXISTS {EXTENSION} SCHEMA {EXTENSIONS};"
            + f"CREATE SCHEMA IF NOT EXISTS {schema};"
            + use_of(f"{EXTENSIONS}, {schema}", roles)
        )
        if database == cluster.pool:
            await owner.execute(
                f'GRANT CONNECT ON DATABASE "{database}"'
                f' TO "{roles.app}", "{roles.reader}"'
            )


def closed(database: str) -> str:
    """The statements that shut a database to all but its owner."""
    return (
        f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;'
        "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    )


def use_of(schemas: str, roles: Roles) -> str:
    """The statement that lets whoever works on tenants' tables see schemas."""
    return (
        f"GRANT USAGE ON SCHEMA {schemas}"
        f' TO "{roles.tenant}", "{roles.reader}", "{roles.search}"'
    )
