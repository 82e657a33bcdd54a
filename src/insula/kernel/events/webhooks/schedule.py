"""The schedule of a webhook's attempts, as a pure function."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

HOUR = 3600.0
JITTER = 0.2
LONGEST_WAIT = 24 * HOUR
"""Seconds that a receiver's Retry-After may ask for at most."""


class Plan(StrEnum):
    """How often, and how long, delivery is tried."""

    standard = "standard"
    """Ten attempts over three days (Standard Webhooks)."""
    extended = "extended"
    """One and three more like a job, then on for some days (R23)."""
    short = "short"
    """One and three more like a job (S0-62)."""


WAITS: dict[Plan, tuple[float, ...]] = {
    Plan.standard: (
        *(5, 300, 1800, 2 * HOUR, 5 * HOUR),
        *(10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
    ),
    Plan.extended: (
        *(60, 300, 900),
        *(HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR),
    ),
    Plan.short: (60, 300, 900),
}
"""Seconds to wait after each failed attempt, but for the last."""


def next_wait(
    plan: Plan,
    attempts: int,
    *,
    random: Callable[[], float],
    asked: float | None = None,
) -> timedelta | None:
    """How long to wait after so many failed attempts; None when it is over.

    ``random`` is from 0 to 1: receivers that failed together are not tried together.
    ``asked`` is what the receiver's Retry-After wants, which may only lengthen it.
    """
    waits = WAITS[plan]
    if attempts > len(waits):
        return None
    seconds = waits[attempts - 1] * (1 + JITTER * (2 * random() - 1))
    if asked is not None:
        seconds = max(seconds, min(asked, LONGEST_WAIT))
    return timedelta(seconds=seconds)


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """The seconds of a Retry-After header: a number, or a moment after ``date``."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        since = datetime.now(UTC) if date is None else parsedate_to_datetime(date)
        seconds = (moment - since).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
