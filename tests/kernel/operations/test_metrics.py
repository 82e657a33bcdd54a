"""Prometheus finds the names it was promised, and never too many labels."""

from uuid import UUID, uuid4

from prometheus_client.parser import text_string_to_metric_families

from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.database.pool import Pools
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.metrics import Metrics
from tests.kernel.operations.scraped import Scraped

TENANT = UUID(int=7)


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.render()[1].decode())
    return {
        (it.name, frozenset(it.labels.items())): it.value
        for family in families
        for it in family.samples
    }


def label_values(metrics: Metrics, sample: str, label: str) -> set[str]:
    return {dict(labels)[label] for name, labels in samples(metrics) if name == sample}


def test_requests_are_counted_by_tenant_and_status() -> None:
    """S1-72."""
    metrics = Metrics(version="1")
    for status in (200, 200, 404):
        metrics.observe(TENANT, "notes.list", status, 0.01)
    found = samples(metrics)
    tenant = ("tenant_id", str(TENANT))
    assert found["tenant_requests_total", frozenset({tenant, ("status", "200")})] == 2
    assert found["tenant_requests_total", frozenset({tenant, ("status", "404")})] == 1


def test_the_buckets_of_a_tenants_requests_are_the_seven_and_infinity() -> None:
    """S1-73, S1-74."""
    metrics = Metrics(version="1")
    metrics.observe(TENANT, "notes.list", 200, 0.3)
    name = "tenant_request_duration_seconds_bucket"
    buckets = label_values(metrics, name, "le")
    assert buckets == {"0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"}
    tenant = ("tenant_id", str(TENANT))
    found = samples(metrics)
    assert found[name, frozenset({tenant, ("le", "0.25")})] == 0
    assert found[name, frozenset({tenant, ("le", "0.5")})] == 1


def test_operations_have_finer_buckets_and_the_class_of_the_status() -> None:
    """S0-64, S0-65."""
    metrics = Metrics(version="1")
    metrics.observe(None, "notes.list", 503, 0.003)
    labels = {("operation", "notes.list"), ("status", "5xx")}
    assert (
        samples(metrics)[
            "request_duration_seconds_bucket", frozenset({*labels, ("le", "0.005")})
        ]
        == 1
    )


def test_the_quantiles_of_the_latency_follow_from_the_buckets() -> None:
    """S0-64: p50, p95 and p99, each within its bucket."""
    metrics = Metrics(version="1")
    for seconds in (*[0.004] * 90, *[0.08] * 7, *[2.0] * 3):
        metrics.observe(TENANT, "notes.list", 200, seconds)
    page, name = Scraped(metrics.render()[1]), "request_duration_seconds"
    assert 0.0025 < page.quantile(0.5, name, operation="notes.list") <= 0.005
    assert 0.05 < page.quantile(0.95, name, operation="notes.list") <= 0.1
    assert 1.0 < page.quantile(0.99, name, operation="notes.list") <= 2.5


def test_the_error_rate_of_an_operation_follows_from_its_counts() -> None:
    """S0-65, S2-131: requests and errors by endpoint."""
    metrics = Metrics(version="1")
    for operation, status, times in (
        ("notes.list", 200, 15),
        ("notes.list", 500, 3),
        ("notes.list", 503, 2),
        ("notes.read", 200, 7),
    ):
        for _ in range(times):
            metrics.observe(TENANT, operation, status, 0.01)
    page, name = Scraped(metrics.render()[1]), "request_duration_seconds_count"
    errors = page.total(name, operation="notes.list", status="5xx")
    assert errors / page.total(name, operation="notes.list") == 0.25
    assert page.total(name, operation="notes.read", status="5xx") == 0


def test_the_hit_ratio_of_the_cache_follows_from_its_counts() -> None:
    """S0-67: by class of what is kept."""
    metrics, cache = Metrics(version="1"), Cache()
    metrics.watch(Lifecycle([]), Pools(), cache)
    for _ in range(3):
        cache.tally.hit(CacheClass.model)
    cache.tally.miss(CacheClass.model)
    page, name = Scraped(metrics.render()[1]), "cache_requests_total"
    hits = page.total(name, outcome="hit")
    assert hits / page.total(name) == 0.75
    assert page.labels(name, "class") >= {"model"}


def test_tenants_beyond_the_cap_share_one_label() -> None:
    """R28."""
    metrics = Metrics(version="1", most_tenants=3)
    tenants = [uuid4() for _ in range(50)]
    for tenant_id in (*tenants, *tenants, None):
        metrics.observe(tenant_id, "notes.list", 200, 0.01)
    kept = {str(it) for it in tenants[:3]}
    expected = {*kept, "other", "-"}
    assert label_values(metrics, "tenant_requests_total", "tenant_id") == expected
    others = frozenset({("tenant_id", "other"), ("status", "200")})
    assert samples(metrics)["tenant_requests_total", others] == 94


def test_what_the_process_holds_is_read_when_asked() -> None:
    metrics, life, cache = Metrics(version="1.2"), Lifecycle([]), Cache()
    metrics.watch(life, Pools(), cache)
    life.enter()
    cache.tally.miss(CacheClass.model)
    found = samples(metrics)
    nothing: frozenset[tuple[str, str]] = frozenset()
    missed = {("outcome", "miss"), ("class", "model")}
    assert found["requests_in_flight", nothing] == 1
    assert found["database_connections_open", nothing] == 0
    assert found["cache_requests_total", frozenset(missed)] == 1
    assert found["insula_build_info", frozenset({("version", "1.2")})] == 1
    assert found["insula_state", frozenset({("state", "Starting")})] == 1
    assert found["process_resident_memory_bytes", nothing] > 0
