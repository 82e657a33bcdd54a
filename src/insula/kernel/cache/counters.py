"""Counters: how often something happened in the present window (S2-96)."""

from collections.abc import Callable
from uuid import UUID

MOST = 50_000


class Counters:
    """Bounded counts of this process, each of which ends with its window."""

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock, self._most = clock, most
        self._counts: dict[tuple[UUID, str], tuple[int, float]] = {}

    def count(self, tenant_id: UUID, key: str, within: float) -> int:
        """Count one; the window of ``within`` seconds begins with the first."""
        place, moment = (tenant_id, key), self._clock()
        number, until = self._counts.get(place, (0, 0.0))
        if until <= moment:
            self._counts.pop(place, None)
            self._make_room(moment)
            number, until = 0, moment + within
        self._counts[place] = number + 1, until
        return number + 1

    def _make_room(self, moment: float) -> None:
        """Forget what is over; if nothing is, forget the oldest."""
        if len(self._counts) < self._most:
            return
        over = [place for place, (_, until) in self._counts.items() if until <= moment]
        for place in over or [next(iter(self._counts))]:
            del self._counts[place]
