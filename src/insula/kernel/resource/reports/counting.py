"""Counting: the figures of a declared report, of the rows that a caller reaches."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.database.session import Statement
from insula.kernel.foundation.words import Words
from insula.kernel.resource.aggregates.asking import Question
from insula.kernel.resource.aggregates.grouping import Naming
from insula.kernel.resource.aggregates.telling import (
    namings_of,
    scopes_of,
    told_group,
    zone_of,
)
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.measuring import Grouping
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.querying.selecting import Selection
from insula.kernel.resource.reports.asking import by_period, picking, read_span
from insula.kernel.resource.reports.declaration import Report, Span
from insula.kernel.resource.reports.inquiry import Inquiry
from insula.kernel.resource.reports.labelling import axis_of, scale_of
from insula.kernel.resource.reports.preparing import Prepared, prepare
from insula.kernel.resource.reports.statements import (
    kept_apart,
    reporting,
    since,
    until,
)
from insula.kernel.resource.statements import Numbers
from insula.kernel.resource.writing import Writer

MOST_SHAPES = 16
RELATIVE = "@"
"""In values that stand for another thing each time: ``@me``, ``@now``."""


class Asked(NamedTuple):
    """A question about a report, checked, before anything is read."""

    span: Span
    question: Question
    selection: Selection
    namings: tuple[Naming, ...]

    @property
    def form(self) -> tuple[object, ...]:
        """Everything about it but the values."""
        reaches = tuple((it.place, it.reach) for it in self.namings)
        hidden, where = self.selection.selector.offer.hidden, self.selection.where
        since, until = self.span.since is None, self.span.until is None
        return where, hidden, self.question, reaches, since, until


class Counter:
    """Works out one declared report; ``writers`` are those of all resources."""

    def __init__(
        self, report: Report, api: ResourceApi, writers: Mapping[Any, Writer]
    ) -> None:
        self.report, self._api, self._writers = report, api, writers
        self._prepared: Prepared = prepare(report)
        self._statements: OrderedDict[object, Statement] = OrderedDict()

    def may_be_seen(self, ctx: Context) -> bool:
        """Whether nothing of it is hidden from somebody."""
        return not self._prepared.reads & self._api.writer.masking.of(ctx.actor).hide

    async def ask(self, ctx: Context, call: Call) -> Inquiry:
        """What a query asks for; raises ``BadQuery``."""
        query, span = call.query, read_span(call.query, zone_of(ctx))
        if self._prepared.period is None and (span.since or span.until):
            raise BadQuery(reason=Words("this report is of no time"))
        picked = picking(query)
        await self._api.lister.offer.know(ctx, picked)
        selection = self._api.selection(ctx, picked)
        question = by_period(self._prepared.question, query)
        namings = namings_of(self._api, self._writers, question.groups, ctx)
        asked = Asked(span, question, selection, tuple(namings))
        facets = self._api.shape.facets
        return Inquiry(
            span,
            key=repr(
                (asked.form, span, selection.args, *scopes_of(asked.namings, ctx))
            ),
            lasting=not any(RELATIVE in it for it in query.values()),
            axes=[axis_of(facets[it.field], it) for it in question.groups],
            scales=[scale_of(it) for it in question.measures],
            work_out=partial(self._figures, ctx, asked),
        )

    async def _figures(self, ctx: Context, asked: Asked) -> bytes:
        """Rows and totals as JSON, read by one statement."""
        statement, limit = self._statement(asked), self.report.limit
        days = [it for it in (asked.span.since, asked.span.until) if it is not None]
        scopes = scopes_of(asked.namings, ctx)
        values = (*asked.selection.args, *days, limit + 1, *scopes)
        found: Sequence[Any] = await ctx.session.fetch(
            statement, asked.span.zone, *values
        )
        question, namings = asked.question, asked.namings
        rows = [told_group(question, namings, it) for it in found if not it["total"]]
        totals = [self._total(question, it) for it in found if it["total"]]
        if not set(question.groups) - set(self._apart(question)):
            totals = rows
        told = {"rows": rows[:limit], "totals": totals, "truncated": len(rows) > limit}
        return msgspec.json.encode(told)

    @staticmethod
    def _apart(question: Question) -> list[Grouping]:
        return [it for it in question.groups if it.name in kept_apart(question)]

    def _total(self, question: Question, record: Sequence[Any]) -> dict[str, Any]:
        whole = told_group(question, (), record)
        apart = {it.name for it in self._apart(question)}
        group = {name: it for name, it in whole["group"].items() if name in apart}
        return {**whole, "group": group}

    def _statement(self, asked: Asked) -> Statement:
        """What answers questions of this form, whatever the values."""
        found = self._statements.get(asked.form)
        if found is None:
            table, facets = self._api.resource.table.name, self._api.shape.facets

            def within(numbers: Numbers) -> str:
                return self._within(asked, numbers)

            question, namings = asked.question, asked.namings
            found = reporting(table, facets, question, namings, within)
            self._statements[asked.form] = found
            if len(self._statements) > MOST_SHAPES:
                self._statements.popitem(last=False)
        self._statements.move_to_end(asked.form)
        return found

    def _within(self, asked: Asked, numbers: Numbers) -> str:
        """The rows that are asked for, of those that the report is about."""
        found = asked.selection.sql(numbers)
        if self._prepared.condition.sql:
            found += f" AND {self._prepared.condition.sql}"
        days = (asked.span.since, since), (asked.span.until, until)
        moment = self._api.shape.facets.get(self._prepared.period or "")
        for day, write in days:
            if day is not None and moment is not None:
                found += f" AND {write(moment, numbers)}"
        return found
