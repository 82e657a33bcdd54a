"""The plan: all that must be done to make two rows of a resource one, and two again."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from uuid import UUID

from insula.kernel.database.columns import spec
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.merging.pointers import How, Pointer, Pointers
from insula.kernel.resource.merging.statements import (
    BEHIND,
    MINE,
    MOVED,
    Moving,
    above,
    locking_all,
    moving,
)
from insula.kernel.resource.shape import Facet

EMPTY: tuple[object, ...] = (None, "", [], {})

Moves = Mapping[tuple[str, str], Mapping[str, int]]
"""By table and column: how many rows were moved, trashed, changed."""


class Plan:
    """How rows of one resource are merged; worked out when first asked for."""

    def __init__(self, api: ResourceApi, pointers: Pointers) -> None:
        self.api, self.resource = api, api.resource
        self._pointers = pointers

    @cached_property
    def _moving(self) -> tuple[Moving, ...]:
        return tuple(moving(it) for it in self._pointers.to(self.resource))

    @cached_property
    def _locks(self) -> tuple[Statement, ...]:
        tables: dict[str, list[Pointer]] = defaultdict(list)
        for it in self._moving:
            tables[it.pointer.name].append(it.pointer)
        return tuple(locking_all(it) for it in tables.values() if len(it) > 1)

    @cached_property
    def _above(self) -> tuple[Statement, ...]:
        """One for each column in which a row names one that is above it."""
        return tuple(
            above(it.pointer)
            for it in self._moving
            if it.pointer.how is How.reference
            and it.pointer.table is self.resource.table
        )

    def fillable(self) -> Iterator[Facet]:
        """The fields that are taken over where the row that stays has nothing."""
        merge, own = self.resource.merge, str(self.resource.table.name)
        kept = {it.key for it in merge.keep} if merge else set()
        for facet in self.api.shape.changeable:
            empty = facet.nullable or facet.field.default in ("", [], {})
            pointing = spec(self.resource.table.c[facet.name].info).target == own
            if empty and not pointing and facet.name not in kept:
                yield facet

    async def is_above(
        self, transaction: Transaction, other: UUID, survivor: UUID
    ) -> bool:
        """Whether the row that stays would come to lie above itself."""
        for statement in self._above:
            if await transaction.fetch(statement, survivor, other):
                return True
        return False

    async def move(
        self,
        transaction: Transaction,
        merge: UUID,
        moment: datetime,
        other: UUID,
        survivor: UUID,
    ) -> Mapping[str, int]:
        """Have everything point at the survivor; answers how many rows, by resource."""
        link = f"{self.resource.name}:{other}"
        for statement in self._locks:
            await transaction.fetch(statement, other, link)
        counts: Counter[str] = Counter()
        for it in self._moving:
            said = it.pointer.said(other), it.pointer.said(survivor)
            for row in await transaction.fetch(it.there, *said, merge, moment):
                if row["what"] == MOVED:
                    counts[_called(it.pointer)] += row["rows"]
                elif not row["what"].startswith("changed:"):
                    counts[f"{_called(it.pointer)}:{row['what']}"] += row["rows"]
        return dict(counts)

    async def move_back(
        self,
        transaction: Transaction,
        merge: UUID,
        moment: datetime,
        other: UUID,
        survivor: UUID,
    ) -> Mapping[str, int]:
        """Have all that the merge moved point back; how many rows are not there now."""
        noted = {
            (row["source"], row["field"], row["what"]): row["rows"]
            for row in await transaction.fetch(NOTED, merge)
            if row["what"] != BEHIND
        }
        left: Counter[str] = Counter()
        for it in self._moving:
            said = it.pointer.said(other), it.pointer.said(survivor)
            for what, statement in it.back.items():
                key = it.pointer.name, it.pointer.column, what
                expected = noted.pop(key, 0)
                if not expected:
                    continue
                done = await transaction.fetch(statement, *said, merge, moment)
                if what == MOVED or not what.startswith("changed:"):
                    left[_called(it.pointer)] += expected - len(done)
        for (source, _, _), rows in noted.items():  # of apps that are there no more
            left[source] += rows
        return {name: rows for name, rows in left.items() if rows}


NOTED = Statement(
    f"SELECT source, field, what, jsonb_array_length(row_ids) AS rows"  # noqa: S608  # our names
    f" FROM {HOME}.merge_moves WHERE {MINE} AND merge_id = $2::uuid"
)


def _called(pointer: Pointer) -> str:
    """What rows are called in a count: by their resource, or their table."""
    mine = str(pointer.resource.table.name) == pointer.name
    return pointer.resource.name if mine else pointer.name
