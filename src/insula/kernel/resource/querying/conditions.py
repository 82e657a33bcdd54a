"""Conditions: what a filter asks of a row, as a frozen tree, and as SQL.

A tree is what a caller wrote. Its form is the same without the values, checked against
what is offered: it keys the plans that are kept, and alone becomes part of a statement.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import Numbers

MOST_TERMS, DEEPEST = 20, 8
MOST_VALUES = 100
LONGEST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison that a caller asks for, its values still text."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these."""

    parts: tuple["Tree", ...]


Tree: TypeAlias = Comparison | And | Or

Leaf = tuple[str, str]
"""A field and an operator."""
Joined: TypeAlias = tuple[Literal["AND", "OR"], tuple["Form", ...]]
Form: TypeAlias = Leaf | Joined

EQUAL, NOT_EQUAL, IN, OUT = "==", "!=", "=in=", "=out="
IS_NULL, IS_NOT_NULL, PREFIX = "=isnull=", "=isnotnull=", "=prefix="
"""``=isnotnull=`` is how ``=isnull=false`` is kept: nothing of it is a value."""
ORDER = {"=lt=": "<", "=le=": "<=", "=gt=": ">", "=ge=": ">="}
INDEXED = frozenset({EQUAL, IN, IS_NULL, PREFIX, *ORDER})
"""What an index answers, behind a policy too: their functions are leakproof (D2b)."""
ENUM, TEXT = "enum", "text"
ANY_KIND = (EQUAL, NOT_EQUAL, IN, OUT)
BY_KIND: Mapping[str, tuple[str, ...]] = {
    TEXT: (*ANY_KIND, *ORDER, PREFIX),
    **dict.fromkeys(
        ("bigint", "integer", "double precision", "date", "timestamptz"),
        (*ANY_KIND, *ORDER),
    ),
}
"""The operators that mean something, by the kind of field; of any other, equality."""


def kind_of(facet: Facet) -> str:
    """What sort of values a field has, as far as comparing them goes."""
    if facet.cast != "varchar":
        return facet.cast
    return TEXT if facet.load is None else ENUM


def operators_of(facet: Facet) -> tuple[str, ...]:
    """The operators that are offered for a field."""
    if facet.sought is not None:
        return (*ANY_KIND, IS_NULL)
    known = BY_KIND.get(kind_of(facet), ANY_KIND)
    return (*known, IS_NULL) if facet.nullable else known


def operand(facet: Facet, alias: str) -> str:
    """The field as it is compared: text by its code points, wherever it is kept."""
    name = f"{alias}.{facet.name}"
    return f'{name} COLLATE "C"' if kind_of(facet) == TEXT else name


def _not_equal(left: str, facet: Facet, numbers: Numbers) -> str:
    """Whatever ``==`` does not find: rows without a value too."""
    value = numbers.next(facet.cast)
    if facet.nullable:
        return f"{left} IS DISTINCT FROM {value}"
    return f"{left} <> {value}"


def _out(left: str, facet: Facet, numbers: Numbers) -> str:
    found = f"{left} <> ALL({numbers.next(facet.cast + '[]')})"
    return f"({found} OR {left} IS NULL)" if facet.nullable else found


def _within(left: str, facet: Facet, numbers: Numbers) -> str:
    return f"{left} = ANY({numbers.next(facet.cast + '[]')})"


def _prefix(left: str, facet: Facet, numbers: Numbers) -> str:
    """A range: an index answers it on every plan, which it does not ``starts_with``."""
    low, high = numbers.all((facet.cast, facet.cast))
    return f"({left} >= {low} AND {left} < {high})"


def _compared(sign: str) -> Callable[[str, Facet, Numbers], str]:
    def write(left: str, facet: Facet, numbers: Numbers) -> str:
        return f"{left} {sign} {numbers.next(facet.cast)}"

    return write


WRITTEN: Mapping[str, Callable[[str, Facet, Numbers], str]] = {
    EQUAL: _compared("="),
    NOT_EQUAL: _not_equal,
    IN: _within,
    OUT: _out,
    IS_NULL: lambda left, _, __: f"{left} IS NULL",
    IS_NOT_NULL: lambda left, _, __: f"{left} IS NOT NULL",
    PREFIX: _prefix,
    **{name: _compared(sign) for name, sign in ORDER.items()},
}


def condition(form: Form, facets: Mapping[str, Facet], numbers: Numbers) -> str:
    """The form as a condition on the row ``c``; the values come in its order."""
    name, what = form
    if isinstance(what, str):
        facet = facets[name]
        if facet.sought is not None:
            return facet.sought(what, numbers)
        return WRITTEN[what](operand(facet, "c"), facet, numbers)
    parts = [condition(part, facets, numbers) for part in what]
    return f"({f' {name} '.join(parts)})"


def prefix_range(text: str) -> tuple[str, str]:
    """The first text that begins so, and the first after all that do."""
    head = text.rstrip(LAST)
    if not head:
        return text, text + LAST * LONGEST_TEXT
    following = ord(head[-1]) + 1
    if 0xD800 <= following < 0xE000:
        following = 0xE000  # what lies between are no characters
    return text, head[:-1] + chr(following)


LAST = "\U0010ffff"
