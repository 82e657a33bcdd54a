"""Measures and dimensions: what is worked out of many rows, and by what they are grouped."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Integer,
    String,
    Uuid,
)

from insula.kernel.resource.rules import Attribute

NUMBERS = (Integer, BigInteger, Double)
TIMES = (Date, DateTime)
KINDS = (String, Uuid, Boolean, Integer, BigInteger, Date)
"""What rows can be alike in; in a time they hardly ever are, but in its month."""


class Function(StrEnum):
    """What is worked out."""

    number = "count"
    distinct = "distinct"
    sum = "sum"
    average = "avg"
    least = "min"
    most = "max"
    weighted = "weighted"
    ratio = "ratio"


class Period(StrEnum):
    """A piece of the calendar into which times fall."""

    day = "day"
    week = "week"
    month = "month"
    quarter = "quarter"
    year = "year"


@dataclass(frozen=True)
class Elapsed:
    """How long it is from one time of a row to another, in seconds."""

    start: Attribute
    end: Attribute


@dataclass(frozen=True)
class OfRows:
    """Something that is worked out of the rows that ``where`` means, by default all.

    What has a ``where`` has a ``name`` too, by which callers ask for it.
    """

    function: ClassVar[Function]

    where: ColumnElement[bool] | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Count(OfRows):
    """How many rows there are."""

    function = Function.number


@dataclass(frozen=True)
class OfField(OfRows):
    """Something that is worked out of one field of the rows, or of the time between two."""

    fit: ClassVar[tuple[type[Any], ...]] = NUMBERS

    field: Attribute | Elapsed


@dataclass(frozen=True)
class Distinct(OfField):
    """How many different values there are."""

    function, fit = Function.distinct, KINDS


@dataclass(frozen=True)
class Sum(OfField):
    """What the values come to; amounts of money of each currency by itself."""

    function = Function.sum


@dataclass(frozen=True)
class Average(OfField):
    """The mean of the values that are there."""

    function = Function.average


@dataclass(frozen=True)
class Min(OfField):
    """The least value: the earliest, of times."""

    function, fit = Function.least, (*NUMBERS, *TIMES)


@dataclass(frozen=True)
class Max(OfField):
    """The greatest value: the latest, of times."""

    function, fit = Function.most, (*NUMBERS, *TIMES)


@dataclass(frozen=True)
class Weighted(OfField):
    """What the values come to if each counts as much as another field says, of ``out_of``.

    ``Weighted(Deal.amount_minor, by=Deal.probability)`` is rounded once, at the end, to
    a whole number of minor units.
    """

    function = Function.weighted

    by: Attribute = field(kw_only=True)
    out_of: int = field(default=100, kw_only=True)


@dataclass(frozen=True)
class Ratio:
    """One measure as a part of another: ``Ratio(Count(where=…), Count(), name="won")``.

    Where the other is nothing, there is none.
    """

    function: ClassVar[Function] = Function.ratio

    over: OfRows
    under: OfRows
    name: str = field(kw_only=True)


Measure = OfRows | Ratio


@dataclass(frozen=True)
class OfTime:
    """Groups rows by when something of them was or is."""

    period: ClassVar[Period]

    field: Attribute


@dataclass(frozen=True)
class Day(OfTime):
    """Rows of one day belong together, in the tenant's time zone."""

    period = Period.day


@dataclass(frozen=True)
class Week(OfTime):
    """Rows of one week belong together; weeks begin on Mondays."""

    period = Period.week


@dataclass(frozen=True)
class Month(OfTime):
    """Rows of one month belong together."""

    period = Period.month


@dataclass(frozen=True)
class Quarter(OfTime):
    """Rows of one quarter of a year belong together."""

    period = Period.quarter


@dataclass(frozen=True)
class Year(OfTime):
    """Rows of one year belong together."""

    period = Period.year


Dimension = Attribute | OfTime


def fields_of(
    measures: Iterable[Measure], dimensions: Iterable[Dimension]
) -> list[Attribute]:
    """The fields that are spoken of."""
    found = [it for measure in measures for it in _spoken_of(measure)]
    return found + [it.field if isinstance(it, OfTime) else it for it in dimensions]


def _spoken_of(measure: Measure) -> Iterator[Attribute]:
    if isinstance(measure, Ratio):
        yield from (*_spoken_of(measure.over), *_spoken_of(measure.under))
    if not isinstance(measure, OfField):
        return
    it = measure.field
    yield from (it.start, it.end) if isinstance(it, Elapsed) else (it,)
    if isinstance(measure, Weighted):
        yield measure.by
