"""Metrics: what Prometheus reads of one process, with labels that stay few (R28).

Each worker process counts for itself; several workers behind one port are scraped
one at a time, so a fleet runs one worker a container and scrapes every container.
"""

from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from insula.kernel.cache.memory import Cache
from insula.kernel.database.pool import Pools
from insula.kernel.operations.lifecycle import Lifecycle, State

TENANT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; these and no others (S1-74)."""
OPERATION_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
NOBODY = "-"
OTHER = "other"
CLASSES = tuple(f"{hundred}xx" for hundred in range(10))


class Metrics:
    """The counters and histograms of requests, and gauges of what the process holds.

    The first ``most_tenants`` tenants that call have a label of their own, the rest
    share one: their exact numbers are in the database.
    """

    def __init__(self, *, version: str, most_tenants: int = 100) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped there
        self.registry = registry = CollectorRegistry()
        self._most, self._tenants = most_tenants, dict[UUID | None, str]()
        self._tenants[None] = NOBODY
        self._requests = Counter(
            "tenant_requests_total",
            "Requests that were answered.",
            ("tenant_id", "status"),
            registry=registry,
        )
        self._tenant_seconds = Histogram(
            "tenant_request_duration_seconds",
            "How long a tenant's requests took.",
            ("tenant_id",),
            buckets=TENANT_BUCKETS,
            registry=registry,
        )
        self._operation_seconds = Histogram(
            "request_duration_seconds",
            "How long an operation's requests took.",
            ("operation", "status"),
            buckets=OPERATION_BUCKETS,
            registry=registry,
        )
        self._counts: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._operations: dict[tuple[str, int], Histogram] = {}
        Info("insula_build", "What runs.", registry=registry).info({"version": version})
        ProcessCollector(registry=registry)

    def observe(
        self, tenant_id: UUID | None, operation: str, status: int, seconds: float
    ) -> None:
        """Count one answered request."""
        label = self._tenants.get(tenant_id) or self._label(tenant_id)
        found = self._counts.get((label, status))
        if found is None:
            found = self._counts[label, status] = (
                self._requests.labels(label, str(status)),
                self._tenant_seconds.labels(label),
            )
        found[0].inc()
        found[1].observe(seconds)
        taken = self._operations.get((operation, status))
        if taken is None:
            taken = self._operation_seconds.labels(operation, CLASSES[status // 100])
            self._operations[operation, status] = taken
        taken.observe(seconds)

    def _label(self, tenant_id: UUID | None) -> str:
        if len(self._tenants) > self._most:
            return OTHER
        label = self._tenants[tenant_id] = str(tenant_id)
        return label

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Publish a value that is read when it is asked for."""
        Gauge(name, meaning, registry=self.registry).set_function(value)

    def watch(self, lifecycle: Lifecycle, pools: Pools, cache: Cache) -> None:
        """Publish what the process is doing and holding."""
        self.gauge(
            "requests_in_flight",
            "Requests that are being answered.",
            lambda: lifecycle.in_flight,
        )
        self.gauge("database_connections_open", "Open connections.", lambda: pools.open)
        self.registry.register(_CacheQuestions(cache))
        state = Gauge(
            "insula_state", "1 for the state.", ("state",), registry=self.registry
        )
        for each in State:
            state.labels(each.value).set_function(partial(_is_in, lifecycle, each))
        phases = Gauge(
            "insula_start_phase_seconds",
            "How long a phase of the start took.",
            ("phase",),
            registry=self.registry,
        )
        for report in lifecycle.reports:
            child = phases.labels(str(report.phase.number))
            child.set_function(partial(getattr, report, "seconds"))

    def render(self) -> tuple[str, bytes]:
        """Content type and text of all metrics."""
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)


def _is_in(lifecycle: Lifecycle, state: State) -> float:
    return float(lifecycle.state is state)


class _CacheQuestions(Collector):
    """The cache's own counts, as Prometheus writes them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(
            "cache_requests", "Questions to the cache.", labels=("outcome",)
        )
        family.add_metric(("hit",), self._cache.hits)
        family.add_metric(("miss",), self._cache.misses)
        yield family
