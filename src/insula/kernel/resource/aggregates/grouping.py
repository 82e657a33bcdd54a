"""Grouping: the SQL of an aggregate, one text for each form of question."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from insula.kernel.access.grants import Reach
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.aggregates.asking import Question
from insula.kernel.resource.measures import Function, Grouping, Measured
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
    parts = [*_groups(question, facets, zone), *map(_measure, question.measures)]
    columns = ", ".join(f"{part} AS v{at}" for at, part in enumerate(parts))
    places = ", ".join(str(at + 1) for at, _ in enumerate(question.groups))
    # The zone is named, so that it is a parameter where no group is of a time, too.
    rows = (
        f"SELECT {columns}, {zone} AS zone FROM {HOME}.{table} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = ctx.tenant_id{within(numbers)}"
        f"{f' GROUP BY {places}' if places else ''} ORDER BY {_order(question)}"
        f" LIMIT {numbers.next('bigint')}"
    )
    values = [f"g.v{at}" for at, _ in enumerate(parts)]
    titles = [_title(it, numbers) for it in namings]
    return Statement(
        f"WITH {CONTEXT} SELECT {', '.join(values + titles)}"  # noqa: S608  # our names
        f" FROM ctx CROSS JOIN LATERAL ({rows}) g"
    )


def _order(question: Question) -> str:
    return ", ".join(
        f"{it.place + 1}{' DESC' if it.descending else ''} NULLS LAST"
        for it in question.order
    )


def _groups(question: Question, facets: Facets, zone: str) -> Iterable[str]:
    return (_group(it, facets[it.field], zone) for it in question.groups)


def _group(group: Grouping, facet: Facet, zone: str) -> str:
    """The value that rows of one group share: of a period, its first day."""
    if group.period is None:
        return operand(facet, "c")
    moment = f"c.{facet.name}"
    local = f"{moment} AT TIME ZONE {zone}"
    if facet.cast == "date":
        local = f"{moment}::timestamp"
    return f"date_trunc('{group.period}', {local})::date"


def _measure(measure: Measured) -> str:
    if measure.field is None:
        return "count(*)"
    value = f"c.{measure.field}"
    if measure.function in (Function.sum, Function.average):
        # Sums of other types end where theirs do; and their parts would be rounded.
        value += "::numeric"
    return f"{measure.function}({value})"


def _title(naming: Naming, numbers: Numbers) -> str:
    target = naming.target
    live = LIVE if target.shape.trashable else ""
    scope = target.scoping.sql(numbers, naming.reach)
    return (
        f"(SELECT c.{naming.title} FROM {HOME}.{target.resource.table.name} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = ctx.tenant_id AND c.id = g.v{naming.place}{live}{scope})"
    )
