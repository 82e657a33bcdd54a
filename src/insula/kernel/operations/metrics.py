"""Metrics: what Prometheus reads of one process, with labels that stay few (R28).

Each worker process counts for itself; several workers behind one port are scraped
one at a time, so a fleet runs one worker a container and scrapes every container.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from itertools import accumulate
from uuid import UUID

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    HistogramMetricFamily,
    Metric,
)
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
        self._requests: dict[tuple[str, int], int] = defaultdict(int)
        self._by_tenant: dict[str, _Times] = {}
        self._by_operation: dict[tuple[str, int], _Times] = {}
        registry.register(_Requests(self))
        Info("insula_build", "What runs.", registry=registry).info({"version": version})
        ProcessCollector(registry=registry)

    def observe(
        self, tenant_id: UUID | None, operation: str, status: int, seconds: float
    ) -> None:
        """Count one answered request."""
        label = self._tenants.get(tenant_id) or self._label(tenant_id)
        self._requests[label, status] += 1
        times = self._by_tenant.get(label)
        if times is None:
            times = self._by_tenant[label] = _Times(TENANT_BUCKETS)
        times.add(seconds)
        times = self._by_operation.get((operation, status))
        if times is None:
            times = _Times(OPERATION_BUCKETS)
            self._by_operation[operation, status] = times
        times.add(seconds)

    def families(self) -> Iterable[CounterMetricFamily | HistogramMetricFamily]:
        """What was observed, as Prometheus writes it."""
        requests = CounterMetricFamily(
            "tenant_requests",
            "Requests that were answered.",
            labels=("tenant_id", "status"),
        )
        for (tenant, status), count in self._requests.items():
            requests.add_metric((tenant, str(status)), count)
        tenants = HistogramMetricFamily(
            "tenant_request_duration_seconds",
            "How long a tenant's requests took.",
            labels=("tenant_id",),
        )
        for tenant, times in self._by_tenant.items():
            tenants.add_metric((tenant,), *times.told())
        operations = HistogramMetricFamily(
            "request_duration_seconds",
            "How long an operation's requests took.",
            labels=("operation", "status"),
        )
        together: dict[tuple[str, str], _Times] = {}
        for (operation, status), times in self._by_operation.items():
            key = operation, CLASSES[status // 100]
            together.setdefault(key, _Times(OPERATION_BUCKETS)).merge(times)
        for key, times in together.items():
            operations.add_metric(key, *times.told())
        return requests, tenants, operations

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


class _Times:
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

    def merge(self, other: "_Times") -> None:
        """Count all that another has counted."""
        pairs = zip(self._counts, other._counts, strict=True)
        self._counts = [mine + theirs for mine, theirs in pairs]
        self._total += other._total

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative counts by upper bound, and the sum."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True)), self._total


class _Requests(Collector):
    """The requests that were observed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics.families()


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
