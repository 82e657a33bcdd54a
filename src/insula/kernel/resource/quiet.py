"""Quiet writes: rows that follow from others, whose own journal tells of them too.

They leave no audit row and no event, and take no number and no rank. All of it is for
rows that an app keeps in step with others; what people do is never written like this.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, update

from insula.kernel.database.model import TenantRow
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.resource.binding import bind
from insula.kernel.resource.shape import Shape
from insula.kernel.resource.unit import WorkContext

M = TypeVar("M", bound=TenantRow)


@lru_cache(maxsize=256)
def _putting(model: type[TenantRow]) -> tuple[Statement, Shape]:
    """Many new rows, but for those that clash; an array for every column."""
    shape = Shape(model, frozenset())
    names = [it.name for it in shape.written]
    arrays = ", ".join(
        f"${at}::{it.cast.split('::')[0]}[]"
        for at, it in enumerate(shape.written, start=2)
    )
    values = ", ".join(
        f"i.{it.name}::jsonb" if "::" in it.cast else f"i.{it.name}"
        for it in shape.written
    )
    text = (
        f"INSERT INTO {HOME}.{model.__table__} (tenant_id, {', '.join(names)})"  # noqa: S608  # our names
        f" SELECT $1::text::uuid, {values}"
        f" FROM unnest({arrays}) AS i({', '.join(names)})"
        " ON CONFLICT DO NOTHING RETURNING id"
    )
    return Statement(text), shape


async def put_rows(ctx: WorkContext, rows: Sequence[M]) -> list[M]:
    """Write new rows of one model, but for those that clash; the ones that are new.

    Whoever may meet others who write the same passes them in an order of their own.
    """
    if not rows:
        return []
    statement, shape = _putting(type(rows[0]))
    columns = [
        [it.bound(getattr(row, it.name, None)) for row in rows] for it in shape.written
    ]
    found = await ctx.transaction.fetch(statement, *columns)
    made = {record["id"] for record in found}
    return [row for row in rows if row.id in made]


async def alter_rows(
    ctx: WorkContext,
    model: type[TenantRow],
    values: Mapping[str, Any],
    *conditions: ColumnElement[bool],
) -> list[UUID]:
    """Change the rows that meet the conditions, those of the trash too; their ids."""
    table = _table(model)
    changed = {**values, "updated_at": now(), "version": table.c.version + 1}
    query = update(table).where(*conditions).values(changed).returning(table.c.id)
    statement, args = bind(query, table.c.tenant_id)
    return [row["id"] for row in await ctx.transaction.fetch(statement, *args)]


async def remove_rows(
    ctx: WorkContext, model: type[TenantRow], *conditions: ColumnElement[bool]
) -> list[UUID]:
    """Delete the rows that meet the conditions for good; their ids."""
    table = _table(model)
    query = delete(table).where(*conditions).returning(table.c.id)
    statement, args = bind(query, table.c.tenant_id)
    return [row["id"] for row in await ctx.transaction.fetch(statement, *args)]


def _table(model: type[TenantRow]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table
