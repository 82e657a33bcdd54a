"""Measuring: declared measures and dimensions as callers name them, and as SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, ColumnElement, Date, Integer, Table
from sqlalchemy.sql import visitors

from insula.kernel.database.columns import spec
from insula.kernel.resource.binding import DIALECT
from insula.kernel.resource.measures import (
    KINDS,
    TIMES,
    Average,
    Count,
    Dimension,
    Distinct,
    Elapsed,
    Function,
    Max,
    Measure,
    Min,
    OfField,
    OfRows,
    OfTime,
    Period,
    Ratio,
    Weighted,
)

DECIMALS = 6
"""To which means and ratios are rounded."""
DAY = 86_400
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
WHOLE = (Integer, BigInteger)


class Unit(StrEnum):
    """In what a measure is told, as far as somebody who draws it must know."""

    number = "number"
    money = "money"
    """Minor units of the currency by which it is grouped."""
    seconds = "seconds"
    share = "share"
    """From 0 to 1."""
    time = "time"
    """A date, or a moment."""


class Measured(NamedTuple):
    """A measure as callers name it: ``sum(amount_minor)``."""

    name: str
    function: Function
    sql: str
    """What is worked out of the rows ``c``."""
    unit: Unit
    whole: bool
    reads: frozenset[str]
    """The fields of which it tells."""
    field: str | None = None
    currency: str | None = None
    """The field by which it is grouped whenever it is asked for."""


class Grouping(NamedTuple):
    """A dimension as callers name it: ``stage_id``, ``closed_at:month``."""

    name: str
    field: str
    period: Period | None = None


class Aggregates(NamedTuple):
    """What a resource offers to be worked out, by name."""

    measures: Mapping[str, Measured]
    dimensions: Mapping[str, Grouping]


class Condition(NamedTuple):
    """What a declaration says of rows: text without a value of anybody's."""

    sql: str
    reads: frozenset[str]


COUNTED = Measured(
    "count", Function.number, "count(*)", Unit.number, whole=True, reads=frozenset()
)


def offered(
    table: Table, measures: Sequence[Measure], dimensions: Sequence[Dimension]
) -> Aggregates:
    """What is declared, as it is asked for; rows are always counted where anything is.

    Raises ``ValueError`` for what cannot be.
    """
    if not measures and not dimensions:
        return Aggregates({}, {})
    found = [it for it in measures if not _plain(it)]
    return Aggregates(
        _by_name([COUNTED, *(measured(table, it) for it in found)]),
        _by_name([grouping_of(table, it) for it in dimensions]),
    )


def _plain(measure: Measure) -> bool:
    """Whether it is the count that is there anyway."""
    if not isinstance(measure, Count):
        return False
    return measure.where is None and measure.name is None


def _by_name(found: Sequence[Any]) -> dict[str, Any]:
    by_name = {it.name: it for it in found}
    if len(by_name) < len(found):
        raise ValueError(f"of {[it.name for it in found]} one is there twice")
    return by_name


def condition_of(table: Table, where: ColumnElement[bool]) -> Condition:
    """A condition of the table's own fields, its constants written out.

    Raises ``ValueError`` for one that reaches further.
    """
    columns = [it for it in visitors.iterate(where) if isinstance(it, Column)]
    names = {str(it.name) for it in columns}
    if not names <= set(table.c.keys()) or {it.table for it in columns} - {table}:
        raise ValueError(f"'{where}' is not of {table.name} alone")
    options = {"literal_binds": True, "include_table": False}
    text = str(where.compile(dialect=DIALECT, compile_kwargs=options))
    return Condition(f"({text})", frozenset(names))


def measured(table: Table, measure: Measure) -> Measured:
    """A measure of a table's; raises ``ValueError`` for what cannot be."""
    if isinstance(measure, Ratio):
        return _ratio(table, measure)
    some, reads = "", frozenset[str]()
    if measure.where is not None:
        condition = condition_of(table, measure.where)
        some, reads = f" FILTER (WHERE {condition.sql})", condition.reads
    if isinstance(measure, OfField):
        made = _of_field(table, measure, some)
    else:
        made = COUNTED._replace(name=_named(measure, "count"), sql=f"count(*){some}")
    return made._replace(reads=made.reads | reads)


