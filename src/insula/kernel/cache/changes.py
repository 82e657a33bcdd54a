"""Changes: what became stale when, so that no value outlives the news of its cause."""

from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

from insula.kernel.cache.lru import EVERYTHING

REMEMBERED = 50_000
"""Tags whose last change is known one by one; for all others the oldest of it counts."""


class Changes:
    """Numbers every change; a number taken before work tells whether it was overtaken."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most, self._floor, self.number = most, 0, 0
        self._last: OrderedDict[tuple[UUID, str], int] = OrderedDict()

    def note(self, tenant_id: UUID, tag: str) -> None:
        """Something with this tag has changed."""
        self.number += 1
        place = tenant_id, tag
        self._last[place] = self.number
        self._last.move_to_end(place)
        if len(self._last) > self._most:
            self._floor = self._last.popitem(last=False)[1]

    def note_all(self) -> None:
        """Anything may have changed."""
        self.number += 1
        self._floor = self.number
        self._last.clear()

    def none_since(self, number: int, tenant_id: UUID, tags: Iterable[str]) -> bool:
        """Whether what was worked out from ``number`` on is still true."""
        if number < self._floor:
            return False
        last = self._last
        return all(
            last.get((tenant_id, tag), 0) <= number for tag in (EVERYTHING, *tags)
        )
