"""Metrics: what Prometheus reads of one process, with labels that stay few (R28).

Each worker process counts for itself; several workers behind one port are scraped
one at a time, so a fleet runs one worker a container and scrapes every container.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
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

from insula.kernel.cache.front import Cache
from insula.kernel.database.pool import Pools
from insula.kernel.foundation.times import Labels, Times
from insula.kernel.operations.lifecycle import Lifecycle, State

TENANT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; these and no others (S1-74)."""
OPERATION_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
CLASSES = tuple(f"{hundred}xx" for hundred in range(10))

Source = Callable[[], Awaitable[Iterable[Metric]]]
"""Figures that must be asked for, of a database say."""


class Metrics:
    """The counters and histograms of requests, and gauges of what the process holds.

    The first ``most_tenants`` tenants that call have a label of their own, the rest
    share one: their exact numbers are in the database.
    """

    def __init__(self, *, version: str, most_tenants: int = 100) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped there
        self.registry = registry = CollectorRegistry()
        self._tenants = Labels(most_tenants)
        self._requests: dict[tuple[str, int], int] = defaultdict(int)
        self._by_tenant: dict[str, Times] = {}
        self._by_operation: dict[tuple[str, int], Times] = {}
        self._sources: list[Source] = []
        registry.register(_Requests(self))
        Info("insula_build", "What runs.", registry=registry).info({"version": version})
        ProcessCollector(registry=registry)

    def observe(
        self, tenant_id: UUID | None, operation: str, status: int, seconds: float
    ) -> None:
        """Count one answered request."""
        label = self._tenants[tenant_id]
        self._requests[label, status] += 1
        times = self._by_tenant.get(label)
        if times is None:
            times = self._by_tenant[label] = Times(TENANT_BUCKETS)
        times.add(seconds)
        times = self._by_operation.get((operation, status))
        if times is None:
            times = Times(OPERATION_BUCKETS)
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
        together: dict[tuple[str, str], Times] = {}
        for (operation, status), times in self._by_operation.items():
            key = operation, CLASSES[status // 100]
            together.setdefault(key, Times(OPERATION_BUCKETS)).merge(times)
        for key, times in together.items():
            operations.add_metric(key, *times.told())
        return requests, tenants, operations

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
        self.gauge("database_connections_busy", "Those at work.", lambda: pools.busy)
        self.registry.register(_SlowQueries(pools))
        self.registry.register(_CacheQuestions(cache))
        kept = cache.near.store
        self.gauge("cache_entries", "Answers kept in memory.", kept.__len__)
        self.gauge("cache_bytes", "Memory they take.", lambda: kept.bytes)
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

    def ask(self, source: Source) -> None:
        """Publish what a source answers whenever the metrics are read."""
        self._sources.append(source)

    async def read(self) -> tuple[str, bytes]:
        """Content type and text of all metrics, the sources' included."""
        asked = CollectorRegistry()
        for source in self._sources:
            asked.register(_Asked(await source()))
        kind, body = self.render()
        return kind, body + generate_latest(asked)

    def render(self) -> tuple[str, bytes]:
        """Content type and text of what this process knows by itself."""
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)


class _Asked(Collector):
    """What a source has answered."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


class _SlowQueries(Collector):
    """The statements of this process that took too long (S0-68)."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "database_slow_queries", "Slow statements.", labels=("tenant_id",)
        )
        for label, count in self._pools.slowness.counts.items():
            family.add_metric((label,), count)
        yield family


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

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "cache_requests", "Questions to the cache.", labels=("class", "outcome")
        )
        for kind, hits, misses in self._cache.tally.by_class():
            family.add_metric((kind, "hit"), hits)
            family.add_metric((kind, "miss"), misses)
        yield family
        shared = self._cache.shared
        faults = CounterMetricFamily(
            "cache_shared_faults", "Questions the shared cache did not answer."
        )
        faults.add_metric((), 0 if shared is None else shared.faults)
        yield faults
