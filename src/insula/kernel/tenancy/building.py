"""Building: the statements that make and unmake one home, safe to repeat."""

from insula.kernel.database.bootstrap import limits, use_of
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.migrations import schema_lock
from insula.kernel.database.pool import Connection
from insula.kernel.database.scram import verifier
from insula.kernel.database.walls import Roles

INTERRUPTED = -2
"""The connection limit of a database whose removal was interrupted."""


LOCK = "SELECT pg_advisory_lock(hashtextextended('insula.database:' || $1, 0))"
"""Held by the connection that makes or drops a database: the server finishes such a
statement even when its client was killed, and a successor must wait for that."""


async def make_schema(
    owner: Connection, schema: str, roles: Roles, tables: str
) -> None:
    """Make a schema home: all or nothing, in one transaction and one round trip."""
    async with owner.transaction():
        await owner.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", schema_lock(schema)
        )
        if await owner.fetchval("SELECT to_regnamespace($1)", schema) is not None:
            return
        await owner.execute(
            f"CREATE SCHEMA {schema}; {use_of(schema, roles)};"
            f" SET LOCAL search_path = {schema}, {EXTENSIONS}; {tables}"
        )


async def make_database(owner: Connection, name: str, cluster: Cluster) -> None:
    """Make a database home: a role, a clone of the template, and a door for the role.

    The app role is a member of the group that holds the grants on the tables, so what
    keeps it out is that it may not connect.
    """
    await owner.execute(LOCK, name)
    if not await owner.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        await owner.execute(
            f'CREATE ROLE "{name}" LOGIN IN ROLE "{cluster.roles.tenant}"'
        )
    password = verifier(cluster.password(name))
    await owner.execute(f"ALTER ROLE \"{name}\" PASSWORD '{password}'; {limits(name)}")
    limit = await owner.fetchval(
        "SELECT datconnlimit FROM pg_database WHERE datname = $1", name
    )
    if limit == INTERRUPTED:
        await owner.execute(f'DROP DATABASE "{name}"')
    if limit in {None, INTERRUPTED}:
        # wal_log, because file_copy forces a checkpoint on everybody.
        await owner.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{cluster.template}" STRATEGY wal_log'
        )
    await owner.execute(
        f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;'
        f'GRANT CONNECT ON DATABASE "{name}" TO "{name}"'
    )


async def drop_schema(owner: Connection, schema: str) -> None:
    """Remove a schema home."""
    await owner.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


async def drop_database(owner: Connection, name: str, roles: Roles) -> None:
    """Remove a database home, its role, and whoever is connected."""
    await owner.execute(LOCK, name)
    if await owner.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        # Only a member of a role may end its connections.
        await owner.execute(f'GRANT "{name}" TO "{roles.owner}"')
    await owner.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await owner.execute(f'DROP ROLE IF EXISTS "{name}"')
