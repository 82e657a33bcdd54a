"""Writing: a row with its audit and its event, in one statement and one round trip."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.schemas import row_struct
from insula.kernel.resource.shape import Shape
from insula.kernel.resource.statements import (
    changing,
    creating,
    creating_many,
    getting,
    locking,
)


class Writer:
    """The statements that write one resource, and the arguments that they take."""

    def __init__(self, resource: Resource[Any], shape: Shape) -> None:
        self.shape, self._table = shape, resource.table.name
        self._name, self._type = resource.name, resource.type
        self.facets = tuple(it for it in shape.stored if it.name != "deleted_at")
        self.get = getting(self._table, self.facets)
        self.lock = locking(self._table, self.facets)
        self._create = creating(self._table, shape)
        self._create_many = creating_many(self._table, shape)
        self._changes: dict[tuple[frozenset[str], bool], Statement] = {}
        self._row = row_struct(self._type, shape.readable)
        self._made = tuple((it.name, it.bind) for it in self.facets)
        self._shown = tuple(facet.name for facet in shape.readable)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """The row as the API answers with it."""
        return msgspec.json.encode(self._row(*(values[name] for name in self._shown)))

    def encode_record(self, record: Any) -> bytes:
        """A record of the readable fields, in their order, as the API answers it."""
        return msgspec.json.encode(self._row(*record))

    def create(
        self, values: Mapping[str, Any], ctx: Context
    ) -> tuple[Statement, list[Any], bytes]:
        """Statement and arguments of a new row, and the row as JSON."""
        body = self.encode(values)
        args = [
            values[name] if bind is None or values[name] is None else bind(values[name])
            for name, bind in self._made
        ]
        args += self._journal(ctx, "create", "created")
        args.append(body.decode())
        return self._create, args, body

    def create_many(
        self, rows: Sequence[Mapping[str, Any]], ctx: Context
    ) -> tuple[Statement, list[Any]]:
        """Statement and arguments of many new rows; clashing ones are left out."""
        args: list[Any] = [
            [None if row[it.name] is None else it.bound(row[it.name]) for row in rows]
            for it in self.facets
        ]
        audit_ids, outbox_ids = ([uuid7() for _ in rows] for _ in range(2))
        payloads = [self.encode(row).decode() for row in rows]
        journal = self._journal(ctx, "create", "created")[2:]
        return self._create_many, [*args, audit_ids, outbox_ids, payloads, *journal]

    def change(
        self,
        row_id: UUID,
        version: int | None,
        changed: Mapping[str, Any],
        ctx: Context,
        verb: tuple[str, str] = ("update", "updated"),
        *,
        deleted: bool = False,
    ) -> tuple[Statement, list[Any]]:
        """Statement and arguments that change some fields of a row.

        ``verb`` names the action and what then has happened; ``deleted`` looks for
        the row in the trash.
        """
        names = [name for name in self.shape.facets if name in changed]
        key = (frozenset(names), deleted)
        statement = self._changes.get(key)
        if statement is None:
            statement = changing(self._table, self.shape, names, deleted=deleted)
            self._changes[key] = statement
        facets = self.shape.facets
        values = [facets[name].bound(changed[name]) for name in names]
        return statement, [row_id, version, *values, now(), *self._journal(ctx, *verb)]

    def _journal(self, ctx: Context, action: str, happened: str) -> list[Any]:
        return [
            uuid7(),
            uuid7(),
            now(),
            f"{self._name}.{action}",
            self._type,
            f"{self._type}.{happened}",
            *ctx.origin,
        ]
