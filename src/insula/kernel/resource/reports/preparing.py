"""Preparing: a declared report checked against its resource, once when its app loads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from insula.kernel.resource.aggregates.asking import Order, Question
from insula.kernel.resource.declaration import DeclarationError
from insula.kernel.resource.measures import TIMES, Dimension
from insula.kernel.resource.measuring import (
    Condition,
    Grouping,
    Measured,
    condition_of,
    grouping_of,
    measured,
)
from insula.kernel.resource.reports.declaration import Report

WHOLE = Condition("", frozenset())


class Prepared(NamedTuple):
    """What a report asks of its rows, whoever reads it."""

    question: Question
    condition: Condition
    period: str | None
    """The field that ``?from=`` and ``?to=`` are about."""
    reads: frozenset[str]
    """Every field of which it tells, if only by which rows it leaves out."""


def prepare(report: Report) -> Prepared:
    """Raises ``DeclarationError`` for what cannot be."""
    try:
        return _prepared(report)
    except ValueError as error:
        raise DeclarationError(f"report {report.name}: {error}") from None


def _prepared(report: Report) -> Prepared:
    table = report.resource.table
    spoken: list[Dimension] = [*report.dimensions]
    groups = [grouping_of(table, it) for it in spoken]
    measures = [measured(table, it) for it in report.measures]
    groups += _currencies(measures, groups)
    names = [it.name for it in groups] + [it.name for it in measures]
    if len(set(names)) < len(names):
        raise ValueError(f"of {names} one is there twice")
    condition = WHOLE if report.where is None else condition_of(table, report.where)
    period = None if report.period is None else report.period.key
    if period is not None and not isinstance(table.c[period].type, TIMES):
        raise ValueError(f"{period} is no time")
    order = tuple(_order(report.sort, names))
    question = Question(tuple(groups), tuple(measures), order)
    reads = condition.reads.union(*(it.reads for it in measures))
    reads |= {it.field for it in groups} | ({period} if period else set())
    if told := reads & report.resource.hidden:
        raise ValueError(f"it tells of {sorted(told)}")
    return Prepared(question, condition, period, reads)


def _currencies(
    measures: Sequence[Measured], groups: Sequence[Grouping]
) -> Iterator[Grouping]:
    """What amounts are grouped by, so that no two currencies are ever added."""
    known = {it.name for it in groups}
    wanted = dict.fromkeys(it.currency for it in measures if it.currency)
    return (Grouping(name, name) for name in wanted if name not in known)


def _order(sort: Sequence[str], names: Sequence[str]) -> Iterator[Order]:
    places: Mapping[str, int] = {name: at for at, name in enumerate(names)}
    left = dict(places)
    for part in sort:
        place = left.pop(part.removeprefix("-"), None)
        if place is None:
            raise ValueError(f"it cannot be sorted by '{part}'")
        yield Order(place, part.startswith("-"))
    yield from (Order(place, descending=False) for place in left.values())
