"""Writing: a row with its audit and its event, in one statement and one round trip."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.custom.book import CustomColumns
from insula.kernel.resource.custom.fields import CUSTOM
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.masking import Lens, Lenses, Masking
from insula.kernel.resource.schemas import row_struct
from insula.kernel.resource.scoping import Scope, Scoping
from insula.kernel.resource.shape import Shape
from insula.kernel.resource.statements import (
    Deed,
    changing,
    creating,
    creating_many,
    getting,
    literals,
    locking,
)


class Verb(NamedTuple):
    """One kind of write: as it is asked for, and as it has happened."""

    name: str
    past: str
    permission: str
    """The action that a caller must be granted for it."""


CREATE = Verb("create", "created", "create")
UPDATE = Verb("update", "updated", "update")
DELETE = Verb("delete", "deleted", "delete")
RESTORE = Verb("restore", "restored", "delete")
MOST_SHAPES = 256
"""Statements kept for one resource's creates: one for each set of given fields."""


class Writer:
    """The statements that write one resource, and the arguments that they take."""

    def __init__(
        self,
        resource: Resource[Any],
        shape: Shape,
        custom: CustomColumns | None = None,
    ) -> None:
        self.resource, self.custom = resource, custom
        self.shape, self._table = shape, resource.table.name
        self.name, self.type = resource.name, resource.type
        self.facets = tuple(it for it in shape.stored if it.name != "deleted_at")
        self.scoping, self.masking = Scoping(resource), Masking(resource, shape)
        self._lenses = Lenses(self.type, shape)
        trashable = shape.trashable
        self.get = getting(self._table, self.facets, trashable=trashable)
        self._locks = {
            reach: locking(
                self._table,
                self.facets,
                trashable=trashable,
                within=partial(self.scoping.sql, reach=reach),
            )
            for reach in Reach
        }
        self.lock = self._locks[Reach.all]
        self._creates: dict[tuple[str, ...], Statement] = {}
        self._create_many = creating_many(self._table, shape, self._deed(CREATE))
        self._changes: dict[tuple[frozenset[str], Verb, Reach], Statement] = {}
        self._row = row_struct(self.type, (it.name for it in shape.readable))
        self.derived = tuple(facet.name for facet in shape.derived)
        counted = ((it.name, it.field.sequence) for it in shape.stored)
        self.sequences = tuple((name, it) for name, it in counted if it is not None)
        self.fast = tuple((name, it) for name, it in self.sequences if not it.gapless)
        followed = {"version", "updated_at"}
        followed |= {it.name for it in shape.facets.values() if it.field.computed}
        self._made = {it.name: it.bind for it in self.facets if it.name not in followed}
        self._many = tuple(it for it in shape.written if it.name != "deleted_at")
        self._usual = {
            name: shape.facets[name].field.default for name in literals(shape)
        }
        self._shown = tuple(facet.name for facet in shape.readable)
        self.worked_out = tuple(it for it in self.derived if it in self._shown)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """The row as the API answers with it."""
        return msgspec.json.encode(self._row(*(values[name] for name in self._shown)))

    def encode_record(self, record: Any) -> bytes:
        """A record of the readable fields, in their order, as the API answers it."""
        return msgspec.json.encode(self._row(*record))

    def lens(self, actor: Actor) -> "Writer | Lens":
        """What makes JSON of rows for this actor: without what is hidden from them."""
        hidden = self.masking.of(actor).hide
        return self._lenses.without(hidden) if hidden else self

    def locking(self, scope: Scope) -> Statement:
        """Rows by their ids, locked, as far as they are in scope."""
        return self._locks[scope.reach]

    def create(
        self, values: Mapping[str, Any], ctx: Context
    ) -> tuple[Statement, list[Any], bytes]:
        """Statement and arguments of a new row, and the row as JSON."""
        body = self.encode(values)
        made = self._made
        usual = self._usual
        given = tuple(
            name
            for name in made
            if (value := values[name]) is not None
            and not (name in usual and value == usual[name])
        )
        statement = self._creates.get(given)
        if statement is None:
            if len(self._creates) >= MOST_SHAPES:
                given = tuple(made)
            statement = creating(self._table, self.shape, given, self._deed(CREATE))
            self._creates[given] = statement
        args = [
            value
            if (value := values[name]) is None or (bind := made[name]) is None
            else bind(value)
            for name in given
        ]
        return statement, [*args, body.decode(), uuid7(), *ctx.origin], body

    async def fill(self, ctx: Context, values: dict[str, Any]) -> None:
        """Check the custom fields of a new row; raises ``Invalid``."""
        if self.custom is not None:
            values |= await self.custom.new(ctx, values[CUSTOM])

    async def refill(self, ctx: Context, values: dict[str, Any]) -> None:
        """The same where they become all that there are."""
        if self.custom is not None:
            values |= await self.custom.replaced(ctx, values[CUSTOM])

    async def amend(self, ctx: Context, values: dict[str, Any]) -> None:
        """The same where some of them may change."""
        if self.custom is not None and CUSTOM in values:
            values |= await self.custom.changed(ctx, values[CUSTOM])

    async def number(self, values: dict[str, Any], ctx: Context) -> None:
        """Give a new row its numbers of fast sequences; others count as it is made."""
        for name, sequence in self.fast:
            if values[name] is None:
                values[name] = await sequence.next_fast(ctx.session)

    def whole(self, values: dict[str, Any], answered: Sequence[Any]) -> bytes:
        """A new row as JSON, with what PostgreSQL gave it, which ``values`` gets."""
        for name in self.derived:
            values[name] = self.shape.facets[name].loaded(answered[0][name])
        return self.encode(values)

    def create_many(
        self, rows: Sequence[Mapping[str, Any]], ctx: Context
    ) -> tuple[Statement, list[Any]]:
        """Statement and arguments of many new rows; clashing ones are left out."""
        args: list[Any] = [
            [None if row[it.name] is None else it.bound(row[it.name]) for row in rows]
            for it in self._many
        ]
        args.append([uuid7() for _ in rows])
        args.append([self.encode(row).decode() for row in rows])
        return self._create_many, [*args, now(), *ctx.origin]

    def change(
        self,
        row_id: UUID,
        version: int | None,
        changed: Mapping[str, Any],
        ctx: Context,
        verb: Verb | None = None,
        scope: Scope | None = None,
    ) -> tuple[Statement, list[Any]]:
        """Statement and arguments that change some fields of a row, if it is in scope.

        Without a ``verb`` it is updated; ``RESTORE`` looks for the row in the trash.
        """
        verb, reach = verb or UPDATE, Reach.all if scope is None else scope.reach
        names = [name for name in self.shape.facets if name in changed]
        key = frozenset(names), verb, reach
        statement = self._changes.get(key)
        if statement is None:
            statement = changing(
                self._table,
                self.shape,
                names,
                self._deed(verb),
                deleted=verb is RESTORE,
                within=partial(self.scoping.sql, reach=reach),
            )
            self._changes[key] = statement
        facets = self.shape.facets
        values = [facets[name].bound(changed[name]) for name in names]
        args = [row_id, version, *values, now(), uuid7(), *ctx.origin]
        return statement, args if scope is None else [*args, *scope.args]

    def _deed(self, verb: Verb) -> Deed:
        kind = self.type
        return Deed(f"{self.name}.{verb.name}", kind, f"{kind}.{verb.past}")
