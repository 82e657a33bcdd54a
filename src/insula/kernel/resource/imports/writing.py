"""Import writing: drafts become rows, each at most once; what is refused is found."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import asyncpg

from insula.kernel.access.context import Context
from insula.kernel.database.model import LIVE
from insula.kernel.database.session import HOME, Session, Statement
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.csv_reading import Row
from insula.kernel.resource.imports.mapping import JSON
from insula.kernel.resource.imports.rows import Draft, RowError, row_errors
from insula.kernel.resource.scoping import Scope
from insula.kernel.resource.statements import Numbers, names
from insula.kernel.resource.violations import breaches, translate

Execute = Callable[..., Awaitable[Sequence[Any]]]
"""Runs one statement with its arguments, in a transaction of its own."""

REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""What is a fault of a row, and not of the server or the connection."""


class _Undo(Exception):
    """Carries the answer of a statement out of the transaction that it undoes."""

    def __init__(self, rows: Sequence[Any]) -> None:
        super().__init__()
        self.rows = rows


def rehearsing(session: Session) -> Execute:
    """An ``Execute`` that has PostgreSQL check everything, and undoes it."""

    async def execute(statement: Statement, *args: object) -> Sequence[Any]:
        try:
            async with session.transaction() as transaction:
                raise _Undo(await transaction.fetch(statement, *args))
        except _Undo as undone:
            return undone.rows

    return execute


@dataclass(slots=True)
class Written:
    """What became of some drafts."""

    created: int = 0
    existing: int = 0
    differing: int = 0
    refused: list[tuple[Row, list[RowError]]] = field(default_factory=list)


class DraftWriter:
    """Writes the drafts of one import, with their journal.

    A batch is one statement, ``ON CONFLICT DO NOTHING``. When a constraint refuses
    it, it is halved until the rows that are to blame stand alone.
    """

    def __init__(
        self, ctx: Context, api: ResourceApi, key: Sequence[str], execute: Execute
    ) -> None:
        self._ctx, self._writer, self._execute = ctx, api.writer, execute
        self._breaches = breaches([api.resource])
        self._facets = api.shape.facets
        scope = api.writer.scoping.of(ctx.actor, "import", "read")
        self._by_id = Matching(api, ("id",), scope)
        plain = all(
            name in self._facets and self._facets[name].cast != JSON for name in key
        )
        self._by_key = Matching(api, key, scope) if key and plain else None

    async def write(self, drafts: Sequence[Draft]) -> Written:
        """Write a batch; what is there already stays as it is."""
        written = Written()
        left: Sequence[Draft] = sorted(drafts, key=attrgetter("id"))
        if left:
            left = await self._insert(left, written)
        for matching in (self._by_id, self._by_key):
            if left and matching is not None:
                left = await self._recognize(left, matching, written)
        for draft in left:
            await self._insert_alone(draft, written)
        return written

    async def _insert(
        self, drafts: Sequence[Draft], written: Written
    ) -> Sequence[Draft]:
        """Write new rows; answers the drafts that clash with a row that is there."""
        rows = [draft.values for draft in drafts]
        statement, args = self._writer.create_many(rows, self._ctx)
        try:
            made = {row["id"] for row in await self._execute(statement, *args)}
        except REFUSED as error:
            if len(drafts) == 1:
                self._refuse(drafts[0], error, written)
                return []
            half = len(drafts) // 2
            return [
                *await self._insert(drafts[:half], written),
                *await self._insert(drafts[half:], written),
            ]
        written.created += len(made)
        return [draft for draft in drafts if draft.id not in made]

    async def _recognize(
        self, drafts: Sequence[Draft], matching: "Matching", written: Written
    ) -> Sequence[Draft]:
        """Count the drafts whose rows are there; answers the others."""
        found = await matching.find(self._ctx, drafts)
        left = []
        for draft in drafts:
            record = found.get(matching.key(draft.values))
            if record is None:
                left.append(draft)
                continue
            written.existing += 1
            written.differing += any(
                self._facets[name].loaded(record[name]) != draft.values[name]
                for name in draft.given
            )
        return left

    async def _insert_alone(self, draft: Draft, written: Written) -> None:
        """Write a row that clashed, this time to hear with which constraint."""
        statement, args, _ = self._writer.create(draft.values, self._ctx)
        try:
            await self._execute(statement, *args)
        except REFUSED as error:
            self._refuse(draft, error, written)
        else:
            written.created += 1

    def _refuse(self, draft: Draft, error: Exception, written: Written) -> None:
        problem = translate(error, self._breaches)
        if problem is None:
            words = Words("The database cannot keep a value of this row.")
            problem = Invalid(FieldError("", "invalid", words))
        written.refused.append((draft.row, row_errors(draft.row, problem)))


class Matching:
    """Finds a row each, within a scope, that agrees with a draft in some fields.

    It runs in a transaction that has its context already: PostgreSQL may well read the
    table first in a join, and a statement that sets its own context found nothing.
    """

    def __init__(
        self, api: ResourceApi, fields: Sequence[str], scope: Scope | None
    ) -> None:
        facets = api.shape.facets
        self._within = () if scope is None else scope.args
        self._fields = [facets[name] for name in fields]
        numbers = Numbers()
        arrays = numbers.all(f"{facet.cast}[]" for facet in self._fields)
        keys = ", ".join(f"k.{name}" for name in fields)
        same = [f"c.{name} = k.{name}" for name in fields]
        if "deleted_at" in facets and "id" not in fields:
            same.append(f"c.{LIVE}")
        reach = None if scope is None else scope.reach
        within = api.writer.scoping.sql(numbers, reach)
        self._statement = Statement(
            f"SELECT DISTINCT ON ({keys}) {names(api.writer.facets, 'c')}"  # noqa: S608  # our names
            f" FROM unnest({', '.join(arrays)}) AS k({', '.join(fields)})"
            f" JOIN {HOME}.{api.resource.table.name} c"
            f" ON c.tenant_id = $1::uuid AND {' AND '.join(same)}{within}"
        )

    def key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values that have to agree."""
        return tuple(values[facet.name] for facet in self._fields)

    async def find(
        self, ctx: Context, drafts: Sequence[Draft]
    ) -> Mapping[tuple[Any, ...], Mapping[str, Any]]:
        """The rows by the values in which they agree; one in the trash by its id."""
        keys = [self.key(draft.values) for draft in drafts]
        columns = [
            [facet.bound(value) for value in column]
            for facet, column in zip(self._fields, zip(*keys, strict=True), strict=True)
        ]
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(self._statement, *columns, *self._within)
        return {tuple(row[it.name] for it in self._fields): dict(row) for row in rows}
