"""Recurrence: on which days a rule falls, by the clock of its time zone (RFC 5545)."""

import re
from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from pydantic import AfterValidator, Field

from insula.sdk import Code, ShortText, Words

WEEKDAY = "(MO|TU|WE|TH|FR|SA|SU)"


def _list_of(item: str) -> str:
    return f"({item})(,({item}))*"


PARTS = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": r"[1-9]\d{0,2}",
    "COUNT": r"[1-9]\d{0,3}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "BYDAY": _list_of(rf"([+-]?[1-9]\d?)?{WEEKDAY}"),
    "BYMONTH": _list_of(r"[1-9]|1[0-2]"),
    "BYMONTHDAY": _list_of(r"[+-]?([1-9]|[12]\d|3[01])"),
    "BYSETPOS": _list_of(r"[+-]?[1-9]\d{0,2}"),
    "BYHOUR": r"1?\d|2[0-3]",
    "BYMINUTE": r"[1-5]?\d",
    "WKST": WEEKDAY,
}
"""What a rule may say. One hour and one minute: it falls at most once a day."""

END_OF_DAY = time(23, 59)
"""When an occurrence is due whose rule names no hour."""

CYCLES = 7600
"""Years by which rules are worked out in the future.

A rule that never happens (30 February) is searched up to the year 9999, for 2.7 s.
Every 400 years the calendar repeats, weekdays too, so the search is made where it
ends soon.
"""


class Occurrence(NamedTuple):
    """One time that a rule falls: the local day, and the moment in UTC."""

    on: date
    due_at: datetime


def _parts(rule: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in rule.split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) < len(pairs):
        raise ValueError(Words("a rule says each of its parts once"))
    return parts


def known_rule(text: str) -> str:
    """The rule in capitals; raises ``ValueError`` if no routine can follow it."""
    rule = text.upper()
    parts = _parts(rule)
    for name, value in parts.items():
        if not re.fullmatch(PARTS.get(name, "(?!)"), value, re.ASCII):
            raise ValueError(
                Words("a rule cannot have {name}={value}", name=name, value=value)
            )
    if "FREQ" not in parts or parts.keys() >= {"COUNT", "UNTIL"}:
        raise ValueError(Words("a rule has a FREQ, and not both COUNT and UNTIL"))
    date.fromisoformat(parts.pop("UNTIL", "20000101")[:8])
    parts.pop("INTERVAL", None)  # with it, whether there is a day depends on the start
    if not any(True for _ in rrulestr(_joined(parts), dtstart=datetime(9900, 1, 1))):  # noqa: DTZ001  # local
        raise ValueError(Words("the rule never happens"))
    return rule


def _joined(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


def known_zone(name: str) -> str:
    """The name; raises ``ValueError`` if it is no time zone of the IANA database."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(Words("there is no such time zone")) from None
    return name


RecurrenceRule = Annotated[
    ShortText, AfterValidator(known_rule), Field(examples=["FREQ=MONTHLY"])
]
TimeZone = Annotated[Code, AfterValidator(known_zone), Field(examples=["Europe/Rome"])]
StartDate = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))]


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule, the time zone of its clock, and the day on which it starts.

    A rule by months or years that names no day takes that of its start; where a month
    is too short for it, it falls on the month's last day instead of nowhere.
    """

    rule: str
    zone: str
    starts_on: date

    def between(self, first: date, last: date) -> list[Occurrence]:
        """The occurrences from the first to the last day, both included."""
        return [self._occurrence(it) for it in self._moments(first, last)]

    def due(self, today: date, last: date) -> list[Occurrence]:
        """Those from today on and, of those missed before, the latest alone."""
        moments = self._moments(self.starts_on, last)
        coming = bisect_left(moments, datetime.combine(today, time.min))
        return [self._occurrence(it) for it in moments[max(coming - 1, 0) :]]

    def _occurrence(self, moment: datetime) -> Occurrence:
        local = moment.replace(tzinfo=ZoneInfo(self.zone))
        return Occurrence(moment.date(), local.astimezone(UTC))

    def _moments(self, first: date, last: date) -> list[datetime]:
        parts, start = _parts(self.rule), self.starts_on
        last = min(last, date.fromisoformat(parts.pop("UNTIL", "21991231")[:8]))
        monthly = parts["FREQ"] in ("MONTHLY", "YEARLY")
        day = start.day
        if monthly and day > 28 and not parts.keys() & {"BYDAY", "BYMONTHDAY"}:
            start = start.replace(day=28)
        clock = time.min if "BYHOUR" in parts else END_OF_DAY
        rule = rrulestr(_joined(parts), dtstart=_moved(start, clock, CYCLES))
        found = rule.between(
            _moved(first - timedelta(days=3), time.min, CYCLES),
            _moved(last, time.max, CYCLES),
            inc=True,
        )
        local = [_moved(it.date(), it.time(), -CYCLES) for it in found]
        if start.day != day:
            local = [it.replace(day=_last_up_to(day, it)) for it in local]
        return [it for it in local if first <= it.date() <= last]


def _moved(day: date, clock: time, years: int) -> datetime:
    return datetime.combine(day.replace(year=day.year + years), clock)


def _last_up_to(day: int, month: date) -> int:
    return min(day, monthrange(month.year, month.month)[1])
