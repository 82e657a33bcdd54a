"""Import writing: drafts become rows, each at most once; what is refused is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Table

from insula.kernel.access.context import Context
from insula.kernel.database.model import LIVE, short_name
from insula.kernel.database.session import HOME, Session, Statement
from insula.kernel.foundation.errors import FieldError, Invalid, Problem
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.followers import After
from insula.kernel.resource.following import RowsRefused, Saved
from insula.kernel.resource.imports.mapping import JSON, Instructions, Mode
from insula.kernel.resource.imports.rows import Draft, RowError, row_errors
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.imports.updating import Change, Updater
from insula.kernel.resource.scoping import Scope
from insula.kernel.resource.statements import Numbers, names
from insula.kernel.resource.violations import breaches, translate


class Execute(Protocol):
    """Runs a statement with its arguments, and what is done after it, in a transaction
    of its own.
    """

    async def __call__(
        self, statement: Statement, *args: object, after: After | None = None
    ) -> Sequence[Any]:
        """What the statement answers."""


REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""What is a fault of a row, and not of the server or the connection."""


class _Undo(Exception):
    """Carries the answer of a statement out of the transaction that it undoes."""

    def __init__(self, rows: Sequence[Any]) -> None:
        super().__init__()
        self.rows = rows


def writing(session: Session) -> Execute:
    """An ``Execute`` whose transactions are those of the session."""

    async def execute(
        statement: Statement, *args: object, after: After | None = None
    ) -> Sequence[Any]:
        if after is None:
            return await session.fetch(statement, *args)
        async with session.transaction() as transaction:
            rows = await transaction.fetch(statement, *args)
            await after(transaction, rows)
        return rows

    return execute


def rehearsing(session: Session) -> Execute:
    """An ``Execute`` that has PostgreSQL check everything, and undoes it."""

    async def execute(
        statement: Statement, *args: object, after: After | None = None
    ) -> Sequence[Any]:
        try:
            async with session.transaction() as transaction:
                rows = await transaction.fetch(statement, *args)
                if after is not None:
                    await after(transaction, rows)
                raise _Undo(rows)
        except _Undo as undone:
            return undone.rows

    return execute


@dataclass(slots=True)
class Written:
    """What became of some drafts."""

    created: int = 0
    updated: int = 0
    existing: int = 0
    differing: int = 0
    refused: list[tuple[Row, list[RowError]]] = field(default_factory=list)

    def add(self, other: "Written") -> None:
        """Count what became of some more."""
        self.created += other.created
        self.updated += other.updated
        self.existing += other.existing
        self.differing += other.differing
        self.refused += other.refused


