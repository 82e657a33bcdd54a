"""Settling: what becomes of the rows that are there when a custom field changes.

A field that is to be found by gets a key into every row, chunk by chunk; one that is
not any more gives its slot back, and one that is deleted takes its values along.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.custom import NO_VALUE, SLOTS
from insula.kernel.database.session import HOME, Statement
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.custom.kinds import CustomKind, key_of
from insula.kernel.resource.declaration import Command, Event
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Chunked, Progress
from insula.kernel.resource.unit import WorkContext

CHUNK = 1000
FIRST = UUID(int=0)
MINE = "tenant_id = $1::text::uuid"
FIELD = Statement(
    "SELECT resource, key, kind, slot, filterable, run_id,"  # noqa: S608  # our names
    f" deleted_at IS NOT NULL AS gone FROM {HOME}.custom_fields"
    f" WHERE {MINE} AND id = $2 FOR UPDATE"
)
READY = Statement(
    f"UPDATE {HOME}.custom_fields SET ready = true, version = version + 1,"  # noqa: S608  # our names
    f" updated_at = now() WHERE {MINE} AND id = $2"
)
FREE = Statement(
    f"UPDATE {HOME}.custom_fields SET slot = NULL WHERE {MINE} AND id = $2"  # noqa: S608  # our names
)
FORGET = Statement(
    f"DELETE FROM {HOME}.custom_fields WHERE {MINE} AND id = $2"  # noqa: S608  # our names
)


class SettleField(Command):
    """Have the rows be as a custom field now wants them."""

    field_id: UUID
    run_id: UUID


class CustomFieldSettled(Event):
    """The rows are as a custom field wants them; whoever keeps fields forgets them."""

    name = "custom_field.settled"
    field_id: UUID

    @property
    def about_id(self) -> UUID:
        """The field."""
        return self.field_id


class Settler:
    """Goes through the rows of the resources to which fields were added."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self.task = Chunked(
            name="custom_fields.settle",
            command=SettleField,
            queue=Queue.default,
            run=self.settle,
        )

    async def settle(
        self, ctx: WorkContext, command: SettleField, progress: Progress
    ) -> bool:
        """Do the next chunk of rows; answers whether it was the last."""
        found = await ctx.transaction.fetch(FIELD, command.field_id)
        if not found or found[0]["run_id"] != command.run_id:
            return True  # it was changed again, and another run begins
        field = found[0]
        table = self._engine().api(field["resource"]).resource.table.name
        after = UUID(progress.cursor) if progress.cursor else FIRST
        rows = await ctx.transaction.fetch(_next(table), after, field["key"])
        kept = field["filterable"] and not field["gone"]
        await _write(ctx, table, field, rows, kept=kept)
        progress.done += len(rows)
        if len(rows) == CHUNK:
            progress.cursor = str(rows[-1]["id"])
            return False
        ending = FORGET if field["gone"] else READY if kept else FREE
        await ctx.transaction.fetch(ending, command.field_id)
        ctx.emit(CustomFieldSettled(field_id=command.field_id))
        return True


async def _write(
    ctx: WorkContext, table: str, field: Any, rows: Sequence[Any], *, kept: bool
) -> None:
    """What a field's present state means for some rows."""
    ids = [row["id"] for row in rows]
    if field["slot"] is not None:
        kind = CustomKind(field["kind"])
        keys = [_key(kind, row["value"]) if kept else None for row in rows]
        await ctx.transaction.fetch(_setting(table, field["slot"]), ids, keys)
    if field["gone"]:
        holders = [row["id"] for row in rows if row["value"] is not None]
        await ctx.transaction.fetch(_dropping(table), holders, field["key"])


def _key(kind: CustomKind, raw: Any) -> str:
    value = None if raw is None else msgspec.json.decode(raw)
    return NO_VALUE if value is None else key_of(kind, value)


@cache
def _next(table: str) -> Statement:
    """The next rows, locked in key order; those in the trash too: they may come back."""
    return Statement(
        f"SELECT id, custom -> $3::text AS value FROM {HOME}.{table}"  # noqa: S608  # our names
        f" WHERE {MINE} AND id > $2 ORDER BY id LIMIT {CHUNK} FOR UPDATE"
    )


@cache
def _setting(table: str, slot: str) -> Statement:
    if slot not in SLOTS:
        raise ValueError(f"{slot!r} is no slot")
    return Statement(
        f"UPDATE {HOME}.{table} c SET {slot} = i.key"  # noqa: S608  # our names
        " FROM unnest($2::uuid[], $3::text[]) AS i(id, key)"
        f" WHERE c.{MINE} AND c.id = i.id AND c.{slot} IS DISTINCT FROM i.key"
    )


@cache
def _dropping(table: str) -> Statement:
    return Statement(
        f"UPDATE {HOME}.{table} SET custom = custom - $3::text,"  # noqa: S608  # our names
        " version = version + 1, updated_at = now()"
        f" WHERE {MINE} AND id = ANY($2::uuid[])"
    )
