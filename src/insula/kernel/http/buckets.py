"""Buckets: how much may still pass, each known by one moment (GCRA).

A bucket holds ``quota`` requests and fills evenly over ``window`` seconds. All that is
kept of it is the moment at which it will be full again: one number, without a timer.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

MOST = 100_000
"""Buckets in one generation of a process; at most twice as many are kept."""
SLACK = 1e-6
"""Seconds and requests by which sums of fractions may be wrong."""


class Layer:
    """One rule: so many requests in so many seconds, for each of its subjects."""

    __slots__ = ("_named", "interval", "name", "policy", "quota", "window")

    def __init__(self, name: str, quota: int, window: float) -> None:
        self.name, self.quota, self.window = name, quota, window
        self.interval = window / quota
        self._named = b'"%b";r=' % name.encode()
        self.policy = b'"%b";q=%d;w=%d' % (name.encode(), quota, int(window))

    def left(self, debt: float) -> bytes:
        """What the header tells of a bucket that is full again in ``debt`` seconds."""
        rest = int((self.window - debt) / self.interval + SLACK)
        return b"%b%d;t=%d" % (self._named, rest, int(debt + 0.999))


@lru_cache(maxsize=1024)
def layer(name: str, quota: int, window: float) -> Layer | None:
    """The rule of that size; none, where the quota is none."""
    return Layer(name, quota, window) if quota > 0 else None


Subject = tuple[Hashable, ...]
Wanted = Sequence[tuple[Layer, Subject]]
"""From which buckets one request takes: their rules and subjects."""


class Taken(NamedTuple):
    """What came of asking for one request."""

    wait: float
    """Seconds until every bucket would let it pass; 0 if all did."""
    debts: Sequence[float]
    """Seconds until each is full again."""


class Buckets:
    """The buckets of this process, bounded: what nobody asks for goes first.

    Two generations of a dictionary are cheaper than an order of use: when the young
    one is full it becomes the old one, and what is asked for moves over again.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most: int = MOST
    ) -> None:
        self._clock, self._most = clock, most
        self._young: dict[Hashable, float] = {}
        self._old: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, wanted: Wanted) -> Taken:
        """Take one request from every bucket, or from none if one is empty."""
        now, young, old = self._clock(), self._young, self._old
        wait, debts = 0.0, []
        for rule, subject in wanted:
            place = rule.name, subject
            full = young.get(place)
            if full is None:
                full = old.get(place, now)
            debt = full - now
            if debt < 0:
                debt = 0.0
            debts.append(debt)
            excess = debt + rule.interval - rule.window
            if excess > SLACK and excess > wait:
                wait = excess
        if wait:
            return Taken(wait, debts)
        if len(young) >= self._most:
            self._old, self._young = young, {}
            young = self._young
        for at, (rule, subject) in enumerate(wanted):
            debts[at] += rule.interval
            young[rule.name, subject] = now + debts[at]
        return Taken(0.0, debts)
