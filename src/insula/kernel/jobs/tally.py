"""The tally: how jobs ended and how long they took, by queue, in one worker process."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from insula.kernel.foundation.times import Times

BUCKETS = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
    *(5.0, 10.0, 30.0, 60.0, 300.0, 600.0),
)
"""Seconds; the longest tasks may take ten minutes a chunk."""
JOB = "job"


class Outcome(StrEnum):
    """What became of one run of a job."""

    done = "done"
    again = "again"
    """It goes on later, as it wanted to: its next chunk, or another look."""
    failed = "failed"
    """It will be tried again."""
    dead = "dead"
    """It was given up: a dead letter."""
    postponed = "postponed"


Tallies = Mapping[tuple[str, str], Times]
"""How long runs took, by queue and outcome."""


class Tally:
    """Counts the runs of this process."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], Times] = {}

    def count(self, queue: str, outcome: Outcome, seconds: float) -> None:
        """Count one run."""
        key = queue, outcome.value
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = Times(BUCKETS)
        times.add(seconds)

    def figures(self) -> dict[str, float]:
        """All of it as names and numbers, to be added to those of other processes."""
        return {
            f"{JOB}|{queue}|{outcome}|{name}": value
            for (queue, outcome), times in self._times.items()
            for name, value in times.figures()
        }


def tallies_of(figures: Iterable[tuple[str, float]]) -> Tallies:
    """What the figures of all processes say of jobs."""
    found: dict[tuple[str, str], Times] = {}
    for key, value in figures:
        kind, _, rest = key.partition("|")
        if kind == JOB:
            queue, outcome, name = rest.split("|")
            found.setdefault((queue, outcome), Times(BUCKETS)).take(name, value)
    return found
