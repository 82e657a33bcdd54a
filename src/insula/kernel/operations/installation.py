"""The installation: figures that no process has by itself, read when Prometheus asks.

Every server process answers with the same of these, for all of them: a query over
several takes their maximum, not their sum.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import structlog
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.times import Labels
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.roster import SLOW, Workforce, read_roster
from insula.kernel.jobs.tally import Outcome, tallies_of
from insula.kernel.jobs.tickets import Depth, depths

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

PATIENCE = 2.0
"""Seconds that the control database may take; without it the page has the rest."""
STATES = ("queued", "picked")
"""Waiting for a worker, and being run."""

Fetch = Callable[..., Awaitable[Sequence[Any]]]


class Installation:
    """What is in the queues, and what all worker processes have done."""

    def __init__(self, fetch: Fetch, most_tenants: int = 100) -> None:
        self._fetch, self._labels = fetch, Labels(most_tenants)

    async def families(self) -> Iterable[Metric]:
        """All of it, as Prometheus writes it."""
        readable = GaugeMetricFamily(
            "queues_readable", "1 if the figures of queues and workers could be had."
        )
        try:
            async with asyncio.timeout(PATIENCE):
                tickets = await depths(self._fetch)
                workforce = await read_roster(self._fetch)
        except Exception as error:  # noqa: BLE001  # whatever it is, the rest is told
            logger.warning("metrics.no_queues", error=describe(error))
            readable.add_metric((), 0)
            return (readable,)
        readable.add_metric((), 1)
        return (readable, *_queues(tickets), *self._workers(workforce))

    def _workers(self, workforce: Workforce) -> Iterable[Metric]:
        alive = GaugeMetricFamily("workers_alive", "Worker processes that are alive.")
        alive.add_metric((), workforce.alive)
        slow = CounterMetricFamily(
            "worker_slow_queries", "Slow statements of jobs.", labels=("tenant_id",)
        )
        for label, count in self._slow(workforce).items():
            slow.add_metric((label,), count)
        return (alive, slow, *_jobs(workforce))

    def _slow(self, workforce: Workforce) -> dict[str, float]:
        counts: dict[str, float] = {}
        for key, count in sorted(workforce.figures):
            kind, _, whose = key.partition("|")
            if kind == SLOW:
                label = self._labels[whose]
                counts[label] = counts.get(label, 0) + count
        return counts


def _queues(tickets: Sequence[Depth]) -> Iterable[Metric]:
    """How many tickets each queue has, and how old the oldest is (S0-66)."""
    labels = ("queue", "state")
    depth = GaugeMetricFamily(
        "queue_tickets", "Jobs that wait for a worker or are run.", labels=labels
    )
    oldest = GaugeMetricFamily(
        "queue_oldest_seconds", "The age of the oldest of them.", labels=labels
    )
    every = {(queue.value, state): (0, 0.0) for queue in Queue for state in STATES}
    every |= {(it.queue, it.status): (it.count, it.age) for it in tickets}
    for key, (count, age) in every.items():
        depth.add_metric(key, count)
        oldest.add_metric(key, age)
    return depth, oldest


def _jobs(workforce: Workforce) -> Iterable[Metric]:
    """How jobs ended and how long they took, and the dead letters among them."""
    seconds = HistogramMetricFamily(
        "job_duration_seconds",
        "How long runs of jobs took.",
        labels=("queue", "outcome"),
    )
    dead = CounterMetricFamily(
        "jobs_dead", "Jobs that were given up.", labels=("queue",)
    )
    letters = {queue.value: 0 for queue in Queue}
    for (queue, outcome), times in tallies_of(workforce.figures).items():
        seconds.add_metric((queue, outcome), *times.told())
        if outcome == Outcome.dead:
            letters[queue] = times.count
    for queue, count in letters.items():
        dead.add_metric((queue,), count)
    return seconds, dead