class DraftWriter:
    """Writes the drafts of one import, with their journal.

    New rows of a batch are one statement, ``ON CONFLICT DO NOTHING``, and so are those
    that change. When a constraint refuses it, it is halved until the rows that are to
    blame stand alone.
    """

    def __init__(
        self, ctx: Context, api: ResourceApi, said: Instructions, execute: Execute
    ) -> None:
        self._ctx, self._writer, self._execute = ctx, api.writer, execute
        self._follower = api.follower
        self._breaches, self._mode = breaches([api.resource]), said.mode
        self._facets = facets = api.shape.facets
        self._updater = Updater(ctx, api)
        plain = all(it in facets and facets[it].cast != JSON for it in said.key)
        scope = api.writer.scoping.of(ctx.actor, "import", "read")
        self._by_id = Matching(api, ("id",), scope)
        self._by_key = Matching(api, said.key, scope) if said.key and plain else None
        self._match: Matching | None = None
        if said.match is not None:
            scope = api.writer.scoping.of(ctx.actor, "import", "read", "update")
            self._match = Matching(api, (said.match,), scope, live=True)

    async def write(self, drafts: Sequence[Draft]) -> Written:
        """Write a batch of rows, of which those that match nothing are new."""
        written = Written()
        left: Sequence[Draft] = sorted(drafts, key=attrgetter("id"))
        if self._match is not None:
            for few in _rounds(drafts):
                await self._write_matched(few, self._match, written)
            left = [draft for draft in left if draft.match is None]
        await self._write_new(left, written)
        return written

    async def _write_new(self, drafts: Sequence[Draft], written: Written) -> None:
        """Write new rows; what is there already stays as it is."""
        left = drafts
        if left and not self._writer.sequences:
            left = await self._insert(left, written)
        for matching in (self._by_id, self._by_key):
            if left and matching is not None:
                left = await self._recognize(left, matching, written)
        # Numbers are counted for new rows alone, in the order of the file.
        for draft in sorted(left, key=lambda it: it.row.line):
            await self._insert_alone(draft, written)

    async def _write_matched(
        self, drafts: Sequence[Draft], matching: "Matching", written: Written
    ) -> None:
        """Write rows that may be there, no two of which are the same."""
        keys = {(draft.match,): draft for draft in drafts}
        found = await matching.find(self._ctx, list(keys))
        changes: list[Change] = []
        new: list[Draft] = []
        for key, draft in keys.items():
            record = found.get(key)
            if record is None and (self._mode is Mode.update or matching.by_id):
                words = Words("There is no row with this {field}.", field=matching.name)
                fault = FieldError(matching.name, "not_found", words)
                self._refuse_for(draft, Invalid(fault), written)
            elif record is None:
                new.append(draft)
            else:
                self._compare(draft, record, changes, written)
        await self._update(changes, written)
        await self._write_new(sorted(new, key=attrgetter("id")), written)

    def _compare(
        self,
        draft: Draft,
        record: Mapping[str, Any],
        changes: list[Change],
        written: Written,
    ) -> None:
        """Find out what a draft changes of a row that is there."""
        try:
            change = self._updater.change(draft, record)
        except Invalid as problem:
            self._refuse_for(draft, problem, written)
            return
        if change.values and self._mode is not Mode.create:
            changes.append(change)
        else:
            written.existing += 1
            written.differing += bool(change.values)

    async def _update(self, changes: Sequence[Change], written: Written) -> None:
        """Write over rows that are there, as far as nobody else did meanwhile."""
        if not changes:
            return
        statement, args = self._updater.write(changes)
        saved = [Saved(it.record["id"], it.values) for it in changes]
        after = self._follower.after(self._ctx, saved)
        try:
            rows = await self._execute(statement, *args, after=after)
            done = {row["id"] for row in rows}
        except RowsRefused as refusal:
            faults = refusal.faults
            for change in changes:
                if change.record["id"] in faults:
                    refused = faults[change.record["id"]]
                    self._refuse_for(change.draft, refused, written)
            left = [it for it in changes if it.record["id"] not in faults]
            await self._update(left, written)
            return
        except REFUSED as error:
            if len(changes) == 1:
                self._refuse(changes[0].draft, error, written)
                return
            half = len(changes) // 2
            await self._update(changes[:half], written)
            await self._update(changes[half:], written)
            return
        written.updated += len(done)
        for change in changes:
            if change.record["id"] not in done:
                words = Words("Somebody changed this row in the meantime.")
                fault = FieldError("", "stale", words)
                self._refuse_for(change.draft, Invalid(fault), written)

    async def _insert(
        self, drafts: Sequence[Draft], written: Written
    ) -> Sequence[Draft]:
        """Write new rows; answers the drafts that clash with a row that is there."""
        if not drafts:
            return []
        rows = [draft.values for draft in drafts]
        statement, args = self._writer.create_many(rows, self._ctx)
        after = self._follower.after(
            self._ctx, [Saved(it.id, it.values) for it in drafts]
        )
        try:
            answered = await self._execute(statement, *args, after=after)
            made = {row["id"] for row in answered}
        except RowsRefused as refusal:
            return await self._insert(self._passed(drafts, refusal, written), written)
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
        found = await matching.find(
            self._ctx, [matching.key(draft.values) for draft in drafts]
        )
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
        """Write a row by itself: one that clashed, to hear with what, or is numbered."""
        values = dict(draft.values)
        await self._writer.number(values, self._ctx)
        statement, args, _ = self._writer.create(values, self._ctx)
        after = self._follower.after(self._ctx, [Saved(draft.id, values)])
        try:
            await self._execute(statement, *args, after=after)
        except RowsRefused as refusal:
            self._passed([draft], refusal, written)
        except REFUSED as error:
            self._refuse(draft, error, written)
        else:
            written.created += 1

    def _passed(
        self, drafts: Sequence[Draft], refusal: RowsRefused, written: Written
    ) -> Sequence[Draft]:
        """Note what the app refused; answers the other drafts."""
        for draft in drafts:
            if draft.id in refusal.faults:
                self._refuse_for(draft, refusal.faults[draft.id], written)
        return [draft for draft in drafts if draft.id not in refusal.faults]

    def _refuse(self, draft: Draft, error: Exception, written: Written) -> None:
        problem = translate(error, self._breaches)
        if problem is None:
            words = Words("The database cannot keep a value of this row.")
            problem = Invalid(FieldError("", "invalid", words))
        self._refuse_for(draft, problem, written)

    @staticmethod
    def _refuse_for(draft: Draft, problem: Problem, written: Written) -> None:
        written.refused.append((draft.row, row_errors(draft.row, problem)))


