"""Times: how long things took, counted in buckets, and labels that stay few (R28)."""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

NOBODY = "-"
OTHER = "other"


class Times:
    """A histogram without a lock: it is written and read by the event loop alone.

    prometheus-client's own takes a lock for each of its values, five a request.
    """

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds, self._total = bounds, 0.0
        self._counts = [0] * (len(bounds) + 1)

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def merge(self, other: "Times") -> None:
        """Count all that another has counted."""
        pairs = zip(self._counts, other._counts, strict=True)
        self._counts = [mine + theirs for mine, theirs in pairs]
        self._total += other._total

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self._counts)

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative counts by upper bound, and the sum."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True)), self._total

    def figures(self) -> Iterable[tuple[str, float]]:
        """The same as names and numbers that may be added to those of others."""
        bounds = (*map(str, self._bounds), "inf")
        for bound, count in zip(bounds, self._counts, strict=True):
            if count:
                yield bound, count
        yield "sum", self._total

    def take(self, name: str, value: float) -> None:
        """Count one of another's figures, whose bounds may have been others."""
        if name == "sum":
            self._total += value
        else:
            self._counts[bisect_left(self._bounds, float(name))] += int(value)


class Labels(dict[object, str]):
    """The label of each of the first ``most`` keys; the rest share one, None has its own."""

    def __init__(self, most: int) -> None:
        super().__init__({None: NOBODY})
        self._most = most

    def __missing__(self, key: object) -> str:
        """A label for whoever comes for the first time, or comes too late."""
        if len(self) > self._most:
            return OTHER
        label = self[key] = str(key)
        return label
