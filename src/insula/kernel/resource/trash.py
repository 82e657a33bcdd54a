"""The trash: what may come back from it, and how a row leaves it for good."""

from collections.abc import Mapping
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.database.attached import attached_tables
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid, NotFound
from insula.kernel.foundation.ids import UUID, uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.scoping import Scope, Scoping
from insula.kernel.resource.shape import Shape
from insula.kernel.resource.statements import (
    Cause,
    Deed,
    Numbers,
    journaled,
)

PURGE = "purge"


class Trash:
    """What is in the trash of one resource."""

    def __init__(self, resource: Resource[Any], shape: Shape, scoping: Scoping) -> None:
        self._table, self._scoping = resource.table.name, scoping
        self._deed = Deed(
            f"{resource.name}.{PURGE}", resource.type, f"{resource.type}.purged"
        )
        tables = resource.table.metadata.tables.values()
        trashable = {it.name for it in tables if "deleted_at" in it.columns}
        self.parents: Mapping[str, str] = {
            facet.name: facet.field.target
            for facet in shape.stored
            if facet.field.part_of and facet.field.target in trashable
        }
        self._name, self._metadata = resource.name, resource.table.metadata
        self._purges: dict[Reach, Statement] = {}
        self._missing = _missing(self._table, self.parents)

    async def refuse_orphan(self, ctx: Context, key: UUID) -> None:
        """Refuse a row that is part of one in the trash; raises ``Invalid``."""
        rows = await ctx.session.fetch(self._missing, key)
        faults = [
            FieldError(
                name,
                "in_trash",
                Words("The {field} field refers to what is in the trash.", field=name),
            )
            for name in self.parents
            if rows and rows[0][name]
        ]
        if faults:
            raise Invalid(*faults)

    async def purge(self, ctx: Context, key: UUID, version: int | None) -> None:
        """Delete a row that is in the trash, and with it what is part of it.

        Its journal says so, and no more: what the row said is gone. Raises
        ``NotFound``.
        """
        scope = self._scoping.of(ctx.actor, "read", PURGE)
        statement, args = self._purging(scope), () if scope is None else scope.args
        given = key, version, now(), uuid7(), *ctx.origin, *args
        if not await ctx.session.fetch(statement, *given):
            raise NotFound

    def _purging(self, scope: Scope | None) -> Statement:
        reach = Reach.all if scope is None else scope.reach
        found = self._purges.get(reach)
        if found is None:
            found = self._purges[reach] = self._compiled(reach)
        return found

    def _compiled(self, reach: Reach) -> Statement:
        numbers = Numbers()
        row_id, version, at = numbers.all(("uuid", "bigint", "timestamptz"))
        told = journaled(
            numbers, self._deed, Cause("gone", "gone.id", at, "'{}'::jsonb")
        )
        within = self._scoping.sql(numbers, reach)
        return Statement(
            f"WITH {CONTEXT}, old AS MATERIALIZED (SELECT o.tenant_id, o.id"  # noqa: S608  # our names
            f" FROM ctx CROSS JOIN LATERAL (SELECT c.tenant_id, c.id"
            f" FROM {HOME}.{self._table} c WHERE c.tenant_id = ctx.tenant_id"
            f" AND c.id = {row_id} AND c.version = COALESCE({version}, c.version)"
            f" AND c.deleted_at IS NOT NULL{within} LIMIT 1 FOR UPDATE) o),"
            f" gone AS (DELETE FROM {HOME}.{self._table} c USING old"
            " WHERE (SELECT true FROM old) AND c.tenant_id = old.tenant_id"
            " AND c.id = old.id RETURNING c.tenant_id, c.id),"
            f"{self._attached()}{told} SELECT id FROM gone"
        )

    def _attached(self) -> str:
        """What hangs on the row goes with it, whatever it is."""
        return "".join(
            f" {table.name}_gone AS (DELETE FROM {HOME}.{table.name} a USING old"  # noqa: S608  # our names
            " WHERE (SELECT true FROM old) AND a.tenant_id = old.tenant_id"
            f" AND a.resource = '{self._name}' AND a.row_id = old.id),"
            for table in attached_tables(self._metadata)
        )


def _missing(table: str, parents: Mapping[str, str]) -> Statement:
    """For each parent of a row whether it is in the trash."""
    shown = ", ".join(
        f"p{n}.deleted_at IS NOT NULL AS {it}" for n, it in enumerate(parents)
    )
    joins = "".join(
        f" LEFT JOIN {HOME}.{target} p{n} ON p{n}.tenant_id = c.tenant_id"
        f" AND p{n}.id = c.{name}"
        for n, (name, target) in enumerate(parents.items())
    )
    return Statement(
        f"WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL ("  # noqa: S608  # our names
        f"SELECT {shown or 'false AS none'} FROM {HOME}.{table} c{joins}"
        " WHERE c.tenant_id = ctx.tenant_id AND c.id = $2::uuid) r"
    )
