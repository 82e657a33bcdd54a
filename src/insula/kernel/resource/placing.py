"""Placing: rows in an order that people give them."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import Field, model_validator
from sqlalchemy import Table, select
from sqlalchemy.orm.attributes import instance_dict

from insula.kernel.database.columns import spec
from insula.kernel.database.model import TenantModel, short_name
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.errors import Conflict, FieldError, Invalid, Unavailable
from insula.kernel.foundation.ranks import between, spread
from insula.kernel.foundation.words import Words
from insula.kernel.resource.binding import bind
from insula.kernel.resource.declaration import Action, Command, Resource
from insula.kernel.resource.unit import WorkContext

ATTEMPTS = 5
"""How often a place is looked for again that others took at the same moment."""
NAME = "place"


class Crowded(Unavailable):
    """Others are moving rows to the same place: try again in a moment."""

    code = "BUSY"


class Place(Command):
    """Behind which row, or before which."""

    after: UUID | None = None
    before: Annotated[UUID | None, Field(examples=[None])] = None

    @model_validator(mode="after")
    def _one(self) -> "Place":
        if (self.after is None) == (self.before is None):
            raise ValueError(Words("say either after or before"))
        return self


def offer_place(resource: Resource[Any]) -> None:
    """Offer ``POST …/{id}/place`` for a resource whose rows have a rank."""
    noun = resource.singular.replace("_", " ")
    action = Action(NAME, _act, Place, (Conflict,), f"Move a {noun} to another place")
    resource.actions.setdefault(NAME, action)


async def _act(ctx: WorkContext, row: TenantModel, command: Place) -> TenantModel:
    field = "before" if command.after is None else "after"
    wanted = command.after or command.before
    model, table = type(row), _table(row)
    found = await ctx.select(
        model, table.c.id == wanted, await ctx.visible(model), limit=1
    )
    _, within = _rank(table)
    alike = found and (not within or getattr(found[0], within) == getattr(row, within))
    if not alike or found[0].id == row.id:
        words = Words(
            "The {field} field must name another row of the order.", field=field
        )
        raise Invalid(FieldError(field, "not_found", words))
    neighbour = {field: found[0]}
    await place(ctx, row, **neighbour)
    return row


async def place(
    ctx: WorkContext,
    row: TenantModel,
    *,
    after: TenantModel | None = None,
    before: TenantModel | None = None,
) -> None:
    """Move a row behind another one, before another one, or to the end.

    The others stay as they are, but for the rare time when there is no room left.
    """
    table = _table(row)
    rank, _ = _rank(table)
    for _ in range(ATTEMPTS):
        key = await _room(ctx, row, after, before)
        if key is None:
            await _make_room(ctx, row, after or before or row)
            continue
        setattr(row, rank, key)
        try:
            async with ctx.transaction.part():
                return await ctx.write(row)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != short_name("uq", str(table.name), rank):
                raise
    raise Crowded


async def _room(
    ctx: WorkContext,
    row: TenantModel,
    after: TenantModel | None,
    before: TenantModel | None,
) -> str | None:
    """A key at the place; None when there is none left between its neighbours."""
    rank, _ = _rank(_table(row))
    if before is not None:
        last = getattr(before, rank)
        return between(await _neighbour(ctx, row, last, behind=False), last)
    if after is not None:
        first = getattr(after, rank)
        return between(first, await _neighbour(ctx, row, first, behind=True))
    return between(await _neighbour(ctx, row, None, behind=False), None)


async def _neighbour(
    ctx: WorkContext, row: TenantModel, key: str | None, *, behind: bool
) -> str | None:
    """The key next to one; those in the trash keep their places too."""
    table = _table(row)
    rank, within = _rank(table)
    column = table.c[rank]
    query = select(column).where(table.c.id != row.id)
    if within:
        mine = getattr(row, within)
        query = query.where(table.c[within].is_not_distinct_from(mine))
    if key is not None:
        query = query.where(column > key if behind else column < key)
    query = query.order_by(column if behind else column.desc()).limit(1)
    statement, values = bind(query, table.c.tenant_id)
    found = await ctx.transaction.fetch(statement, *values)
    return found[0][0] if found else None


async def _make_room(ctx: WorkContext, *rows: TenantModel) -> None:
    """Give all rows of an order new keys, in the order that they have."""
    table = _table(rows[0])
    rank, within = _rank(table)
    query = select(table.c.id, table.c[rank]).order_by(table.c.id).with_for_update()
    if within:
        mine = getattr(rows[0], within)
        query = query.where(table.c[within].is_not_distinct_from(mine))
    statement, values = bind(query, table.c.tenant_id)
    found = await ctx.transaction.fetch(statement, *values)
    ids = [record["id"] for record in sorted(found, key=lambda it: it[rank])]
    keys = dict(zip(ids, spread(len(ids)), strict=True))
    update = Statement(
        f"UPDATE {HOME}.{table.name} c SET {rank} = i.key"  # noqa: S608  # our names
        " FROM unnest($2::uuid[], $3::varchar[]) AS i(id, key)"
        " WHERE c.tenant_id = $1::text::uuid AND c.id = i.id"
    )
    await ctx.transaction.fetch(update, list(keys), list(keys.values()))
    for row in rows:
        instance_dict(row)[rank] = keys[row.id]


def _table(row: TenantModel) -> Table:
    table = type(row).__table__
    assert isinstance(table, Table)
    return table


def _rank(table: Table) -> tuple[str, str]:
    """The field with a table's ranks, and the one that rows of one order share."""
    for column in table.columns:
        within = spec(column.info).ordered_within
        if within is not None:
            return str(column.name), within
    raise LookupError(f"{table.name} are in no order")
