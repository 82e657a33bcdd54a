"""Migrations: linear series of steps that bring a schema to the code's version."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Any

import asyncpg
from alembic import op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, NullPool, Table, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from insula.kernel.database.cluster import EXTENSIONS
from insula.kernel.database.home import Login
from insula.kernel.database.pool import connect
from insula.kernel.database.walls import ROLES, TENANT_METADATA, Roles, raise_walls

Notice = Callable[[str], None]
"""Hears of every step that was made, as ``kernel 0001``."""

LOCK_TIMEOUT = "3s"
"""How long a step may wait for a lock, with everybody queueing behind it."""
ATTEMPTS = 5
PAUSE = 0.25
"""Seconds before the second attempt; doubled for each after it."""
BUSY = {"55P03", "40P01"}
"""lock_not_available, deadlock_detected: worth another attempt."""
VERSION_TABLE = "_alembic"
"""How the table ends that keeps the version of a series."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """One linear series: the files in ``folder``, and the tables that they make.

    ``tables`` are patterns of names; without any, the tables of a series begin with
    its name.
    """

    name: str
    folder: Path
    metadata: MetaData = TENANT_METADATA
    tables: tuple[str, ...] = ()

    @property
    def version_table(self) -> str:
        """The table that keeps the version of this series in every home."""
        return f"{self.name}{VERSION_TABLE}"

    def owns(self, table: str) -> bool:
        """Whether a table is made by this series."""
        patterns = self.tables or (f"{self.name}_*",)
        return not table.endswith(VERSION_TABLE) and any(
            fnmatchcase(table, pattern) for pattern in patterns
        )


@cache
def scripts(folder: Path) -> ScriptDirectory:
    """The files of a series, loaded once a process."""
    return ScriptDirectory(folder.parent, version_locations=[folder])


def head(one: Migrations) -> str:
    """The last step of a series; empty when it has none yet."""
    return scripts(one.folder).get_current_head() or ""


def heads(series: Sequence[Migrations]) -> str:
    """The version that a home has when it is at the head of every series."""
    return digest((one.name, head(one)) for one in series)


def declared(series: Sequence[Migrations]) -> list[Table]:
    """The tables that the models declare and a series makes."""
    return [
        table
        for one in series
        for table in one.metadata.tables.values()
        if one.owns(table.name)
    ]


def digest(versions: Iterable[tuple[str, str]]) -> str:
    """A short name for a set of series with their versions."""
    text = " ".join(f"{name}={version}" for name, version in sorted(versions))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def upgrade(
    login: Login,
    schema: str,
    series: Sequence[Migrations],
    roles: Roles,
    notice: Notice | None = None,
) -> None:
    """Bring a schema to the head of every series; ``login`` is that of the owner.

    Each series is one transaction, under a lock that belongs to the schema: killed
    anywhere, it has happened as a whole or not at all. A step that cannot get a lock
    within seconds is rolled back, so that nobody waits behind it, and tried again.
    """
    raise_walls()
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, login),
        poolclass=NullPool,
        execution_options={ROLES: roles},
    )
    try:
        for one in series:
            await _patiently(engine, partial(_advance, one, schema, notice))
    finally:
        await engine.dispose()


async def _patiently(engine: AsyncEngine, work: Callable[[Connection], None]) -> None:
    for attempt in range(ATTEMPTS):
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in BUSY or attempt == ATTEMPTS - 1:
                raise
        await asyncio.sleep(PAUSE * 2**attempt)
    return None


def _advance(
    one: Migrations, schema: str, notice: Notice | None, connection: Connection
) -> None:
    enter(connection, schema)
    context = migration_context(connection, one, schema, notice)
    with operations(context):
        context.run_migrations()


def enter(connection: Connection, schema: str) -> None:
    """Set what holds for this transaction alone: where names lead, and the lock."""
    connection.execute(
        select(
            func.set_config("search_path", f"{schema}, {EXTENSIONS}", True),
            func.set_config("lock_timeout", LOCK_TIMEOUT, True),
        )
    )
    key = func.hashtextextended(schema_lock(schema), 0)
    connection.execute(select(func.pg_advisory_xact_lock(key)))


def schema_lock(schema: str) -> str:
    """The name of the lock that whoever changes a schema's tables holds."""
    return f"insula.migrate:{schema}"


def migration_context(
    connection: Connection,
    one: Migrations,
    schema: str,
    notice: Notice | None = None,
    **options: Any,
) -> MigrationContext:
    """What Alembic needs to know of one series in one schema."""
    script = scripts(one.folder)

    def steps(revision: Any, _: Any) -> Any:
        if revision and max(revision) > head(one):
            return []  # newer code was here already; it only adds, so it may stay
        return script._upgrade_revs("head", revision)

    def applied(*, step: Any, **_: Any) -> None:
        if notice is not None:
            notice(f"{one.name} {step.up_revision_id}")

    return MigrationContext.configure(
        connection=connection,
        opts={
            "fn": steps,
            "version_table": one.version_table,
            "version_table_schema": schema,
            "on_version_apply": (applied,),
            **options,
        },
    )


_operations: ContextVar[Operations] = ContextVar("operations")


class _TaskOperations:
    """What ``op`` in a migration stands for: the operations of the task that runs it.

    Alembic keeps one for the whole process, so that of two homes migrated at the same
    time one would get the steps of both.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(_operations.get(), name)


@contextmanager
def operations(context: MigrationContext) -> Iterator[Operations]:
    """Have ``op`` work on a context for the length of a block, in this task alone."""
    vars(op)["_proxy"] = _TaskOperations()
    bound = Operations(context)
    token = _operations.set(bound)
    try:
        yield bound
    finally:
        _operations.reset(token)


def version_rows(series: Sequence[Migrations]) -> str:
    """The statements that mark tables made from the models as being at the head."""
    return ";\n".join(
        f"CREATE TABLE {one.version_table} (version_num VARCHAR(32) NOT NULL,"
        f" CONSTRAINT {one.version_table}_pkc PRIMARY KEY (version_num));\n"
        f"INSERT INTO {one.version_table} VALUES ('{head(one)}')"
        for one in series
    )


async def version(
    connection: asyncpg.Connection, schema: str, series: Sequence[Migrations]
) -> str | None:
    """The version that a schema is at; None when it lacks one of the series."""
    tables = ((one.name, f"{schema}.{one.version_table}") for one in series)
    rows = " UNION ALL ".join(
        f"SELECT '{name}' AS name, version_num FROM {table}"  # noqa: S608  # our own names
        for name, table in tables
    )
    try:
        found = await connection.fetch(rows)
    except asyncpg.UndefinedTableError:
        return None
    return digest((row["name"], row["version_num"]) for row in found)
