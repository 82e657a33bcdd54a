"""Bulk writing: many rows in one transaction, of which each may fail alone."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.languages import Catalog
from insula.kernel.resource.bulk.deeds import Deed
from insula.kernel.resource.bulk.items import Item, Outcome, Within, spoken
from insula.kernel.resource.violations import Breach, translate

PART = 25
"""Rows between two savepoints: so many are done again when one of them fails."""
OURS = 500
"""From this status on a problem is no fault of the row's."""


class _Whole(Exception):
    """Carries what became of all rows out of the part that it undoes."""


class BulkWriter:
    """Does one deed to many rows, in the order of their ids (D8)."""

    def __init__(
        self,
        ctx: Context,
        transaction: Transaction,
        deed: Deed,
        breaches: Mapping[str, Breach],
        catalog: Catalog | None,
    ) -> None:
        self._transaction, self._deed = transaction, deed
        self._ctx = ctx.within(Within(ctx.session, transaction))
        self._breaches, self._catalog = breaches, catalog

    async def write(self, items: Sequence[Item]) -> list[Outcome]:
        """Write each row that can be written; the outcomes are in no order."""
        done: list[Outcome] = []
        ordered = sorted(items, key=lambda it: (it.row_id or UUID(int=0), it.number))
        for part in _parts(ordered):
            done += await self._part(part)
        return done

    async def write_all(self, items: Sequence[Item]) -> list[Outcome]:
        """Write every row, or none: with one failure nothing stays."""
        outcomes: list[Outcome] = []
        try:
            async with self._transaction.part():
                outcomes = await self.write(items)
                if any(it.errors for it in outcomes):
                    raise _Whole
        except _Whole:
            pass
        return outcomes

    async def _part(self, items: Sequence[Item]) -> list[Outcome]:
        """All of them at one go; one after the other when one of them fails."""
        try:
            async with self._transaction.part():
                olds = await self._olds(items)
                return [
                    await self._deed.do(self._ctx, it, olds.get(it.row_id))
                    for it in items
                ]
        except Exception as error:
            if self._fault(error) is None:
                raise
        return [await self._alone(item) for item in items]

    async def _alone(self, item: Item) -> Outcome:
        try:
            async with self._transaction.part():
                olds = await self._olds([item])
                return await self._deed.do(self._ctx, item, olds.get(item.row_id))
        except Exception as error:
            problem = self._fault(error)
            if problem is None:
                raise
            errors = spoken(problem, self._catalog)
            return Outcome(item.number, item.row_id, errors=errors)

    def _fault(self, error: Exception) -> Problem | None:
        """What is wrong with the row; None if it is not the row's fault."""
        known = error if isinstance(error, Problem) else None
        known = known or translate(error, self._breaches)
        return None if known is None or known.status >= OURS else known

    async def _olds(self, items: Sequence[Item]) -> Mapping[UUID | None, Any]:
        """The rows as they are before, locked."""
        if not self._deed.takes_old:
            return {}
        writer = self._deed.api.writer
        scope = writer.scoping.of(self._ctx.actor, "read", "update")
        args = () if scope is None else scope.args
        statement = writer.lock if scope is None else writer.locking(scope)
        ids = [it.row_id for it in items]
        rows = await self._transaction.fetch(statement, ids, *args)
        return {row["id"]: row for row in rows}


def _parts(items: Sequence[Item]) -> Sequence[Sequence[Item]]:
    return [items[at : at + PART] for at in range(0, len(items), PART)]
