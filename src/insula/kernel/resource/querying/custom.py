"""Filters and sorts by custom fields: what a caller writes, by the slots of a tenant.

The same form serves every tenant whose field has the slot, so that plans are not kept
for each of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.database.custom import NO_VALUE
from insula.kernel.foundation.errors import Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.custom.book import CustomColumns
from insula.kernel.resource.custom.fields import PREFIX as CUSTOM_PREFIX
from insula.kernel.resource.custom.fields import AddedField
from insula.kernel.resource.custom.kinds import ORDERED, CustomKind, key_of, said
from insula.kernel.resource.querying.conditions import (
    ANY_KIND,
    EQUAL,
    IN,
    IS_NOT_NULL,
    IS_NULL,
    ORDER,
    OUT,
    PREFIX,
    Comparison,
    Form,
    prefix_range,
)
from insula.kernel.resource.querying.problems import BadQuery, clipped, named
from insula.kernel.resource.querying.relative import relative
from insula.kernel.resource.shape import Shape

ABOVE, BELOW = "=gt=", frozenset({"=lt=", "=le="})
BY_BEGINNING = frozenset({CustomKind.text, CustomKind.email})
CASTS = {
    CustomKind.date: "date",
    CustomKind.datetime: "timestamptz",
    CustomKind.user: "uuid",
}


def custom_operators(field: AddedField) -> tuple[str, ...]:
    """The operators that are offered for a field."""
    found: tuple[str, ...] = ANY_KIND
    if field.kind in ORDERED | BY_BEGINNING:
        found = (*found, *ORDER)
    if field.kind in BY_BEGINNING:
        found = (*found, PREFIX)
    return (*found, IS_NULL)


def asks_custom(query: Mapping[str, str]) -> bool:
    """Whether a query may name a custom field."""
    return any(CUSTOM_PREFIX in it for pair in query.items() for it in pair)


class CustomOffer:
    """What a query may reach of the fields that tenants added to one resource."""

    def __init__(self, columns: CustomColumns, shape: Shape) -> None:
        self._columns = columns
        self.slots = {
            it: replace(shape.facets[it], nullable=False) for it in shape.slots
        }

    async def know(self, ctx: Context) -> None:
        """Learn which fields there are; the rest may not wait."""
        await self._columns.of(ctx)

    def form(self, tree: Comparison, ctx: Context, into: list[Any]) -> Form:
        """The form of a comparison; its values go ``into`` a list, as keys."""
        field, operator = self._field(tree.field, ctx, "filter"), tree.operator
        if operator not in custom_operators(field):
            raise BadQuery(
                reason=Words(
                    "'{name}' is not compared by {operator}; it is by {offered}",
                    name=field.name,
                    operator=operator,
                    offered=named(custom_operators(field)),
                )
            )
        slot = field.slot or ""
        if operator == IS_NULL:
            return self._presence(field, slot, tree.values[0], into)
        if operator == PREFIX:
            into.extend(prefix_keys(field, tree.values[0]))
            return slot, PREFIX
        keys = [_key(field, text, ctx) for text in tree.values]
        if operator in (IN, OUT):
            into.append(keys)
        elif operator in BELOW:  # what has no value is below every other
            into += [NO_VALUE, keys[0]]
            return "AND", ((slot, ABOVE), (slot, operator))
        else:
            into.append(keys[0])
        return slot, operator

    @staticmethod
    def _presence(field: AddedField, slot: str, text: str, into: list[Any]) -> Form:
        if text not in ("true", "false"):
            words = Words("write {name}=isnull=true or false", name=field.name)
            raise BadQuery(reason=words)
        into.append(NO_VALUE)
        return slot, EQUAL if text == "true" else ABOVE

    def order(self, ctx: Context, sort: str) -> str:
        """What a caller sorts by, with slots for custom fields."""
        found = []
        for part in sort.split(","):
            name, sign = part.removeprefix("-"), "-" * part.startswith("-")
            if name.startswith(CUSTOM_PREFIX):
                name = self._field(name, ctx, "sort").slot or ""
            elif name in self.slots:
                raise self._none(name, "sort", ctx)
            found.append(f"{sign}{name}")
        return ",".join(found)

    def sorted_forms(self, ctx: Context, sort: str) -> tuple[Form, ...]:
        """The conditions under which the index of a sort can be followed."""
        if CUSTOM_PREFIX not in sort:
            return ()
        names = (it.removeprefix("-") for it in self.order(ctx, sort).split(","))
        return tuple((name, IS_NOT_NULL) for name in names if name in self.slots)

    def _field(self, name: str, ctx: Context, what: str) -> AddedField:
        key = name.removeprefix(CUSTOM_PREFIX)
        found = self._columns.known(ctx).found_by.get(key)
        if found is None:
            raise self._none(name, what, ctx)
        return found

    def _none(self, name: str, what: str, ctx: Context) -> BadQuery:
        fields = self._columns.known(ctx).found_by.values()
        values: Mapping[str, Any] = {
            "name": clipped(name),
            "offered": named(sorted(it.name for it in fields)),
        }
        if what == "sort":
            words = Words("cannot sort by '{name}'; sorts: {offered}", **values)
        else:
            words = Words("cannot filter by '{name}'; filters: {offered}", **values)
        return BadQuery(reason=words)


def prefix_keys(field: AddedField, text: str) -> Sequence[str]:
    """The range of the keys that begin so."""
    return prefix_range(_read(field, text))


def _key(field: AddedField, text: str, ctx: Context) -> str:
    if text.startswith("@"):
        found = relative(CASTS.get(field.kind, ""), text, ctx)
        if found is not None:
            return key_of(field.kind, said(found))
    return key_of(field.kind, _read(field, text))


def _read(field: AddedField, text: str) -> Any:
    try:
        return field.read_text(text)
    except Invalid:
        words = Words("'{name}' has another kind of value", name=field.name)
        raise BadQuery(reason=words) from None
