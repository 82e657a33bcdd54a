"""Telling: groups as they are answered, with titles as far as somebody may read these."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.resource.aggregates.asking import Question
from insula.kernel.resource.aggregates.grouping import Naming
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.measuring import Grouping, Measured
from insula.kernel.resource.querying.includes import readable
from insula.kernel.resource.writing import Writer


def namings_of(
    api: ResourceApi,
    writers: Mapping[Any, Writer],
    groups: Sequence[Grouping],
    ctx: Context,
) -> Iterator[Naming]:
    """The titles that somebody may read of what groups are about."""
    tables = {it.resource.table.name: it for it in writers.values()}
    for place, group in enumerate(groups):
        target = tables.get(api.shape.facets[group.field].field.target or "")
        if target is None or not readable(target.resource, ctx):
            continue
        title = target.resource.title
        if title is None or title in target.masking.of(ctx.actor).hide:
            continue
        scope = target.scoping.of(ctx.actor, "read")
        reach = Reach.all if scope is None else scope.reach
        yield Naming(place, target, title, reach)


def scopes_of(namings: Sequence[Naming], ctx: Context) -> list[Any]:
    """The values that titles take in a statement."""
    scopes = [it.target.scoping.of(ctx.actor, "read") for it in namings]
    return [value for it in scopes if it is not None for value in it.args]


def told_group(
    question: Question, namings: Sequence[Naming], record: Sequence[Any]
) -> dict[str, Any]:
    """A group's values, what they are called, and what its rows come to."""
    groups, measures = question.groups, question.measures
    titles = len(groups) + len(measures)
    return {
        "group": {it.name: record[at] for at, it in enumerate(groups)},
        "labels": {
            groups[it.place].name: record[titles + at]
            for at, it in enumerate(namings)
            if record[titles + at] is not None
        },
        "measures": {
            it.name: _number(it, record[len(groups) + at])
            for at, it in enumerate(measures)
        },
    }


def _number(measure: Measured, value: Any) -> Any:
    """A number as JSON has them; a sum of whole ones is one, however large."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if measure.whole else float(value)


def zone_of(ctx: Context) -> str:
    """The tenant's time zone; one that is none counts as UTC."""
    try:
        return ZoneInfo(ctx.tenant.zone or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"
