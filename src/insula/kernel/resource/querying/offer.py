"""Offers: the one list of what a query may reach of a resource.

Filter, sort, sparse fields, includes, aggregates and search all ask it, so that a field
that is hidden from somebody exists for none of them (PITFALLS 24).
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.foundation.words import Words
from insula.kernel.resource.custom.book import CustomColumns
from insula.kernel.resource.custom.fields import CUSTOM
from insula.kernel.resource.custom.fields import PREFIX as CUSTOM_PREFIX
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.querying.conditions import (
    EQUAL,
    IN,
    IS_NOT_NULL,
    IS_NULL,
    NOT_EQUAL,
    ORDER,
    OUT,
    PREFIX,
    TEXT,
    And,
    Comparison,
    Form,
    Or,
    Tree,
    kind_of,
    operators_of,
    prefix_range,
)
from insula.kernel.resource.querying.custom import CustomOffer, asks_custom
from insula.kernel.resource.querying.problems import BadQuery, clipped, named
from insula.kernel.resource.querying.relative import relative
from insula.kernel.resource.querying.tagging import TAGS, sought_tags
from insula.kernel.resource.shape import Facet, Shape

MOST_KEYS = 4
LONGEST_VALUE = 1024
CALENDAR = frozenset({"date", "timestamptz"})


class Key(NamedTuple):
    """A field by which rows are ordered, and which way."""

    facet: Facet
    descending: bool


class Offer:
    """What there is of a resource for those from whom some fields are hidden."""

    def __init__(
        self,
        resource: Resource[Any],
        shape: Shape,
        custom: CustomColumns | None = None,
    ) -> None:
        self.custom = None if custom is None else CustomOffer(custom, shape)
        self._id = shape.facets["id"]
        self.filters = {it.key: shape.facets[it.key] for it in resource.filters}
        if resource.tags:
            self.filters[TAGS] = sought_tags(resource.name)
        self.sorts = {it.key: shape.facets[it.key] for it in resource.sort}
        self.readable = {facet.name: facet for facet in shape.readable}
        self.scopes = dict(resource.scopes)
        self.measures, self.dimensions = resource.aggregates
        self._operators = {
            name: operators_of(facet) for name, facet in self.filters.items()
        }
        self.hidden: frozenset[str] = frozenset()
        self.adapters: dict[str, TypeAdapter[Any]] = {
            name: TypeAdapter(facet.annotation)
            for name, facet in {"id": self._id, **self.filters, **self.sorts}.items()
        }
        self._slots = {} if self.custom is None else self.custom.slots
        self.adapters |= dict.fromkeys(self._slots, TypeAdapter(str))
        self.compared = {**self.filters, **self._slots}
        """What a condition may be on, as callers name it or by a slot."""

    def without(self, hidden: frozenset[str]) -> "Offer":
        """The same for whom some fields do not exist."""
        offer = copy(self)
        offer.filters = _others(self.filters, hidden)
        offer.custom = None if CUSTOM in hidden else self.custom
        offer.sorts = _others(self.sorts, hidden)
        offer.readable = _others(self.readable, hidden)
        offer.measures = {
            name: it for name, it in self.measures.items() if not it.reads & hidden
        }
        offer.dimensions = {
            name: it for name, it in self.dimensions.items() if it.field not in hidden
        }
        offer.hidden = self.hidden | hidden
        offer.scopes = {
            name: it for name, it in self.scopes.items() if it[0].key not in hidden
        }
        return offer

    def named(self, name: str) -> Comparison:
        """The comparison that a named selection stands for."""
        scope = self.scopes.get(name)
        if scope is None:
            words = Words(
                "no scope is '{name}'; scopes: {offered}",
                name=clipped(name),
                offered=named(self.scopes),
            )
            raise BadQuery(reason=words)
        attribute, values = scope
        return Comparison(attribute.key, IN, tuple(str(value) for value in values))

    def form(self, tree: Tree, ctx: Context, into: list[Any]) -> Form:
        """The form of a tree; its values go ``into`` a list, as the driver takes them."""
        if isinstance(tree, Comparison):
            return self._leaf(tree, ctx, into)
        parts = tuple(self.form(part, ctx, into) for part in tree.parts)
        return ("AND" if isinstance(tree, And) else "OR"), parts

    def _leaf(self, tree: Comparison, ctx: Context, into: list[Any]) -> Form:
        if self.custom is not None and tree.field.startswith(CUSTOM_PREFIX):
            return self.custom.form(tree, ctx, into)
        facet = self.filters.get(tree.field)
        if facet is None:
            words = Words(
                "cannot filter by '{name}'; filters: {offered}",
                name=clipped(tree.field),
                offered=named(sorted(self.filters)),
            )
            raise BadQuery(reason=words)
        operator, texts = tree.operator, tree.values
        if facet.sought is not None:  # with one value there are few rows or many, too
            operator = {EQUAL: IN, NOT_EQUAL: OUT}.get(operator, operator)
        if operator not in self._operators[facet.name]:
            raise BadQuery(
                reason=Words(
                    "'{name}' is not compared by {operator}; it is by {offered}",
                    name=facet.name,
                    operator=operator,
                    offered=named(self._operators[facet.name]),
                )
            )
        if operator == IS_NULL:
            return facet.name, IS_NULL if _truth(facet, texts[0]) else IS_NOT_NULL
        if operator in (IN, OUT):
            into.append([self.value(facet, it, operator, ctx) for it in texts])
        elif operator == PREFIX:
            into.extend(prefix_range(_text(facet, texts[0])))
        else:
            into.append(self.value(facet, texts[0], operator, ctx))
        return facet.name, operator

    def value(self, facet: Facet, text: str, operator: str, ctx: Context) -> Any:
        """A value as its column has them; raises ``BadQuery`` for any other."""
        if text.startswith("@"):
            found = relative(facet.cast, text, ctx)
            if found is not None:
                return found
        if "\x00" in text:
            raise BadQuery(reason=Words("a value contains a NUL character"))
        if operator in ORDER and kind_of(facet) == TEXT:
            return _text(facet, text)
        if kind_of(facet) in CALENDAR and text[4:5] != "-":
            raise _another(facet)  # Pydantic takes a number for seconds since 1970
        try:
            return self.adapters[facet.name].validate_strings(text)
        except (ValidationError, UnicodeEncodeError):
            raise _another(facet) from None

    async def know(self, ctx: Context, query: Mapping[str, str]) -> None:
        """Learn what a query asks of the tenant's fields; the rest may not wait."""
        if self.custom is not None and asks_custom(query):
            await self.custom.know(ctx)

    def order(self, ctx: Context, query: Mapping[str, str], usual: str) -> str:
        """What a query sorts by, as ``keys`` takes it; raises ``BadQuery``."""
        sort = query.get("sort", usual)
        return sort if self.custom is None else self.custom.order(ctx, sort)

    def sorted_forms(self, ctx: Context, query: Mapping[str, str]) -> tuple[Form, ...]:
        """The conditions under which the index of a sort can be followed."""
        sort = query.get("sort")
        if self.custom is None or sort is None:
            return ()
        return self.custom.sorted_forms(ctx, sort)

    def keys(self, sort: str) -> tuple[Key, ...]:
        """By what rows are ordered; the id is always the last, so that none ties."""
        found: list[Key] = []
        known = {"id": self._id, **self.sorts, **self._slots}
        for part in sort.split(","):
            name, descending = part.removeprefix("-"), part.startswith("-")
            if name not in known:
                words = Words(
                    "cannot sort by '{name}'; sorts: {offered}",
                    name=clipped(name),
                    offered=named(sorted({"id", *self.sorts})),
                )
                raise BadQuery(reason=words)
            found.append(Key(known.pop(name), descending))
        if len(found) > MOST_KEYS:
            words = Words("at most {limit} fields to sort by", limit=MOST_KEYS)
            raise BadQuery(reason=words)
        if "id" in known:
            found.append(Key(self._id, found[-1].descending))
        return tuple(found)

    def shown(self, fields: str | None) -> tuple[Facet, ...]:
        """The fields to answer with: those asked for, or all that there are."""
        if fields is None:
            return tuple(self.readable.values())
        asked = dict.fromkeys(["id", *fields.split(",")])
        asked.pop("type", None)
        missing = [name for name in asked if name not in self.readable]
        if missing:
            words = Words("there is no field '{name}'", name=clipped(missing[0]))
            raise BadQuery(reason=words)
        return tuple(self.readable[name] for name in asked)


