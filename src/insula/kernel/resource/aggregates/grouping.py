"""Grouping: the SQL of an aggregate, one text for each form of question."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from insula.kernel.access.grants import Reach
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.aggregates.asking import Question
from insula.kernel.resource.measuring import Grouping
from insula.kernel.resource.querying.conditions import operand
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import LIVE, Numbers, Within
from insula.kernel.resource.writing import Writer

Facets = Mapping[str, Facet]


class Naming(NamedTuple):
    """What the rows are called at which a group's value points, as far as one reads it."""

    place: int
    """Which of the groups it is."""
    target: Writer
    title: str
    reach: Reach


def grouping(
    table: str,
    facets: Facets,
    question: Question,
    namings: Sequence[Naming],
    within: Within,
) -> Statement:
    """The groups of rows, one more than ``limit`` to tell whether there are others.

    Arguments: the time zone, those of ``within``, the limit, those of the namings.
    """
    numbers = Numbers()
    zone = numbers.next("text")
    parts = [*_groups(question, facets, zone), *(it.sql for it in question.measures)]
    columns = ", ".join(f"{part} AS v{at}" for at, part in enumerate(parts))
    places = ", ".join(str(at + 1) for at, _ in enumerate(question.groups))
    order = ordered_by(question, lambda place: str(place + 1))
    # The zone is named, so that it is a parameter where no group is of a time, too.
    rows = (
        f"SELECT {columns}, {zone} AS zone FROM {HOME}.{table} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = ctx.tenant_id{within(numbers)}"
        f"{f' GROUP BY {places}' if places else ''} ORDER BY {order}"
        f" LIMIT {numbers.next('bigint')}"
    )
    values = [f"g.v{at}" for at, _ in enumerate(parts)]
    titles = [title_sql(it, numbers) for it in namings]
    return Statement(
        f"WITH {CONTEXT} SELECT {', '.join(values + titles)}"  # noqa: S608  # our names
        f" FROM ctx CROSS JOIN LATERAL ({rows}) g"
    )


def ordered_by(question: Question, value: Callable[[int], str]) -> str:
    """What follows ``ORDER BY``, each value by its place."""
    return ", ".join(
        f"{value(it.place)}{' DESC' if it.descending else ''} NULLS LAST"
        for it in question.order
    )


def _groups(question: Question, facets: Facets, zone: str) -> Iterable[str]:
    return (group_sql(it, facets[it.field], zone) for it in question.groups)


def group_sql(group: Grouping, facet: Facet, zone: str) -> str:
    """The value that rows of one group share: of a period, its first day."""
    if group.period is None:
        return operand(facet, "c")
    moment = f"c.{facet.name}"
    local = f"{moment} AT TIME ZONE {zone}"
    if facet.cast == "date":
        local = f"{moment}::timestamp"
    return f"date_trunc('{group.period}', {local})::date"


def title_sql(naming: Naming, numbers: Numbers) -> str:
    """SQL for what a group's value is called, within the reach of whoever asks."""
    target = naming.target
    live = LIVE if target.shape.trashable else ""
    scope = target.scoping.sql(numbers, naming.reach)
    return (
        f"(SELECT c.{naming.title} FROM {HOME}.{target.resource.table.name} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = ctx.tenant_id AND c.id = g.v{naming.place}{live}{scope})"
    )
