"""Statements: the groups of a report and its totals, read together from one scan."""

from collections.abc import Mapping, Sequence

from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.aggregates.asking import Question
from insula.kernel.resource.aggregates.grouping import (
    Naming,
    group_sql,
    ordered_by,
    title_sql,
)
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import Numbers, Within

ZONE = "$2::text"
"""The tenant's time zone: the first argument of each of these statements."""


def _moments(day: str) -> str:
    return f"({day}::timestamp AT TIME ZONE {ZONE})"


def since(facet: Facet, numbers: Numbers) -> str:
    """From the beginning of a day on, where the tenant is. Argument: the day."""
    day = numbers.next("date")
    dated = facet.cast == "date"
    return f"c.{facet.name} >= {day if dated else _moments(day)}"


def until(facet: Facet, numbers: Numbers) -> str:
    """Until the end of a day. Argument: the day."""
    day = numbers.next("date")
    if facet.cast == "date":
        return f"c.{facet.name} <= {day}"
    return f"c.{facet.name} < {_moments(f'({day} + 1)')}"


def reporting(
    table: str,
    facets: Mapping[str, Facet],
    question: Question,
    namings: Sequence[Naming],
    within: Within,
) -> Statement:
    """The groups, at most so many, and after them what all rows come to.

    Totals are of all groups, also of those beyond the limit; ``total`` is the last
    column. Arguments: the time zone, those of ``within``, the limit, the namings'.
    """
    numbers = Numbers()
    zone = numbers.next("text")
    assert zone == ZONE
    groups = [group_sql(it, facets[it.field], zone) for it in question.groups]
    parts = [*groups, *(it.sql for it in question.measures)]
    columns = ", ".join(f"{part} AS v{at}" for at, part in enumerate(parts))
    rows = (
        f"SELECT {columns}, {_is_total(question, groups)} AS total, {zone} AS zone"  # noqa: S608  # our names
        f" FROM {HOME}.{table} c WHERE c.tenant_id = ctx.tenant_id{within(numbers)}"
        f" {_grouped(question)}"
    )
    order = ordered_by(question, lambda place: f"r.v{place}")
    placed = (
        "SELECT r.*, row_number() OVER (PARTITION BY r.total"  # noqa: S608  # our names
        f" ORDER BY {order}) AS place FROM ({rows}) r"
    )
    limit = numbers.next("bigint")
    values = [f"g.v{at}" for at, _ in enumerate(parts)]
    titles = [title_sql(it, numbers) for it in namings]
    shown = ", ".join((*values, *titles, "g.total"))
    return Statement(
        f"WITH {CONTEXT} SELECT {shown} FROM ctx CROSS JOIN LATERAL ({placed}) g"  # noqa: S608  # our names
        f" WHERE g.total OR g.place <= {limit} ORDER BY g.total, g.place"
    )


def kept_apart(question: Question) -> frozenset[str]:
    """The currencies, by which totals are grouped too."""
    return frozenset(it.currency for it in question.measures if it.currency)


def _is_total(question: Question, groups: Sequence[str]) -> str:
    apart = kept_apart(question)
    summed = [
        sql
        for it, sql in zip(question.groups, groups, strict=True)
        if it.name not in apart
    ]
    return f"GROUPING({summed[0]}) = 1" if summed else "false"


def _grouped(question: Question) -> str:
    apart = kept_apart(question)
    places = [str(at) for at, _ in enumerate(question.groups, start=1)]
    whole = [
        str(at) for at, it in enumerate(question.groups, start=1) if it.name in apart
    ]
    if len(whole) == len(places):
        return f"GROUP BY {', '.join(places)}" if places else ""
    return f"GROUP BY GROUPING SETS (({', '.join(places)}), ({', '.join(whole)}))"