def _named(measure: OfRows, usual: str) -> str:
    if measure.name is None and measure.where is not None:
        raise ValueError(f"{usual} of some rows needs a name")
    return usual if measure.name is None else _checked(measure.name)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name")
    return name


def _of_field(table: Table, measure: OfField, some: str) -> Measured:
    value = _value(table, measure)
    currency = None if isinstance(measure, Distinct) else value.currency
    unit = Unit.number if isinstance(measure, Distinct) else value.unit
    counted = isinstance(measure, Distinct | Weighted)
    return Measured(
        name=_named(measure, f"{measure.function}({value.name})"),
        function=measure.function,
        sql=_worked_out(measure, value.sql, some),
        unit=unit,
        whole=counted or (value.whole and not isinstance(measure, Average)),
        reads=value.reads | ({currency} if currency else set()),
        field=None if isinstance(measure.field, Elapsed) else value.name,
        currency=currency,
    )


def _worked_out(measure: OfField, value: str, some: str) -> str:
    """SQL; sums and means of other types than numeric end where theirs do."""
    if isinstance(measure, Distinct):
        return f"count(DISTINCT {value}){some}"
    if isinstance(measure, Min | Max):
        return f"{measure.function}({value}){some}"
    if isinstance(measure, Weighted):
        weighted = f"sum({value}::numeric * c.{measure.by.key}){some}"
        return f"round({weighted} / {measure.out_of})"
    whole = f"{measure.function}({value}::numeric){some}"
    return f"round({whole}, {DECIMALS})" if isinstance(measure, Average) else whole


class Value(NamedTuple):
    """What is measured of one row."""

    name: str
    sql: str
    unit: Unit
    whole: bool
    reads: frozenset[str]
    currency: str | None = None


def _value(table: Table, measure: OfField) -> Value:
    if isinstance(measure.field, Elapsed):
        return _elapsed(table, measure.field)
    column = table.c[measure.field.key]
    name = str(column.name)
    if not isinstance(column.type, measure.fit):
        raise ValueError(f"there is no {measure.function}({name}) of such values")
    reads, currency = {name}, spec(column.info).currency
    if isinstance(measure, Weighted):
        reads.add(_weight(table, measure))
    unit = Unit.number if currency is None else Unit.money
    if isinstance(column.type, TIMES):
        unit = Unit.time
    whole = isinstance(column.type, WHOLE)
    return Value(name, f"c.{name}", unit, whole, frozenset(reads), currency)


def _weight(table: Table, measure: Weighted) -> str:
    column = table.c[measure.by.key]
    if not isinstance(column.type, WHOLE) or measure.out_of < 1:
        raise ValueError(f"{column.name} is no weight")
    return str(column.name)


def _elapsed(table: Table, elapsed: Elapsed) -> Value:
    """Seconds; of two dates, those of whole days."""
    start, end = table.c[elapsed.start.key], table.c[elapsed.end.key]
    names = str(start.name), str(end.name)
    for kind in TIMES:
        if isinstance(start.type, kind) and isinstance(end.type, kind):
            between = f"c.{end.name} - c.{start.name}"
            whole = kind is Date
            sql = f"({between}) * {DAY}" if whole else f"extract(epoch FROM {between})"
            name = f"{names[0]}:{names[1]}"
            return Value(name, f"({sql})", Unit.seconds, whole, frozenset(names))
    raise ValueError(f"{names[0]} and {names[1]} are no two times of one kind")


def _ratio(table: Table, ratio: Ratio) -> Measured:
    parts = (replace(it, name="part") for it in (ratio.over, ratio.under))
    over, under = (measured(table, it) for it in parts)
    if Unit.time in (over.unit, under.unit):
        raise ValueError(f"'{ratio.name}' is of times")
    sql = f"round({over.sql}::numeric / nullif({under.sql}::numeric, 0), {DECIMALS})"
    return Measured(
        name=_checked(ratio.name),
        function=Function.ratio,
        sql=sql,
        unit=Unit.share if over.unit is under.unit else over.unit,
        whole=False,
        reads=over.reads | under.reads,
        currency=over.currency or under.currency,
    )


def grouping_of(table: Table, dimension: Dimension) -> Grouping:
    """A dimension of a table's; raises ``ValueError`` for what cannot be."""
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
