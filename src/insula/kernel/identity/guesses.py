"""Guesses: the throttle's rules in memory, for accounts of which there is no home.

Somebody who tries passwords at a tenant that does not exist waits as anywhere else.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import NamedTuple

from insula.kernel.foundation.clock import Clock, now
from insula.kernel.identity.throttle_rows import (
    FAILURES,
    LONGEST_WAIT,
    MEMORY,
    WINDOW,
)

MOST = 10_000
_WINDOW, _MINUTE = timedelta(seconds=WINDOW), timedelta(minutes=1)


class Count(NamedTuple):
    """What is known of one account."""

    full_at: datetime
    failures: int
    failed_at: datetime
    locked_until: datetime | None = None


class Guesses:
    """Counts attempts as ``TAKE`` does; the account of longest ago is forgotten first."""

    def __init__(self, step: timedelta, clock: Clock = now, most: int = MOST) -> None:
        self._step, self._clock, self._most = step, clock, most
        self._counts: OrderedDict[Hashable, Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def take(self, account: Hashable) -> timedelta:
        """Count an attempt; the time that it has to wait, which is 0 for most."""
        at, count = self._clock(), self._counts.get(account)
        if count is not None:
            until = self._refused_until(count, at)
            if until is not None:
                return until - at
        self._counts[account] = self._next(count, at)
        self._counts.move_to_end(account)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return timedelta()

    def _refused_until(self, count: Count, at: datetime) -> datetime | None:
        spent = max(count.full_at, at) + self._step - _WINDOW
        late = [it for it in (spent, count.locked_until) if it is not None and it > at]
        return max(late, default=None)

    def _next(self, count: Count | None, at: datetime) -> Count:
        if count is None:
            return Count(at + self._step, 1, at)
        last = max(count.failed_at, count.locked_until or count.failed_at)
        remembered = last + MEMORY * _MINUTE > at
        failures = (count.failures if remembered else 0) + 1
        locked = None
        if failures >= FAILURES:
            over = min(failures - FAILURES, LONGEST_WAIT)
            locked = at + min(2**over, LONGEST_WAIT) * _MINUTE
        return Count(max(count.full_at, at) + self._step, failures, at, locked)
