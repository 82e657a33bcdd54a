"""Authoring: writes the next migration of a series from what the models have become."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from re import Match
from textwrap import wrap
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations.ops import CreateTableOp, UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Enum, Index, NullPool, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import CreateIndex

from insula.kernel.database.home import Login
from insula.kernel.database.migrations import (
    Migrations,
    enter,
    head,
    migration_context,
    operations,
    scripts,
)
from insula.kernel.database.pool import connect
from insula.kernel.database.walls import (
    APPEND_ONLY,
    PARTITIONED,
    ROLES,
    Roles,
    raise_walls,
)

FILE = '''"""{message}.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    """{message}."""
    {calls}
{functions}'''

FUNCTION = """

def _{name}() -> None:
    {body}
"""

NOISE = (
    (r" *# ###.*\n?", ""),
    (r"op\.f\(('[^']*')\)", r"\1"),
    (r", unique=False", ""),
    (r"(sa\.Column\([^\n]*), nullable=True\)", r"\1)"),
)
LONGEST_TEXT = 60


class NothingChanged(Exception):
    """The models are what the last migration of the series makes."""


async def autogenerate(
    login: Login,
    schema: str,
    series: Sequence[Migrations],
    roles: Roles,
    message: str,
) -> str:
    """Write the next file of the last of ``series``, and return its path.

    The others come before it, because its tables may refer to theirs. All are made in
    ``schema`` of a database in which it is empty, and taken back.
    """
    raise_walls()
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, login),
        poolclass=NullPool,
        execution_options={ROLES: roles},
    )
    try:
        async with engine.connect() as connection:
            bodies = await connection.run_sync(partial(_compare, series, schema))
    finally:
        await engine.dispose()
    return _write(series[-1], message, bodies)


def _compare(
    series: Sequence[Migrations], schema: str, connection: Connection
) -> dict[str, str]:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    enter(connection, schema)
    for one in series:
        context = migration_context(connection, one, schema)
        with operations(context):
            context.run_migrations()
    last = series[-1]
    context = migration_context(connection, last, schema, **_options(last))
    found = produce_migrations(context, last.metadata).upgrade_ops
    if found is None or found.is_empty():
        raise NothingChanged(last.name)
    bodies: dict[str, str] = {}
    for step in found.ops:
        _bare(step)
    for table, steps in groupby(found.ops, key=_table):
        name = table if table not in bodies else f"{table}_{len(bodies)}"
        bodies[name] = _render(UpgradeOps(list(steps)), context)
    return bodies


def _table(step: Any) -> str:
    return str(step.table_name)


def _bare(step: Any) -> None:
    """Leave a table's ``info`` no more than its walls are made from."""
    if isinstance(step, CreateTableOp):
        known = step.info or {}
        step.info = {it: known[it] for it in (APPEND_ONLY, PARTITIONED) if it in known}


def _render(steps: UpgradeOps, context: MigrationContext) -> str:
    body = render_python_code(steps, render_item=_plain, migration_context=context)
    for pattern, instead in NOISE:
        body = re.sub(pattern, instead, body)
    return re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", _cut, body)


def _plain(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Types as the database knows them, without what only the models need."""
    if kind == "type" and isinstance(item, JSONB):
        return "postgresql.JSONB()"
    if kind == "type" and isinstance(item, Enum) and not item.native_enum:
        return f"sa.String(length={item.length})"
    return False


def _cut(literal: Match[str]) -> str:
    quote = literal[0][0]
    if len(literal[0]) < LONGEST_TEXT + 2:  # whole, or quotes within it would mislead
        return literal[0]
    parts = wrap(literal[0][1:-1], LONGEST_TEXT, drop_whitespace=False)
    return " ".join(f"{quote}{part}{quote}" for part in parts)


def _options(one: Migrations) -> dict[str, Any]:
    schema = one.metadata.schema

    def named(name: str | None, kind: str, _: Any) -> bool:
        if kind == "schema":
            return name == schema
        return kind != "table" or one.owns(name or "")

    def declared(item: Any, name: str, kind: str, reflected: Any, model: Any) -> bool:
        # Alembic asks PostgreSQL whether defaults are equal; without a tenant, none is.
        if kind == "column" and name == "tenant_id" and model is not None:
            return False
        if kind == "index" and model is not None and _spelled(item) == _spelled(model):
            return False
        # A table goes in a step of its own, written by hand once no code reads it.
        gone = kind == "table" and reflected and model is None
        return not gone and (kind != "table" or one.owns(name))

    return {
        "target_metadata": one.metadata,
        "include_schemas": schema is not None,
        "include_name": named,
        "include_object": declared,
        "compare_type": True,
        "compare_server_default": True,
        "autogenerate_plugins": [
            "alembic.autogenerate.*",
            "alembic.ext.checkconstraint_byname",
        ],
    }


def _spelled(index: Index) -> str:
    """An index as text, but for collations, which SQLAlchemy does not read back."""
    made = str(CreateIndex(index).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # no stubs
    return re.sub(r'[()\s]|COLLATE "C"', "", made)


def _write(one: Migrations, message: str, bodies: dict[str, str]) -> str:
    before = head(one)
    revision = f"{int(before or 0) + 1:04d}"
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    one.folder.mkdir(exist_ok=True)  # an app has none before its first
    path = one.folder / f"{revision}_{slug}.py"
    single = len(bodies) == 1
    path.write_text(
        FILE.format(
            message=message.rstrip("."),
            revision=revision,
            down=f'"{before}"' if before else None,
            calls="\n    ".join(
                bodies.values() if single else (f"_{table}()" for table in bodies)
            ).strip(),
            functions="".join(
                FUNCTION.format(name=table, body=body.strip())
                for table, body in bodies.items()
                if not single
            ),
        )
    )
    scripts.cache_clear()
    return str(path)
