"""A crowd: a schema with the tables of every app, full of the rows of many tenants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import UUID

from asyncpg import UniqueViolationError
from sqlalchemy import (
    ARRAY,
    CHAR,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import EXTENSIONS, Cluster
from insula.kernel.database.columns import Holds, spec
from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.pool import Connection
from insula.kernel.database.schema import ddl
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.foundation.ids import uuid7

SCHEMA = "crowd"
MINE = UUID("00000000-0000-7000-8000-000000000001")
TENANTS = 11
ROWS = 22_011
"""Of which every eleventh is ours: 2,001 rows among 20,010 of ten others."""

CONSTRAINTS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
  FROM pg_constraint WHERE connamespace = $1::regnamespace AND contype IN ('c', 'x')
"""
"""Rules of the apps do not matter to a plan, and need not be met here."""
INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relnamespace = $1::regnamespace AND NOT i.indisprimary
   AND c.relkind = 'i' AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid)
"""
"""What is built over rows that are there costs a fraction of what grows with them."""


@asynccontextmanager
async def crowded(cluster: Cluster) -> AsyncIterator[Home]:
    """A home with some 22,000 rows in each table, as if it had always been so."""
    tables = list(TENANT_METADATA.tables.values())
    async with opened(cluster.owner(cluster.pool)) as owner, owner.transaction():
        await owner.execute(
            f"CREATE SCHEMA {SCHEMA}; {use_of(SCHEMA, cluster.roles)};"
            f" SET LOCAL search_path = {SCHEMA}, {EXTENSIONS};"
            + ddl(cluster.roles, tables)
        )
    async with opened(replace(cluster.admin, database=cluster.pool)) as superuser:
        await _fill(superuser, tables)
        login = cluster.app(cluster.pool)
        yield Home(uuid7(), Isolation.schema, SCHEMA, login)
        await superuser.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


async def _fill(superuser: Connection, tables: list[Table]) -> None:
    for row in await superuser.fetch(CONSTRAINTS, SCHEMA):
        await superuser.execute(row[0])
    # References are not checked, which would take most of the time.
    await superuser.execute("SET session_replication_role = replica")
    indexes = await superuser.fetch(INDEXES, SCHEMA)
    for index in indexes:
        await superuser.execute(f"DROP INDEX {index['name']}")
    for table in tables:
        single = _distinct(table)
        given = [it for it in table.columns if it.computed is None]
        values = ", ".join(_value(it, single) for it in given)
        await superuser.execute(
            f"INSERT INTO {SCHEMA}.{table.name} ({', '.join(it.name for it in given)})"
            f" SELECT {values} FROM generate_series(0, {ROWS - 1}) n"
        )
    for index in indexes:
        with suppress(UniqueViolationError):  # a rule that these rows break
            await superuser.execute(index["definition"])
    await superuser.execute(";".join(f"ANALYZE {SCHEMA}.{it.name}" for it in tables))


def _distinct(table: Table) -> frozenset[str]:
    """The columns in which no two rows may agree, for some unique rule's sake."""
    rules = (*(it for it in table.indexes if it.unique), *table.constraints)
    unique = (
        list(it.columns)[-1] for it in rules if isinstance(it, Index | UniqueConstraint)
    )
    return frozenset(it.name for it in unique)


def _value(column: Column[object], single: frozenset[str]) -> str:
    """An expression over the row's number ``n``."""
    special = {
        "tenant_id": f"('{str(MINE)[:-2]}' || lpad((n % {TENANTS} + 1)::text, 2, '0'))"
        "::uuid",
        "id": "gen_random_uuid()",
        "deleted_at": "CASE WHEN n % 50 = 49 THEN now() END",
        "version": "1",
    }
    if column.name in single:
        code = " || ".join(
            f"chr(65 + n / {TENANTS} / {it} % 26)" for it in (1, 26, 676)
        )
        by_type = (Uuid, "md5(n::text)::uuid"), (Integer, "n"), (CHAR, code)
        for known, text in by_type:
            if isinstance(column.type, known):
                return text
    return special.get(column.name) or _of_type(column)


def _of_type(column: Column[object]) -> str:
    kind, declared = column.type, spec(column.info)
    if declared.holds is Holds.email:
        return "'v' || n || '@crowd.test'"
    if declared.holds is Holds.phone:
        return "'+4930' || 20000000 + n"
    if column.name == "domain":
        return "'v' || n || '.test'"
    choices = getattr(kind, "enums", None) or declared.choices
    if choices:
        words = ", ".join(f"'{it}'" for it in choices)
        rare = f"n / {TENANTS} / 100 % {len(choices)} + 1"
        return f"(ARRAY[{words}])[CASE WHEN n / {TENANTS} % 100 = 0 THEN {rare} ELSE 1 END]"
    low = 0 if declared.minimum is None else declared.minimum
    high = low + 999 if declared.maximum is None else declared.maximum
    by_type = (
        (Enum, "NULL"),
        (Uuid, "md5((n % 200)::text)::uuid"),
        (JSONB, "'{}'"),
        (ARRAY, "'{}'"),
        (LargeBinary, "''"),
        (CHAR, "'EUR'"),
        (String, "'v' || n"),
        (Boolean, f"n / {TENANTS} % 100 > 0"),
        (Integer, f"{low} + n % {min(high - low, 999) + 1}"),
        (Double, "n"),
        (DateTime, "timestamptz '2020-01-01' + n * interval '1 hour'"),
        (Date, "date '2020-01-01' + n"),
    )
    return next(text for known, text in by_type if isinstance(kind, known))
