"""Selecting: which rows of a resource a query is about, for whoever asks.

Lists, single rows, bulk work, exports and aggregates all take their rows from here, so
that a filter means the same everywhere and reaches no further anywhere.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.database.session import HOME
from insula.kernel.foundation.words import Words
from insula.kernel.resource.querying.conditions import (
    EQUAL,
    Comparison,
    Form,
    Tree,
    condition,
)
from insula.kernel.resource.querying.grammar import parse, refuse_many
from insula.kernel.resource.querying.offer import Key, Offer, count, tree_of
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.scoping import Scope, Scoping
from insula.kernel.resource.shape import Facet, Shape
from insula.kernel.resource.statements import Numbers

PAGING = frozenset({"cursor", "per_page", "page"})
RESERVED = PAGING | {"sort", "fields", "filter", "scope", "deleted", "include", "q"}
"""Parameters of a list that name no field; neither does one such as ``fields[asset]``."""
FIELDS_OF = "fields["
NEWEST = "-id"


class Searches(Protocol):
    """What finds rows by the words that are in them."""

    def condition(self, numbers: Numbers) -> str:
        """A condition on the row ``c``."""

    def args(self, text: str) -> tuple[Any, ...]:
        """The values that it takes."""

    def source(self, numbers: Numbers, columns: Sequence[str]) -> str:
        """The rows in the place of the table, each with its ``RANK``."""

    def without(self, hidden: frozenset[str]) -> "Searches | None":
        """The same for whom some fields do not exist."""


class Where(NamedTuple):
    """The form of a selection: everything about it but the values."""

    forms: tuple[Form, ...]
    deleted: bool
    reach: Reach
    searched: bool
    ranked: bool = False
    """Whether the search is what the rows are taken from, the best first."""

    @property
    def settled(self) -> bool:
        """Whether there is but one good plan for it.

        An equality has one. A range or a choice has one for few rows and another for
        many: with a literal limit PostgreSQL soon settles on the second.
        """
        return not self.searched and all(what == EQUAL for _, what in self.forms)


class Selector:
    """Reads the conditions of queries about one resource."""

    def __init__(
        self,
        offer: Offer,
        shape: Shape,
        scoping: Scoping,
        search: Searches | None = None,
    ) -> None:
        self.offer, self._shape, self._scoping = offer, shape, scoping
        self._search = search

    def without(self, hidden: frozenset[str]) -> "Selector":
        """The same for whom some fields do not exist."""
        selector = copy(self)
        selector.offer = self.offer.without(hidden)
        if self._search is not None:
            selector._search = self._search.without(hidden)
        return selector

    @property
    def searches(self) -> bool:
        """Whether rows are found by words."""
        return self._search is not None

    def where(
        self,
        ctx: Context,
        query: Mapping[str, str],
        scope: Scope | None,
        *,
        ranked: bool = False,
    ) -> tuple[Where, list[Any]]:
        """The form of a query's conditions, and the values for it.

        What is ``ranked`` if it is searched comes the best first, unless it is sorted.
        """
        text = query.get("q")
        values = [] if text is None else list(self._searching().args(text))
        forms: tuple[Form, ...] = ()
        if query.keys() - PAGING:
            trees = self._trees(query)
            forms = tuple(self.offer.form(it, ctx, values) for it in trees)
            forms += self.offer.sorted_forms(ctx, query)
        if scope is not None:
            values += scope.args
        reach = Reach.all if scope is None else scope.reach
        searched = text is not None
        ranked = ranked and searched and "sort" not in query
        return Where(forms, _deleted(query), reach, searched, ranked), values

    def _trees(self, query: Mapping[str, str]) -> list[Tree]:
        found: list[Tree] = [
            Comparison(name, EQUAL, (value,))
            for name, value in query.items()
            if name not in RESERVED
            and not ("include" in query and name.startswith(FIELDS_OF))
        ]
        text = query.get("filter")
        if text is not None:
            found += tree_of([parse(text)])
        if "scope" in query:
            found.append(self.offer.named(query["scope"]))
        refuse_many(sum(map(count, found)))
        return found

    def _searching(self) -> Searches:
        if self._search is None:
            raise BadQuery(reason=Words("nothing is searched here"))
        return self._search

    def source(self, table: str, where: Where, numbers: Numbers) -> str:
        """Where the rows come from: the table, or what a search finds in it."""
        if not where.ranked:
            return f"{HOME}.{table}"
        return self._searching().source(numbers, tuple(self._shape.facets))

    def sql(self, where: Where, numbers: Numbers) -> str:
        """The conditions on the row ``c``, with an AND before them; not the tenant's."""
        found = []
        if where.searched and not where.ranked:
            found.append(self._searching().condition(numbers))
        if self._shape.trashable:
            found.append(f"c.deleted_at IS {'NOT ' if where.deleted else ''}NULL")
        compared = self.offer.compared
        found += [condition(form, compared, numbers) for form in where.forms]
        scope = self._scoping.sql(numbers, where.reach)
        return "".join(f" AND {it}" for it in found) + scope


def shaped(query: Mapping[str, str]) -> bool:
    """Whether a query says how much there is to be of a row."""
    return any(
        name in ("include", "fields") or name.startswith(FIELDS_OF) for name in query
    )


def _deleted(query: Mapping[str, str]) -> bool:
    text = query.get("deleted", "no")
    if text not in ("no", "only"):
        raise BadQuery(reason=Words("deleted is 'no' or 'only'"))
    return text == "only"


def ordered(keys: tuple[Key, ...], alias: str) -> str:
    """Keys as what follows ``ORDER BY``."""
    return ", ".join(
        f"{alias}.{key.facet.name}{' DESC' if key.descending else ''}" for key in keys
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that a query is about, for whoever asks, as part of a statement."""

    selector: Selector
    where: Where
    args: tuple[Any, ...]
    """The values that ``sql`` takes, in the order in which it takes them."""
    fields: tuple[Facet, ...]
    """What of a row is shown."""
    keys: tuple[Key, ...]
    """By what they are ordered."""

    def sql(self, numbers: Numbers) -> str:
        """Conditions on the row ``c``, with an AND before them; not the tenant's."""
        return self.selector.sql(self.where, numbers)

    @property
    def order(self) -> str:
        """What follows ``ORDER BY``, of the row ``c``."""
        return ordered(self.keys, "c")

    @property
    def shape(self) -> tuple[object, ...]:
        """What is alike where the statements are: to keep them by, within bounds."""
        fields = tuple(facet.name for facet in self.fields)
        keys = tuple((key.facet.name, key.descending) for key in self.keys)
        return self.where, fields, keys, self.selector.offer.hidden


def select(
    selector: Selector, ctx: Context, query: Mapping[str, str], scope: Scope | None
) -> Selection:
    """The rows of a query; raises ``BadQuery``."""
    where, values = selector.where(ctx, query, scope)
    fields = selector.offer.shown(query.get("fields"))
    keys = selector.offer.keys(selector.offer.order(ctx, query, NEWEST))
    return Selection(selector, where, tuple(values), fields, keys)
