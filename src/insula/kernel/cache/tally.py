"""The tally: how often the cache knew the answer, by class."""

from collections.abc import Iterator

from insula.kernel.cache.classes import CacheClass


class Tally:
    """Counts of one process; written by its event loop alone."""

    def __init__(self) -> None:
        self._hits = dict.fromkeys(CacheClass, 0)
        self._misses = dict.fromkeys(CacheClass, 0)

    def hit(self, kind: CacheClass) -> None:
        """The answer was known."""
        self._hits[kind] += 1

    def miss(self, kind: CacheClass) -> None:
        """It was not."""
        self._misses[kind] += 1

    @property
    def hits(self) -> int:
        """Questions whose answer was known."""
        return sum(self._hits.values())

    @property
    def misses(self) -> int:
        """Questions whose answer was not known."""
        return sum(self._misses.values())

    @property
    def ratio(self) -> float | None:
        """The part of questions whose answer was known; None before the first."""
        asked = self.hits + self.misses
        return round(self.hits / asked, 4) if asked else None

    def by_class(self) -> Iterator[tuple[CacheClass, int, int]]:
        """Hits and misses of each class."""
        for kind in CacheClass:
            yield kind, self._hits[kind], self._misses[kind]
