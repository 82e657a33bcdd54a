"""Lists: from a caller's query to one of few SQL shapes, and on to the next page."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import FARTHEST, Call, Parameter, Reply
from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.words import Words
from insula.kernel.resource.querying.cursors import Cursors
from insula.kernel.resource.querying.describing import parameters, shaping
from insula.kernel.resource.querying.includes import Includes, Part
from insula.kernel.resource.querying.nesting import added, values_for, wanted
from insula.kernel.resource.querying.offer import Key, Offer
from insula.kernel.resource.querying.pages import Page, listing, reading
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.querying.selecting import (
    FIELDS_OF,
    NEWEST,
    Searches,
    Selection,
    Selector,
    Where,
    select,
)
from insula.kernel.resource.querying.tagging import TAGS, Beside, mark_of, tags_of
from insula.kernel.resource.schemas import row_struct
from insula.kernel.resource.searching.ranking import RANK, RANKING
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.writing import Writer

__all__ = ["BadQuery", "Lister"]

PER_PAGE, MOST_PER_PAGE = 15, 100
LITERAL_LIMITS = (15, 20, 25, 50, 100)
"""Sizes with a SQL text of their own; any other is fetched as the next of these."""
MOST_SHAPES = 256


class Question(NamedTuple):
    """What a caller asks of a list, without the values."""

    where: Where
    sort: str
    fields: str | None
    parts: tuple[Part, ...]
    limit: int
    after: bool
    counted: bool


class Asked(NamedTuple):
    """What a caller asks of one row, without the values."""

    where: Where
    fields: str | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one shape of list needs: its SQL, and how its rows become JSON."""

    statement: Statement
    row: type[msgspec.Struct]
    width: int
    keys: tuple[Key, ...]
    places: tuple[int, ...]
    """Where in a record the keys are."""
    limit: tuple[int, ...]
    """The limit as an argument, where the statement takes it so."""


