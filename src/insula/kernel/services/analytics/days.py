"""Days: what the sign-ins of each amount to, kept for the past and counted for today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Transaction
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.analytics.recording import record_lost
from insula.kernel.services.analytics.statements import (
    CLEAR,
    COUNT,
    FILL,
    FIRST_EVENT,
    KEPT,
    LAST_DAY,
    PRUNE,
)
from insula.kernel.tenancy.tenant import Tenant

DAY = timedelta(days=1)
AGAIN = 2
"""Days that the night counts a second time, for events that came late."""
KEPT_FOR = timedelta(days=400)
"""For how long events are kept; the days' counts stay."""


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of one day."""

    day: date
    logins: int = 0
    users: int = 0
    failures: int = 0
    methods: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a tenant, from the first to the one that is no more among them."""

    first: date
    end: date
    zone: str

    def each(self) -> Sequence[date]:
        """All of them."""
        return [self.first + DAY * at for at in range((self.end - self.first).days)]


def zone_name(tenant: Tenant) -> str:
    """The tenant's time zone; UTC where it says none, or one that does not exist."""
    try:
        return ZoneInfo(tenant.zone or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"


def today(zone: str, moment: datetime) -> date:
    """Which day it is there."""
    there: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
    return moment.astimezone(there).date()


async def read_days(transaction: Transaction, span: Span) -> Sequence[Day]:
    """Every day of the span; what the night has not counted yet is counted now."""
    kept = await transaction.fetch(KEPT, span.first, span.end)
    last = (await transaction.fetch(LAST_DAY))[0]["day"]
    counted_from = span.first if last is None else max(span.first, last + DAY)
    counted: Sequence[Record] = ()
    if counted_from < span.end:
        fresh = span.zone, counted_from, span.end
        counted = await transaction.fetch(COUNT, *fresh)
    found = {row["day"]: _day(row) for row in (*kept, *counted)}
    return [found.get(day) or Day(day) for day in span.each()]


async def rebuild(work: WorkContext, first: date | None = None) -> None:
    """Count the days up to yesterday from their events again, from ``first`` on.

    Days of which the events are gone stay as they are. Twice is as good as once.
    """
    zone, transaction = zone_name(work.tenant), work.transaction
    oldest = (await transaction.fetch(FIRST_EVENT))[0]["at"]
    if oldest is None:
        return
    earliest = today(zone, oldest)
    if oldest < work.now - KEPT_FOR + DAY:  # of the first day some may be gone
        earliest += DAY
    first = earliest if first is None else max(first, earliest)
    end = today(zone, work.now)
    if first < end:
        await transaction.fetch(CLEAR, first, end)
        await transaction.fetch(FILL, zone, first, end)


async def nightly(work: WorkContext) -> None:
    """Find what was lost, count the days that are over, forget what is old (S4-25)."""
    await record_lost(work)
    last = (await work.transaction.fetch(LAST_DAY))[0]["day"]
    await rebuild(work, None if last is None else last - DAY * AGAIN)
    await work.transaction.fetch(PRUNE, work.now - KEPT_FOR)


def _day(row: Record) -> Day:
    counts = (_counts(row[name]) for name in ("methods", "reasons", "hours"))
    return Day(row["day"], row["logins"], row["users"], row["failures"], *counts)


def _counts(text: str) -> Mapping[str, int]:
    return msgspec.json.decode(text, type=dict[str, int])
