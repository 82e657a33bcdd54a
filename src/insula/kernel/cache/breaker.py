"""The breaker: what is away is asked again seldom, and nobody waits for it meanwhile."""

from collections.abc import Callable

FIRST, LONGEST = 0.5, 15.0
"""Seconds until the next attempt: doubled from one to the other."""


class Breaker:
    """Counts faults and says whether it is worth asking."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pause, self._until = 0.0, 0.0
        self.faults = 0

    @property
    def closed(self) -> bool:
        """Whether the last question was answered."""
        return self._pause == 0

    def allows(self) -> bool:
        """Whether to ask now; while it is away, one question per pause is let through."""
        if self._pause == 0:
            return True
        moment = self._clock()
        if moment < self._until:
            return False
        self._until = moment + self._pause
        return True

    def answered(self) -> None:
        """It is there."""
        self._pause = 0.0

    def failed(self) -> None:
        """It did not answer."""
        self.faults += 1
        self._pause = min(max(FIRST, self._pause * 2), LONGEST)
        self._until = self._clock() + self._pause
