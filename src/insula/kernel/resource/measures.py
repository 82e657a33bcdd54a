"""Measures and dimensions: what is worked out of many rows, and by what they are grouped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Integer,
    String,
    Table,
    Uuid,
)

from insula.kernel.database.columns import spec
from insula.kernel.resource.rules import Attribute

NUMBERS = (Integer, BigInteger, Double)
TIMES = (Date, DateTime)
KINDS = (String, Uuid, Boolean, Integer, BigInteger, Date)
"""What rows can be alike in; in a time they hardly ever are, but in its month."""


class Function(StrEnum):
    """What is worked out."""

    number = "count"
    sum = "sum"
    average = "avg"
    least = "min"
    most = "max"


class Period(StrEnum):
    """A piece of the calendar into which times fall."""

    day = "day"
    week = "week"
    month = "month"
    quarter = "quarter"
    year = "year"


@dataclass(frozen=True)
class Count:
    """How many rows there are."""


@dataclass(frozen=True)
class OfField:
    """Something that is worked out of one field of the rows."""

    function: ClassVar[Function]
    fit: ClassVar[tuple[type[Any], ...]] = NUMBERS

    field: Attribute


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


Measure = Count | OfField


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


class Measured(NamedTuple):
    """A measure as callers name it: ``sum(amount_minor)``."""

    name: str
    function: Function
    field: str | None
    currency: str | None = None
    """The field by which it is grouped whenever it is asked for."""

    @property
    def reads(self) -> frozenset[str]:
        """The fields of which it tells."""
        return frozenset(it for it in (self.field, self.currency) if it)


class Grouping(NamedTuple):
    """A dimension as callers name it: ``stage_id``, ``closed_at:month``."""

    name: str
    field: str
    period: Period | None = None


class Aggregates(NamedTuple):
    """What a resource offers to be worked out, by name."""

    measures: Mapping[str, Measured]
    dimensions: Mapping[str, Grouping]


def fields_of(
    measures: Iterable[Measure], dimensions: Iterable[Dimension]
) -> list[Attribute]:
    """The fields that are spoken of."""
    found = [it.field for it in measures if isinstance(it, OfField)]
    return found + [it.field if isinstance(it, OfTime) else it for it in dimensions]


def offered(
    table: Table, measures: Sequence[Measure], dimensions: Sequence[Dimension]
) -> Aggregates:
    """What is declared, as it is asked for; rows are always counted where anything is.

    Raises ``ValueError`` for what cannot be.
    """
    if not measures and not dimensions:
        return Aggregates({}, {})
    counted = Measured("count", Function.number, None)
    found = [it for it in measures if isinstance(it, OfField)]
    return Aggregates(
        _by_name([counted, *(_measured(table, it) for it in found)]),
        _by_name([_grouping(table, it) for it in dimensions]),
    )


def _by_name(found: Sequence[Any]) -> dict[str, Any]:
    by_name = {it.name: it for it in found}
    if len(by_name) < len(found):
        raise ValueError(f"of {[it.name for it in found]} one is there twice")
    return by_name


def _measured(table: Table, measure: OfField) -> Measured:
    column = table.c[measure.field.key]
    name = f"{measure.function}({column.name})"
    if not isinstance(column.type, measure.fit):
        raise ValueError(f"there is no {name} of such values")
    currency = spec(column.info).currency
    return Measured(name, measure.function, str(column.name), currency)


def _grouping(table: Table, dimension: Dimension) -> Grouping:
    if not isinstance(dimension, OfTime):
        column: Column[Any] = table.c[dimension.key]
        if not isinstance(column.type, KINDS):
            raise ValueError(f"rows are never alike in {column.name}")
        return Grouping(str(column.name), str(column.name))
    column = table.c[dimension.field.key]
    if not isinstance(column.type, TIMES):
        raise ValueError(f"{column.name} is no time")
    name = f"{column.name}:{dimension.period}"
    return Grouping(name, str(column.name), dimension.period)
