"""Answering: aggregates of the rows that a caller's list would be of."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Statement
from insula.kernel.resource.aggregates.asking import (
    OWN,
    Question,
    read_limit,
    read_question,
)
from insula.kernel.resource.aggregates.grouping import Naming, grouping
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.measures import Function, Measured
from insula.kernel.resource.querying.includes import readable
from insula.kernel.resource.querying.selecting import Selection
from insula.kernel.resource.writing import Writer

MOST_SHAPES = 64
DECIMALS = 6
"""To which means are rounded."""


class Aggregator:
    """Works out the measures of one resource; ``writers`` are those of all."""

    def __init__(self, api: ResourceApi, writers: Mapping[Any, Writer]) -> None:
        self.api, self._writers = api, writers
        self._table = api.resource.table.name
        self._statements: OrderedDict[object, Statement] = OrderedDict()

    async def __call__(self, ctx: Context, call: Call) -> Reply:
        """The groups of the rows that the query picks, and what they come to."""
        query = call.query
        picking = {name: it for name, it in query.items() if name not in OWN}
        selection = self.api.selection(ctx, picking)
        question = read_question(selection.selector.offer, query)
        limit, zone = read_limit(query), _zone(ctx.tenant.zone)
        namings = tuple(self._namings(question, ctx))
        statement = self._statement(selection, question, namings)
        scopes = [it for naming in namings for it in _scope_of(naming, ctx)]
        given = (zone, *selection.args, limit + 1, *scopes)
        found: Sequence[Any] = await ctx.session.fetch(statement, *given)
        groups = [self._group(question, namings, it) for it in found[:limit]]
        meta = {"zone": zone, "truncated": len(found) > limit}
        return Reply(msgspec.json.encode(groups), meta=meta)

    def _namings(self, question: Question, ctx: Context) -> Iterator[Naming]:
        """The titles that somebody may read of what groups are about."""
        tables = {it.resource.table.name: it for it in self._writers.values()}
        for place, group in enumerate(question.groups):
            target = tables.get(self.api.shape.facets[group.field].field.target or "")
            if target is None or not readable(target.resource, ctx):
                continue
            title = target.resource.title
            if title is None or title in target.masking.of(ctx.actor).hide:
                continue
            scope = target.scoping.of(ctx.actor, "read")
            reach = Reach.all if scope is None else scope.reach
            yield Naming(place, target, title, reach)

    def _statement(
        self, selection: Selection, question: Question, namings: Sequence[Naming]
    ) -> Statement:
        """What answers questions of this form, whatever the values."""
        reaches = tuple((it.place, it.reach) for it in namings)
        form = selection.where, selection.selector.offer.hidden, question, reaches
        found = self._statements.get(form)
        if found is None:
            facets = self.api.shape.facets
            within = partial(selection.selector.sql, selection.where)
            found = grouping(self._table, facets, question, namings, within)
            self._statements[form] = found
            if len(self._statements) > MOST_SHAPES:
                self._statements.popitem(last=False)
        self._statements.move_to_end(form)
        return found

    def _group(
        self, question: Question, namings: Sequence[Naming], record: Sequence[Any]
    ) -> dict[str, Any]:
        groups, measures = question.groups, question.measures
        titles = len(groups) + len(measures)
        return {
            "group": {it.name: record[at] for at, it in enumerate(groups)},
            "labels": {
                groups[it.place].name: record[titles + at]
                for at, it in enumerate(namings)
                if record[titles + at] is not None
            },
            "measures": {
                it.name: self._value(it, record[len(groups) + at])
                for at, it in enumerate(measures)
            },
        }

    def _value(self, measure: Measured, value: Any) -> Any:
        """A number as JSON has them; a sum of whole ones is one, however large."""
        if not isinstance(value, Decimal):
            return value
        field = self.api.shape.facets[measure.field or ""]
        if measure.function is Function.sum and field.cast in ("bigint", "integer"):
            return int(value)
        if measure.function is Function.average and value.is_finite():
            return float(round(value, DECIMALS))
        return float(value)


def _zone(name: str | None) -> str:
    """The tenant's time zone; one that is none counts as UTC."""
    try:
        return ZoneInfo(name or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"


def _scope_of(naming: Naming, ctx: Context) -> tuple[Any, ...]:
    scope = naming.target.scoping.of(ctx.actor, "read")
    return () if scope is None else scope.args
