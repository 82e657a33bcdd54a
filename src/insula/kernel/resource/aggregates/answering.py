"""Answering: aggregates of the rows that a caller's list would be of."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Statement
from insula.kernel.resource.aggregates.asking import (
    OWN,
    Question,
    read_limit,
    read_question,
)
from insula.kernel.resource.aggregates.grouping import Naming, grouping
from insula.kernel.resource.aggregates.telling import (
    namings_of,
    scopes_of,
    told_group,
    zone_of,
)
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.querying.selecting import Selection
from insula.kernel.resource.writing import Writer

MOST_SHAPES = 64


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
        await self.api.lister.offer.know(ctx, picking)
        selection = self.api.selection(ctx, picking)
        question = read_question(selection.selector.offer, query)
        limit, zone = read_limit(query), zone_of(ctx)
        namings = tuple(namings_of(self.api, self._writers, question.groups, ctx))
        statement = self._statement(selection, question, namings)
        given = (zone, *selection.args, limit + 1, *scopes_of(namings, ctx))
        found: Sequence[Any] = await ctx.session.fetch(statement, *given)
        groups = [told_group(question, namings, it) for it in found[:limit]]
        meta = {"zone": zone, "truncated": len(found) > limit}
        return Reply(msgspec.json.encode(groups), meta=meta)

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
