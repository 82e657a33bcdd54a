"""Prometheus finds the names it was promised, and never too many labels."""

from uuid import UUID, uuid4

from prometheus_client.parser import text_string_to_metric_families

from insula.kernel.cache.memory import Cache
from insula.kernel.database.pool import Pools
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.metrics import Metrics

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
    cache.get(TENANT, "key")
    found = samples(metrics)
    nothing: frozenset[tuple[str, str]] = frozenset()
    assert found["requests_in_flight", nothing] == 1
    assert found["database_connections_open", nothing] == 0
    assert found["cache_requests_total", frozenset({("outcome", "miss")})] == 1
    assert found["insula_build_info", frozenset({("version", "1.2")})] == 1
    assert found["insula_state", frozenset({("state", "Starting")})] == 1
    assert found["process_resident_memory_bytes", nothing] > 0
