"""Asking: what of a report somebody wants to see, read from a query."""

from collections.abc import Mapping
from datetime import date

from insula.kernel.foundation.words import Words
from insula.kernel.resource.aggregates.asking import OF_LISTS, OWN, Question
from insula.kernel.resource.measures import Period
from insula.kernel.resource.querying.problems import BadQuery, clipped, named
from insula.kernel.resource.reports.declaration import Span

SINCE, UNTIL, BY = "from", "to", "by"


def picking(query: Mapping[str, str]) -> dict[str, str]:
    """What of a query says which rows it is about; raises ``BadQuery``."""
    found = {name: it for name, it in query.items() if name not in (SINCE, UNTIL, BY)}
    for name in found:
        if name in OF_LISTS or name in OWN or "[" in name:
            words = Words("a report has no '{name}'", name=clipped(name))
            raise BadQuery(reason=words)
    return found


def read_span(query: Mapping[str, str], zone: str) -> Span:
    """From when to when; raises ``BadQuery``."""
    since, until = _day(query, SINCE), _day(query, UNTIL)
    if since is not None and until is not None and since > until:
        raise BadQuery(reason=Words("from is not after to"))
    return Span(since, until, zone)


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text if len(text) == len("2026-01-31") else "")
    except ValueError:
        words = Words("{name} is a day such as 2026-01-31", name=name)
        raise BadQuery(reason=words) from None


def by_period(question: Question, query: Mapping[str, str]) -> Question:
    """The question, its times in periods of another length if that is asked for."""
    asked = query.get(BY)
    if asked is None:
        return question
    periods = {it.value: it for it in Period}
    if asked not in periods or not any(it.period for it in question.groups):
        words = Words("by is one of: {offered}", offered=named(periods))
        raise BadQuery(reason=words)
    period = periods[asked]
    groups = (
        it._replace(name=f"{it.field}:{period}", period=period) if it.period else it
        for it in question.groups
    )
    return question._replace(groups=tuple(groups))