def _others(facets: Mapping[str, Facet], hidden: frozenset[str]) -> dict[str, Facet]:
    return {name: it for name, it in facets.items() if name not in hidden}


def _another(facet: Facet) -> BadQuery:
    return BadQuery(reason=Words("'{name}' has another kind of value", name=facet.name))


def _truth(facet: Facet, text: str) -> bool:
    if text not in ("true", "false"):
        words = Words("write {name}=isnull=true or false", name=facet.name)
        raise BadQuery(reason=words)
    return text == "true"


def _text(facet: Facet, text: str) -> str:
    """A text to compare with, which need not be one that the field may have."""
    if not text or len(text) > LONGEST_VALUE or "\x00" in text or not _whole(text):
        raise _another(facet)
    return text


def _whole(text: str) -> bool:
    """Whether it has no half of a character, which no database takes."""
    return not any("\ud800" <= it <= "\udfff" for it in text)


def tree_of(parts: Sequence[Tree]) -> Iterable[Tree]:
    """What must all hold, without needless brackets."""
    for part in parts:
        if isinstance(part, And):
            yield from part.parts
        else:
            yield part


def count(tree: Tree) -> int:
    """How many comparisons a tree has."""
    if isinstance(tree, And | Or):
        return sum(map(count, tree.parts))
    return 1
