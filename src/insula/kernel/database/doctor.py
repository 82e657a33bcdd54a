"""The doctor: what is wrong with a PostgreSQL server, or will be, and what to do."""

import time
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from insula.kernel.database.bootstrap import OLDEST, opened
from insula.kernel.database.catalogue import shape_faults, wall_faults
from insula.kernel.database.cluster import SHARED_SCHEMA, Cluster
from insula.kernel.database.fitting import trigrams
from insula.kernel.database.pool import Connection
from insula.kernel.database.search_functions import TRIGRAMS
from insula.kernel.foundation.errors import Problem

SKEW = 2.0
"""Seconds by which our clock and the server's may differ."""
SPARE = 10
"""Connections left for migrations, backups and the operator."""

ROLE = """
SELECT rolsuper AS superuser, rolbypassrls AS bypassrls,
       rolcreaterole AS createrole, rolcreatedb AS createdb,
       (SELECT count(*) FROM pg_shdepend
         WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid
           AND deptype = 'o') AS owned,
       ARRAY(SELECT m.rolname::text FROM pg_roles m
              WHERE m.oid <> r.oid AND pg_has_role(r.oid, m.oid, 'MEMBER')
                AND (m.rolsuper OR m.rolbypassrls OR m.rolcreaterole
                     OR m.rolname = ANY ($2)
                     OR m.rolname IN ('pg_execute_server_program', 'pg_read_server_files',
                                      'pg_write_server_files'))) AS powers,
       ARRAY(SELECT n.nspname::text FROM pg_namespace n
              WHERE has_schema_privilege(r.oid, n.oid, 'CREATE')
                AND n.nspname !~ '^pg_temp_|^pg_toast') AS writes
  FROM pg_roles r WHERE rolname = $1
"""
SERVER = """
SELECT current_setting('server_version_num')::int AS number,
       current_setting('server_version') AS version,
       current_setting('fsync')::bool AS fsync,
       current_setting('full_page_writes')::bool AS full_page_writes,
       current_setting('wal_level') AS wal_level,
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int AS connections,
       extract(epoch FROM clock_timestamp())::float8 AS clock
"""


class Level(StrEnum):
    """How bad a finding is; with ``refuse`` the platform does not start."""

    ok = "ok"
    warning = "warning"
    refuse = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about the server, and what to do about it."""

    level: Level
    subject: str
    message: str
    remedy: str = ""


async def findings(cluster: Cluster, *, connections: int = 64) -> list[Finding]:
    """Every fact that matters, as the app role sees it; the worst come first.

    ``connections`` is the budget of one process.
    """
    try:
        async with opened(cluster.app(cluster.pool)) as app:
            found = [
                *await _server(app, connections),
                *await _role(app, cluster),
                *await _walls(app, cluster),
                await _search(app),
            ]
    except (Problem, asyncpg.PostgresError) as error:
        remedy = "see that PostgreSQL runs and was prepared with this APP_KEY"
        return [Finding(Level.refuse, "connection", str(error), remedy)]
    return sorted(found, key=lambda one: list(Level).index(one.level), reverse=True)


async def _server(app: Connection, connections: int) -> list[Finding]:
    before = time.time()
    row = await app.fetchrow(SERVER)
    assert row is not None
    skew = max(before - row["clock"], row["clock"] - time.time(), 0)
    durable = row["fsync"] and row["full_page_writes"]
    facts = (
        (
            row["number"] >= OLDEST,
            Level.refuse,
            ("version", row["version"], "use PostgreSQL 15 or newer"),
        ),
        (
            durable,
            Level.warning,
            (
                "durability",
                "a commit is on disk" if durable else "a crash loses what was saved",
                "set fsync = on and full_page_writes = on",
            ),
        ),
        (
            row["wal_level"] != "minimal",
            Level.warning,
            (
                "wal_level",
                row["wal_level"],
                "set wal_level = replica: standbys and archives need it",
            ),
        ),
        (
            row["connections"] >= connections + SPARE,
            Level.warning,
            (
                "connections",
                f"{row['connections']} for a budget of {connections} a process",
                "raise max_connections or lower INSULA_CONNECTIONS",
            ),
        ),
        (
            skew < SKEW,
            Level.warning,
            ("clock", f"{skew:.1f} s away from ours", "run NTP on both machines"),
        ),
    )
    return [_judge(fine, level, *words) for fine, level, words in facts]


async def _role(app: Connection, cluster: Cluster) -> list[Finding]:
    role, roles = cluster.roles.app, cluster.roles
    powerful = [roles.owner, roles.search, roles.search_maker]
    row = await app.fetchrow(ROLE, role, powerful)
    assert row is not None
    faults = [
        (f"is {attribute}", f"ALTER ROLE {role} NO{attribute}")
        for attribute in ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB")
        if row[attribute.lower()]
    ]
    if row["owned"]:
        remedy = f"REASSIGN OWNED BY {role} TO {cluster.roles.owner}"
        faults.append((f"owns {row['owned']} objects", remedy))
    # A superuser is a member of everything and may write everywhere.
    if not row["superuser"]:
        for power in row["powers"]:
            faults.append((f"is a member of {power}", f"REVOKE {power} FROM {role}"))
        for schema in row["writes"]:
            remedy = f"REVOKE CREATE ON SCHEMA {schema} FROM {role}, PUBLIC"
            faults.append((f"may create tables in schema {schema}", remedy))
    if not faults:
        return [Finding(Level.ok, "app role", f"{role} owns nothing and may no more")]
    return [
        Finding(Level.refuse, "app role", f"{role} {fault}", remedy)
        for fault, remedy in faults
    ]


async def _walls(app: Connection, cluster: Cluster) -> list[Finding]:
    remedy = "somebody changed the tables by hand: undo it, or restore a backup"
    held = await wall_faults(app, SHARED_SCHEMA, cluster.roles)
    shape = await shape_faults(app, SHARED_SCHEMA)
    if not held and not shape:
        return [Finding(Level.ok, "isolation", "every table is behind its wall")]
    return [
        *(Finding(Level.refuse, "isolation", fault, remedy) for fault in held),
        *(Finding(Level.warning, "tables", fault, remedy) for fault in shape),
    ]


async def _search(app: Connection) -> Finding:
    fine = await trigrams(app)
    return _judge(
        fine,
        Level.warning,
        "search",
        "words, and words written alike" if fine else "words alone: no misspelt ones",
        f"install the contrib modules ({', '.join(TRIGRAMS)}) and migrate",
    )


def _judge(
    fine: object, level: Level, subject: str, message: str, remedy: str
) -> Finding:
    if fine:
        return Finding(Level.ok, subject, message)
    return Finding(level, subject, message, remedy)