def _rounds(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """The drafts that match something, in turns: of those that say the same the later
    ones come later, and so write over what the earlier ones wrote.
    """
    rounds: list[list[Draft]] = []
    seen: dict[Any, int] = {}
    for draft in drafts:
        if draft.match is None:
            continue
        at = seen[draft.match] = seen.get(draft.match, -1) + 1
        if at == len(rounds):
            rounds.append([])
        rounds[at].append(draft)
    return rounds


class Matching:
    """Finds a row each, within a scope, that agrees with a draft in some fields.

    It runs in a transaction that has its context already: PostgreSQL may well read the
    table first in a join, and a statement that sets its own context found nothing.
    """

    def __init__(
        self,
        api: ResourceApi,
        fields: Sequence[str],
        scope: Scope | None,
        *,
        live: bool = False,
    ) -> None:
        self.name, self.by_id = fields[0], tuple(fields) == ("id",)
        facets = api.shape.facets
        self._within = () if scope is None else scope.args
        self._fields = [facets[name] for name in fields]
        numbers = Numbers()
        arrays = numbers.all(f"{facet.cast}[]" for facet in self._fields)
        trashable = "deleted_at" in facets and (live or not self.by_id)
        alive = f" AND c.{LIVE}" if trashable else ""
        reach = None if scope is None else scope.reach
        within = api.writer.scoping.sql(numbers, reach)
        self._statement = Statement(
            f"SELECT {names(api.writer.facets, 'c')}"  # noqa: S608  # our names
            f" FROM {HOME}.{api.resource.table.name} c"
            f" WHERE c.tenant_id = $1::uuid AND "
            f"{_agreeing(api.resource.table, fields, arrays)}{alive}{within}"
        )

    def key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values that have to agree."""
        return tuple(values[facet.name] for facet in self._fields)

    async def find(
        self, ctx: Context, keys: Sequence[tuple[Any, ...]]
    ) -> Mapping[tuple[Any, ...], Mapping[str, Any]]:
        """The rows by the values in which they agree; one in the trash by its id."""
        columns = [
            [facet.bound(value) for value in column]
            for facet, column in zip(self._fields, zip(*keys, strict=True), strict=True)
        ]
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(self._statement, *columns, *self._within)
        return {tuple(row[it.name] for it in self._fields): dict(row) for row in rows}


def _agreeing(table: Table, fields: Sequence[str], arrays: Sequence[str]) -> str:
    """A condition on the row ``c``: it has what one of the drafts has.

    One field is compared as PostgreSQL looks it up in an index, whatever it thinks of
    the table; a join with the values it may do by reading all rows. Texts that are
    filtered by have theirs by code points.
    """
    if len(fields) == 1:
        by_points = short_name("ix", table.name, fields[0], "text")
        told = any(index.name == by_points for index in table.indexes)
        collation = ' COLLATE "C"' if told else ""
        return f"c.{fields[0]}{collation} = ANY({arrays[0]})"
    row = ", ".join(f"c.{name}" for name in fields)
    return f"({row}) IN (SELECT * FROM unnest({', '.join(arrays)}))"  # noqa: S608  # our names
