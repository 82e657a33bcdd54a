"""The figures of a running installation: server, workers and the tenant's own hours."""

import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.installation import Installation, Up
from tests.kernel.operations.scraped import Scraped

DONE = "job_duration_seconds_count"


class Measured(Installation):
    """An installation for which every statement is slow, with a tenant of its own."""

    def __init__(self) -> None:
        super().__init__(INSULA_SLOW_QUERY="0.000001")

    def begin(self) -> Up:
        """Start, and make the tenant."""
        up = self.up()
        self.create("acme", "shared")
        return up

    def page(self) -> Scraped:
        """What Prometheus is told now."""
        answer = httpx2.get(f"http://127.0.0.1:{self.port}/metrics", timeout=20)
        assert answer.status_code == 200, answer.text
        return Scraped(answer.content)

    def await_figures(self) -> Scraped:
        """What it is told once a worker has run a job and said so."""
        deadline = time.monotonic() + 60
        while not (page := self.page()).total(DONE, outcome="done"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return page


@pytest.fixture
def measured() -> Iterator[Measured]:
    """An installation of the test's own."""
    made = Measured()
    try:
        yield made
    finally:
        made.remove()


def test_figures_of_server_and_workers_are_there_and_outlive_both(
    measured: Measured,
) -> None:
    """S0-64, S0-65, S0-66, S0-67, S0-68, S4-50: through processes, and their end."""
    up = measured.begin()
    with measured.sign_in("acme") as owner:
        for path in ("assets", "assets?nonsense=1", "dashboard", "dashboard"):
            owner.get(f"maintenance/{path}")
    page, name = measured.await_figures(), "request_duration_seconds"
    assert 0 < page.quantile(0.95, name, operation="maintenance.assets.list") < 30
    count = page.value(
        f"{name}_count", operation="maintenance.assets.list", status="4xx"
    )
    assert (count, page.value("workers_alive")) == (1, 1)
    assert page.total("cache_requests_total", outcome="hit") >= 1
    for slow in ("database_slow_queries_total", "worker_slow_queries_total"):
        assert len(page.labels(slow, "tenant_id") - {"-"}) == 1
    assert up.stop() == 0
    measured.up()
    assert measured.page().total(DONE) >= page.total(DONE)
    with measured.sign_in("acme") as owner:
        rates = owner.get("request-rates").json()["data"]
    assert sum(it["requests"] for it in rates) == 5
    assert sum(it["refused"] for it in rates) == 1