class Lister:
    """Answers the lists of one resource, and single rows with what belongs to them."""

    def __init__(
        self,
        writer: Writer,
        secret: bytes,
        includes: Includes,
        search: Searches | None = None,
    ) -> None:
        resource, shape = writer.resource, writer.shape
        self._writer, self._includes = writer, includes
        self.offer = Offer(resource, shape, writer.custom)
        self._selector = Selector(self.offer, shape, writer.scoping, search)
        beside = [tags_of(resource.name)] if resource.tags else []
        self.beside: tuple[Beside, ...] = tuple(beside)
        self._cursors = Cursors(resource.name, secret, self.offer.adapters)
        self._plans: OrderedDict[object, Any] = OrderedDict()

    def without(self, hidden: frozenset[str]) -> "Lister":
        """The same for whom some fields do not exist."""
        lister = copy(self)
        lister._selector = self._selector.without(hidden)
        lister.offer = lister._selector.offer
        lister.beside = tuple(it for it in self.beside if it.name not in hidden)
        lister._plans = OrderedDict()
        return lister

    async def __call__(self, ctx: Context, call: Call) -> Reply:
        """One page of rows, the newest first unless the caller sorts."""
        query = call.query
        await self.offer.know(ctx, query)
        per_page, number = _per_page(query), _number(query)
        scope = self._writer.scoping.of(ctx.actor, "read")
        where, given = self._selector.where(ctx, query, scope, ranked=True)
        parts = self._parts(ctx, query) if "include" in query else ()
        after = "cursor" in query
        question = Question(
            where,
            self.offer.order(ctx, query, NEWEST),
            query.get("fields"),
            parts,
            next(size for size in LITERAL_LIMITS if size >= per_page),
            after,
            number is not None,
        )
        plan: Plan = self._kept(question) or self._compiled(question)
        if after:
            given += self._cursors.read(ctx, query, where.reach, plan.keys)
        elif number is not None:
            given.append(_offset(number, per_page))
        given += plan.limit
        if parts:
            given += values_for(parts, ctx)
        rows = await ctx.session.fetch(plan.statement, *given)
        if number is not None:
            return _numbered(plan, rows, number, per_page)
        reply = _reply(plan, rows, per_page)
        if len(rows) > per_page:
            last = [rows[per_page - 1][place] for place in plan.places]
            reply.next_cursor = self._cursors.make(ctx, query, where.reach, last)
        return reply

    def _parts(self, ctx: Context, query: Mapping[str, str]) -> tuple[Part, ...]:
        if "include" in query or any(name.startswith(FIELDS_OF) for name in query):
            return self._includes.asked(self._writer, ctx, query)
        return ()

    def _kept(self, question: Question | Asked) -> Any:
        plan = self._plans.get(question)
        if plan is not None:  # odd questions push out each other, never the common ones
            self._plans.move_to_end(question)
        return plan

    def _keep(self, question: Question | Asked, plan: Plan) -> Plan:
        self._plans[question] = plan
        if len(self._plans) > MOST_SHAPES:
            self._plans.popitem(last=False)
        return plan

    def _compiled(self, question: Question) -> Plan:
        keys = self.offer.keys(question.sort)
        if question.where.ranked:
            keys = (Key(RANKING, descending=False), *keys)
        shown, beside = self._shown(question.fields)
        extra = self._extra(shown, [key.facet.name for key in keys], question.parts)
        settled = question.where.settled and not question.counted
        page = Page(
            shown,
            extra,
            question.parts,
            keys,
            question.after,
            question.limit if settled else None,
            beside,
            question.counted,
        )
        within = partial(self._selector.sql, question.where)
        table = self._writer.resource.table.name
        source = partial(self._selector.source, table, question.where)
        statement = listing(source, page, within)
        limit = () if settled else (question.limit + 1,)
        return self._keep(question, self._plan(statement, page, limit))

    def _shown(
        self, fields: str | None
    ) -> tuple[tuple[Facet, ...], tuple[Beside, ...]]:
        """The fields to answer with, and what comes beside them."""
        if fields is None or not self.beside:
            return self.offer.shown(fields), self.beside
        asked = fields.split(",")
        beside = tuple(it for it in self.beside if it.name in asked)
        apart = {it.name for it in beside}
        rest = [name for name in asked if name not in apart] or ["id"]
        return self.offer.shown(",".join(rest)), beside

    def _extra(
        self, shown: Sequence[Facet], keys: Sequence[str], parts: Sequence[Part]
    ) -> tuple[Facet, ...]:
        """What the statement needs of a row beyond what is shown of it."""
        known = {facet.name for facet in shown}
        needed = dict.fromkeys((*keys, *wanted(parts)))
        facets = {**self._writer.shape.facets, RANK: RANKING}
        return tuple(facets[name] for name in needed if name not in known)

    def _plan(self, statement: Statement, page: Page, limit: tuple[int, ...]) -> Plan:
        before = [facet.name for facet in page.shown]
        before += [it.name for it in page.beside] + added(page.parts)
        places = before + [facet.name for facet in page.extra]
        return Plan(
            statement,
            row_struct(self._writer.resource.type, before),
            len(before),
            page.keys,
            tuple(places.index(key.facet.name) for key in page.keys),
            limit,
        )

    async def one(self, ctx: Context, call: Call, key: UUID) -> tuple[bytes, Any, str]:
        """One row as the query wants it, as JSON, and its version if it has one.

        The third tells apart what comes beside a version's fields. Raises ``NotFound``.
        """
        query = call.query
        scope = self._writer.scoping.of(ctx.actor, "read")
        where = Where((), False, Reach.all if scope is None else scope.reach, False)
        parts = self._parts(ctx, query)
        asked = Asked(where, query.get("fields"), parts)
        plan: Plan = self._kept(asked) or self._compiled_one(asked)
        given = [key, *(() if scope is None else scope.args), *values_for(parts, ctx)]
        rows = await ctx.session.fetch(plan.statement, *given)
        if not rows:
            raise NotFound
        (record,) = rows
        row = msgspec.json.encode(plan.row(*tuple(record)[: plan.width]))
        mark = mark_of(record[TAGS]) if self.beside and TAGS in record else ""
        return row, record[plan.places[0]] if plan.places else None, mark

    def _compiled_one(self, asked: Asked) -> Plan:
        shown, beside = self._shown(asked.fields)
        version = self._writer.shape.facets.get("version")
        keys = () if version is None else (Key(version, descending=False),)
        extra = self._extra(shown, [key.facet.name for key in keys], asked.parts)
        page = Page(
            shown, extra, asked.parts, keys, after=False, limit=1, beside=beside
        )
        within = partial(self._selector.sql, asked.where)
        statement = reading(self._writer.resource.table.name, page, within)
        return self._keep(asked, self._plan(statement, page, ()))

    def selection(
        self, ctx: Context, query: Mapping[str, str], *actions: str
    ) -> Selection:
        """The rows that a list's query is about, for whoever may do all this to them."""
        scope = self._writer.scoping.of(ctx.actor, "read", *actions)
        return select(self._selector, ctx, query, scope)

    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the list, for its documentation."""
        return tuple(
            parameters(
                self.offer,
                self._includes.of(self._writer),
                usual=PER_PAGE,
                most=MOST_PER_PAGE,
                searched=self._selector.searches,
            )
        )

    def shaping(self) -> tuple[Parameter, ...]:
        """The parameters of one row."""
        return tuple(shaping(self.offer, self._includes.of(self._writer)))


def _per_page(query: Mapping[str, str]) -> int:
    text = query.get("per_page")
    if text is None:
        return PER_PAGE
    if not _counts(text):
        words = Words("per_page is a number from 1 to {most}", most=MOST_PER_PAGE)
        raise BadQuery(reason=words)
    return min(int(text), MOST_PER_PAGE)


def _number(query: Mapping[str, str]) -> int | None:
    """Which of the numbered pages, if it is one."""
    text = query.get("page")
    if text is None:
        return None
    if "cursor" in query:
        raise BadQuery(reason=Words("a page has a number or a cursor, not both"))
    if not _counts(text):
        raise BadQuery(reason=Words("page is a number from 1 on"))
    return int(text)


def _counts(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0


def _offset(number: int, per_page: int) -> int:
    if number * per_page > FARTHEST:
        raise BadQuery(
            reason=Words(
                "numbered pages end after {limit} rows: go on by `next_cursor`,"
                " or narrow the list by a filter",
                limit=FARTHEST,
            )
        )
    return (number - 1) * per_page


def _encoded(plan: Plan, rows: Sequence[Any]) -> bytes:
    """The rows as JSON."""
    row, width = plan.row, plan.width
    if rows and len(rows[0]) == width:
        return msgspec.json.encode([row(*record) for record in rows])
    return msgspec.json.encode([row(*tuple(record)[:width]) for record in rows])


def _reply(plan: Plan, rows: Sequence[Any], per_page: int) -> Reply:
    page = rows if len(rows) <= per_page else rows[:per_page]
    return Reply(_encoded(plan, page), per_page=per_page)


def _numbered(plan: Plan, rows: Sequence[Any], number: int, per_page: int) -> Reply:
    """One of the numbered pages; there is a row without an id where it is empty."""
    (place,) = (
        at
        for key, at in zip(plan.keys, plan.places, strict=True)
        if key.facet.name == "id"
    )
    page = [it for it in rows[:per_page] if it[place] is not None]
    reply = Reply(_encoded(plan, page), per_page=per_page)
    reply.page, reply.total = number, rows[0][len(rows[0]) - 1]
    return reply
