"""Asking: what a caller wants to be worked out, checked against what there is for them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from insula.kernel.foundation.words import Words
from insula.kernel.resource.measuring import Grouping, Measured
from insula.kernel.resource.querying.offer import Offer
from insula.kernel.resource.querying.problems import BadQuery, clipped, named

OWN = frozenset({"group", "measures", "sort", "limit"})
"""Parameters that say what is worked out; the others pick the rows, as a list's do."""
OF_LISTS = frozenset({"cursor", "page", "per_page", "include", "fields"})
USUAL, MOST = 100, 1_000
"""Groups of an answer."""
MOST_DIMENSIONS, MOST_MEASURES = 4, 8
T = TypeVar("T", Grouping, Measured)


class Order(NamedTuple):
    """A group or a measure by which groups are ordered: where it is, and which way."""

    place: int
    descending: bool


class Question(NamedTuple):
    """What is worked out; ``order`` counts groups from 0 on, and measures after them."""

    groups: tuple[Grouping, ...]
    measures: tuple[Measured, ...]
    order: tuple[Order, ...]


def read_question(offer: Offer, query: Mapping[str, str]) -> Question:
    """What a query asks for; raises ``BadQuery``."""
    for name in query:
        if name in OF_LISTS or "[" in name:
            words = Words("'{name}' is for lists alone", name=clipped(name))
            raise BadQuery(reason=words)
    measures = _picked(query.get("measures", "count"), offer.measures, MOST_MEASURES)
    groups = list(_picked(query.get("group"), offer.dimensions, MOST_DIMENSIONS))
    groups += _currencies(measures, groups)
    names = [it.name for it in groups] + [it.name for it in measures]
    return Question(tuple(groups), measures, tuple(_order(query.get("sort"), names)))


def read_limit(query: Mapping[str, str]) -> int:
    """How many groups; raises ``BadQuery``."""
    text = query.get("limit", str(USUAL))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= MOST):
        raise BadQuery(reason=Words("limit is a number from 1 to {most}", most=MOST))
    return int(text)


def _picked(text: str | None, offered: Mapping[str, T], most: int) -> tuple[T, ...]:
    if text is None:
        return ()
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in offered:
            words = Words(
                "nothing is called '{name}' here; there are: {offered}",
                name=clipped(name),
                offered=named(offered),
            )
            raise BadQuery(reason=words)
    if len(names) > most:
        raise BadQuery(reason=Words("ask for at most {limit} of them", limit=most))
    return tuple(offered[name] for name in names)


def _currencies(
    measures: Iterable[Measured], groups: Sequence[Grouping]
) -> Iterator[Grouping]:
    """What amounts of money must be grouped by, so that no two currencies are added."""
    known = {it.name for it in groups}
    wanted = dict.fromkeys(it.currency for it in measures if it.currency)
    return (Grouping(name, name) for name in wanted if name not in known)


def _order(sort: str | None, names: Sequence[str]) -> Iterator[Order]:
    """As a query says, and where it says nothing, by the groups as they are named."""
    known = {name: place for place, name in enumerate(names)}
    for part in sort.split(",") if sort is not None else ():
        name = part.removeprefix("-")
        if name not in known:
            words = Words(
                "cannot sort by '{name}'; sorts: {offered}",
                name=clipped(name),
                offered=named(known),
            )
            raise BadQuery(reason=words)
        yield Order(known.pop(name), part.startswith("-"))
    for place in known.values():
        yield Order(place, descending=False)
