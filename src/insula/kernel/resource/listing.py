"""Lists: from a caller's query to one of few SQL shapes, and on to the next page."""

import base64
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from pydantic import TypeAdapter, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import Call, Parameter, Reply
from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import BadRequest
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.schemas import row_struct
from insula.kernel.resource.scoping import Scoping
from insula.kernel.resource.shape import Facet, Shape
from insula.kernel.resource.statements import Condition, Page, listing

PER_PAGE, MOST_PER_PAGE = 15, 100
LITERAL_LIMITS = (15, 20, 25, 50, 100)
"""Sizes with a SQL text of their own; any other is fetched as the next of these."""
MOST_SHAPES = 256
MOST_TERMS = 20
OPERATORS = {"==": "=", "=lt=": "<", "=le=": "<=", "=gt=": ">", "=ge=": ">="}
RESERVED = frozenset(
    {"cursor", "per_page", "sort", "fields", "filter", "scope", "deleted"}
)


class BadQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison that a caller asks for, its values still text."""

    field: str
    operator: str
    values: tuple[str, ...]


def terms(query: Mapping[str, str]) -> list[Term]:
    """The comparisons of a query: ``field=value`` and ``filter=a==b;c=in=(d,e)``.

    This is the seam for the full query language: whatever parses it hands over terms.
    """
    found = [
        Term(name, "==", (value,))
        for name, value in query.items()
        if name not in RESERVED
    ]
    text = query.get("filter")
    if text is not None:
        found += [_term(part) for part in text.split(";")]
    if len(found) > MOST_TERMS:
        raise BadQuery(reason=Words("at most {limit} comparisons", limit=MOST_TERMS))
    return found


def _term(text: str) -> Term:
    for operator in ("=in=", *OPERATORS):
        field, found, value = text.partition(operator)
        if found and field:
            break
    else:
        raise BadQuery(
            reason=Words(
                "'{text}' is no comparison such as state==down", text=text[:80]
            )
        )
    if operator != "=in=":
        return Term(field, operator, (value,))
    if not (value.startswith("(") and value.endswith(")")):
        raise BadQuery(reason=Words("write {field}=in=(a,b)", field=field))
    return Term(field, "IN", tuple(value[1:-1].split(",")))


class Question(NamedTuple):
    """What a caller asks of a list, without the values."""

    comparisons: tuple[tuple[str, str], ...]
    sort: str
    fields: str | None
    deleted: bool
    reach: Reach


@dataclass(frozen=True, slots=True)
class Plan:
    """What one shape of list needs: its SQL, and how its rows become JSON."""

    statement: Statement
    row: type[msgspec.Struct]
    width: int
    id_at: int
    sort_at: int | None
    limit: tuple[int, ...]
    """The limit as the last argument, where the statement takes it so."""


class Lister:
    """Answers the lists of one resource."""

    def __init__(
        self, resource: Resource[Any], shape: Shape, secret: bytes, scoping: Scoping
    ) -> None:
        self._resource, self._shape, self._secret = resource, shape, secret
        self._scoping = scoping
        self._filters = {it.key: shape.facets[it.key] for it in resource.filters}
        self._sorts = {it.key: shape.facets[it.key] for it in resource.sort}
        self._readable = {facet.name: facet for facet in shape.readable}
        self._adapters: dict[str, TypeAdapter[Any]] = {
            name: TypeAdapter(facet.annotation)
            for name, facet in {**self._filters, **self._sorts}.items()
        }
        self._scopes = dict(resource.scopes)
        self._plans: OrderedDict[object, Plan] = OrderedDict()

    def without(self, hidden: frozenset[str]) -> "Lister":
        """The same for whom some fields do not exist."""
        lister = copy(self)
        lister._filters = _others(self._filters, hidden)
        lister._sorts = _others(self._sorts, hidden)
        lister._readable = _others(self._readable, hidden)
        lister._scopes = {
            name: it for name, it in self._scopes.items() if it[0].key not in hidden
        }
        lister._plans = OrderedDict()
        return lister

    async def __call__(self, ctx: Context, call: Call) -> Reply:
        """One page of rows, the newest first unless the caller sorts."""
        query = call.query
        per_page = self._per_page(query)
        found = terms(query) if query.keys() - {"per_page", "cursor"} else []
        if "scope" in query:
            found.append(self._scope(query["scope"]))
        scope = self._scoping.of(ctx.actor, "read")
        question = Question(
            tuple((term.field, term.operator) for term in found),
            query.get("sort", "-id"),
            query.get("fields"),
            self._deleted(query),
            Reach.all if scope is None else scope.reach,
        )
        values = [self._value(term) for term in found]
        bound = self._bound(ctx, question, values)
        after = self._after(query.get("cursor"), bound, question.sort)
        plan = self._plan(question, per_page, after=bool(after))
        within = () if scope is None else scope.args
        given = *values, *within, *after, *plan.limit
        rows = await ctx.session.fetch(plan.statement, *given)
        return self._reply(plan, rows, per_page, bound)

    def _reply(
        self, plan: Plan, rows: Sequence[Any], per_page: int, bound: bytes
    ) -> Reply:
        row, width = plan.row, plan.width
        page = rows if len(rows) <= per_page else rows[:per_page]
        if page and len(page[0]) == width:
            out = [row(*record) for record in page]
        else:
            out = [row(*tuple(record)[:width]) for record in page]
        reply = Reply(msgspec.json.encode(out), per_page=per_page)
        if len(rows) > per_page:
            last = page[-1]
            value = None if plan.sort_at is None else last[plan.sort_at]
            reply.next_cursor = self._cursor(bound, value, last[plan.id_at])
        return reply

    @staticmethod
    def _per_page(query: Mapping[str, str]) -> int:
        text = query.get("per_page")
        if text is None:
            return PER_PAGE
        if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
            raise BadQuery(
                reason=Words(
                    "per_page is a number from 1 to {most}", most=MOST_PER_PAGE
                )
            )
        return min(int(text), MOST_PER_PAGE)

    @staticmethod
    def _deleted(query: Mapping[str, str]) -> bool:
        text = query.get("deleted", "no")
        if text not in ("no", "only"):
            raise BadQuery(reason=Words("deleted is 'no' or 'only'"))
        return text == "only"

    def _scope(self, name: str) -> Term:
        scope = self._scopes.get(name)
        if scope is None:
            offered = ", ".join(self._scopes) or "none"
            raise BadQuery(
                reason=Words(
                    "no scope is '{name}'; scopes: {offered}",
                    name=name[:80],
                    offered=offered,
                )
            )
        attribute, values = scope
        return Term(attribute.key, "IN", tuple(str(value) for value in values))

    def _value(self, term: Term) -> Any:
        if term.field not in self._filters:
            offered = ", ".join(sorted(self._filters)) or "none"
            raise BadQuery(
                reason=Words(
                    "cannot filter by '{name}'; filters: {offered}",
                    name=term.field[:80],
                    offered=offered,
                )
            )
        if "\x00" in "".join(term.values):
            raise BadQuery(reason=Words("a value contains a NUL character"))
        adapter = self._adapters[term.field]
        try:
            found = [adapter.validate_strings(value) for value in term.values]
        except ValidationError:
            raise BadQuery(
                reason=Words("'{name}' has another kind of value", name=term.field)
            ) from None
        return found if term.operator == "IN" else found[0]

    def _plan(self, question: Question, per_page: int, *, after: bool) -> Plan:
        limit = next(size for size in LITERAL_LIMITS if size >= per_page)
        key = (question, limit, after)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._compile(question, limit, after=after)
            if len(self._plans) > MOST_SHAPES:
                self._plans.popitem(last=False)
        else:  # odd questions push out each other, never the common ones
            self._plans.move_to_end(key)
        return plan

    def _compile(self, question: Question, limit: int, *, after: bool) -> Plan:
        shown = self._shown(question.fields)
        sorted_by = self._sorted_by(question.sort)
        extra = {"id": self._shape.facets["id"]}
        # An equality has one good plan. A range or a choice has one for few rows and
        # another for many: with a literal limit PostgreSQL soon settles on the second.
        settled = all(operator == "==" for _, operator in question.comparisons)
        if sorted_by is not None:
            extra[sorted_by.name] = sorted_by
        fetched = tuple({**{facet.name: facet for facet in shown}, **extra}.values())
        page = Page(
            fields=fetched,
            conditions=tuple(
                Condition(self._filters[name], OPERATORS.get(operator, operator))
                for name, operator in question.comparisons
            ),
            sort=sorted_by,
            descending=question.sort.startswith("-"),
            after=after,
            limit=limit if settled else None,
            deleted=question.deleted if self._shape.trashable else None,
        )
        places = [facet.name for facet in fetched]
        return Plan(
            statement=listing(
                self._resource.table.name,
                page,
                partial(self._scoping.sql, reach=question.reach),
            ),
            row=row_struct(self._resource.type, shown),
            width=len(shown),
            id_at=places.index("id"),
            sort_at=None if sorted_by is None else places.index(sorted_by.name),
            limit=() if settled else (limit + 1,),
        )

    def _shown(self, fields: str | None) -> tuple[Facet, ...]:
        if fields is None:
            return tuple(self._readable.values())
        asked = dict.fromkeys(["id", *fields.split(",")])
        asked.pop("type", None)
        unknown = [name for name in asked if name not in self._readable]
        if unknown:
            raise BadQuery(
                reason=Words("there is no field '{name}'", name=unknown[0][:80])
            )
        return tuple(self._readable[name] for name in asked)

    def _sorted_by(self, sort: str) -> Facet | None:
        name = sort.removeprefix("-")
        if name == "id":
            return None
        if name not in self._sorts:
            offered = ", ".join(sorted({"id", *self._sorts}))
            raise BadQuery(
                reason=Words(
                    "cannot sort by '{name}'; sorts: {offered}",
                    name=name[:80],
                    offered=offered,
                )
            )
        return self._sorts[name]

    def _bound(self, ctx: Context, question: Question, values: Sequence[Any]) -> bytes:
        """What a cursor is good for: this tenant, actor, and question."""
        actor = ctx.actor.id
        return msgspec.json.encode(
            (ctx.tenant.id, actor, self._resource.name, question, values)
        )

    def _seal(self, bound: bytes, position: bytes) -> bytes:
        sealed = hashlib.blake2b(bound, digest_size=16, key=self._secret)
        sealed.update(position)
        return sealed.digest()

    def _cursor(self, bound: bytes, value: Any, row_id: UUID) -> str:
        position = msgspec.json.encode((value, row_id))
        sealed = base64.urlsafe_b64encode(self._seal(bound, position) + position)
        return sealed.rstrip(b"=").decode()

    def _after(self, cursor: str | None, bound: bytes, sort: str) -> list[Any]:
        if cursor is None:
            return []
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raise BadQuery(reason=Words("the cursor is damaged")) from None
        seal, position = raw[:16], raw[16:]
        if not hmac.compare_digest(seal, self._seal(bound, position)):
            raise BadQuery(reason=Words("the cursor belongs to another list"))
        value, row_id = msgspec.json.decode(position, type=tuple[Any, UUID])
        sorted_by = self._sorted_by(sort)
        if sorted_by is None:
            return [row_id]
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return [self._adapters[sorted_by.name].validate_strings(text), row_id]

    def parameters(self) -> tuple[Parameter, ...]:
        """The query parameters that this list understands."""
        sorts = [way + name for name in ("id", *self._sorts) for way in ("", "-")]
        size = {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE}
        known = (
            Parameter("per_page", "Rows a page.", {**size, "default": PER_PAGE}),
            Parameter(
                "cursor", "Where the page starts: `meta.pagination.next_cursor`."
            ),
            Parameter("sort", "Order; `-` turns it.", {"enum": sorts}),
            Parameter("fields", "The fields to answer with, separated by commas."),
            Parameter("filter", "Comparisons such as `a==b;c=in=(d,e)`."),
            Parameter("deleted", "`only` lists the trash.", {"enum": ["no", "only"]}),
        )
        filters = (
            Parameter(name, f"Only rows whose `{name}` is this.", _plain(adapter))
            for name, adapter in self._adapters.items()
            if name in self._filters
        )
        scopes = list(self._resource.scopes)
        named = Parameter("scope", "A selection by its name.", {"enum": scopes})
        return (*known, *filters, *([named] if scopes else []))


def _others(facets: Mapping[str, Facet], hidden: frozenset[str]) -> dict[str, Facet]:
    return {name: it for name, it in facets.items() if name not in hidden}


def _plain(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    schema = adapter.json_schema()
    options = schema.get("anyOf")
    if options:
        schema = next(it for it in options if it.get("type") != "null")
    return {name: it for name, it in schema.items() if name != "default"}
