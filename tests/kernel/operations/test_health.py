"""Probes are answered truly, cheaply, and without a secret."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.pool import Pools
from insula.kernel.operations.channels import Channels
from insula.kernel.operations.health import Check, Health
from insula.kernel.operations.lifecycle import PHASES, Lifecycle, Phase, State
from insula.kernel.operations.metrics import Metrics
from insula.kernel.operations.pages import Page, pages
from insula.kernel.operations.probes import CacheProbe, DatabaseProbe, LogProbe


@dataclass
class Origin:
    request_id: str = "req_1"
    client: str = "127.0.0.1"


@dataclass
class Request:
    origin: Origin = field(default_factory=Origin)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    token: str | None = None

    def bearer(self) -> str | None:
        return self.token


class Dependency:
    """Something that is asked, may be slow, and may be away."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.seconds = 0.0

    async def __call__(self) -> Mapping[str, object]:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return {"figure": 7}


async def nothing() -> None:
    pass


class Stand:
    """A process with one database and one thing that it can do without."""

    def __init__(self, *, kept: float = 0.0, token: str | None = None) -> None:
        self.database, self.mail = Dependency(), Dependency()
        self.life = Lifecycle(
            [Phase(n, name, nothing) for n, name in enumerate(PHASES, 1)]
        )
        checks = (
            Check("database", self.database, timeout=0.05),
            Check("external:mail", self.mail, critical=False),
        )
        self.health = Health(checks, self.life, kept=kept)
        metrics = Metrics(version="1")
        self.pages: Mapping[str, Page] = pages(
            self.health, self.life, metrics, metrics_token=token
        )

    async def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        status, kind, body = await self.pages[path](Request())
        assert kind == "application/json"
        return status, json.loads(body)


async def test_every_probe_answers_in_the_envelope() -> None:
    """R27."""
    stand = Stand()
    await stand.life.start()
    for path in (
        "/health",
        "/health/live",
        "/health/ready",
        "/health/startup",
        "/health/db",
    ):
        status, body = await stand.ask(path)
        assert status == 200, path
        assert body["success"] is True
        assert body["meta"]["request_id"] == "req_1"
    assert (await stand.ask("/health/db"))[1]["data"]["figure"] == 7
    assert (await stand.ask("/health/cache"))[0] == 503  # none was registered


async def test_before_the_start_a_process_lives_but_is_not_ready() -> None:
    stand = Stand()
    assert (await stand.ask("/health/live"))[0] == 200
    for path in ("/health/ready", "/health/startup", "/health"):
        status, body = await stand.ask(path)
        assert status == 503
        assert body["error"]["code"] == "UNAVAILABLE"
    assert stand.database.asked == 0


async def test_the_startup_page_lists_the_six_phases_with_their_durations() -> None:
    """S2-70."""
    stand = Stand()
    await stand.life.start()
    _, body = await stand.ask("/health/startup")
    assert [it["name"] for it in body["data"]["phases"]] == list(PHASES)
    assert all(it["outcome"] == "started" for it in body["data"]["phases"])
    assert body["data"]["ms"] < 100


async def test_without_its_database_a_process_is_unready_until_it_returns() -> None:
    """S2-67."""
    stand = Stand()
    await stand.life.start()
    stand.database.error = ConnectionError("postgres://app:secret@db/insula")
    status, body = await stand.ask("/health/ready")
    assert (status, stand.life.state) == (503, State.unhealthy)
    _, summary = await stand.ask("/health")
    assert summary["data"]["checks"]["database"]["status"] == "down"
    assert "secret" not in json.dumps([body, summary])
    assert "Error" not in json.dumps([body, summary])
    stand.database.error = None
    assert (await stand.ask("/health/ready"))[0] == 200
    assert stand.life.state is State.healthy


async def test_a_database_that_is_too_slow_counts_as_away() -> None:
    stand = Stand()
    await stand.life.start()
    stand.database.seconds = 5
    assert (await stand.ask("/health/ready"))[0] == 503
    assert (await stand.ask("/health/db"))[0] == 503


async def test_something_outside_that_is_away_degrades_only() -> None:
    """S2-75."""
    stand = Stand()
    await stand.life.start()
    stand.mail.error = OSError()
    assert (await stand.ask("/health/ready"))[0] == 200
    status, body = await stand.ask("/health")
    assert (status, body["data"]["status"]) == (200, "degraded")


async def test_the_shutdown_turns_readiness_red_while_the_process_lives() -> None:
    """S2-76."""
    stand = Stand()
    await stand.life.start()
    stand.life.begin_shutdown()
    assert (await stand.ask("/health/ready"))[0] == 503
    assert (await stand.ask("/health/live"))[0] == 200


async def test_many_probes_ask_a_dependency_once() -> None:
    stand = Stand(kept=60)
    await stand.life.start()
    stand.database.seconds = 0.01
    paths = ["/health/ready", "/health", "/health/db"] * 20
    await asyncio.gather(*map(stand.ask, paths))
    await stand.ask("/health/ready")
    assert stand.database.asked == 1


async def test_a_process_notices_by_itself_that_it_is_healthy() -> None:
    stand = Stand()
    await stand.life.start()
    await stand.health.start()
    await asyncio.sleep(0.02)
    assert stand.life.state is State.healthy
    await stand.health.stop()


async def test_the_database_is_asked_though_every_pooled_connection_is_busy(
    cluster: Cluster,
) -> None:
    """S2-72."""
    login = cluster.app(cluster.control)
    pools = Pools(budget=1, patience=0.1)
    probe = DatabaseProbe(login, pools)
    async with pools.borrow(login):
        found = await probe()
    assert (found["open"], found["most"]) == (1, 1)
    assert 0 < float(str(found["query_ms"])) < 2000
    await probe.close()
    await pools.close()


async def test_the_cache_tells_its_hit_rate() -> None:
    """S2-73."""
    cache, tenant_id = Cache(), uuid4()
    probe = CacheProbe(cache)
    assert (await probe())["hit_rate"] is None
    mine = cache.of(tenant_id)
    await mine.put(await mine.mark("a", CacheClass.model), b"1")
    for key in ("a", "a", "a", "b"):
        await mine.get(key, CacheClass.model)
    assert (await probe())["hit_rate"] == 0.75


async def test_lost_log_lines_show_once() -> None:
    """S2-74."""
    channels = Channels(stream=print)
    finding = Check("observability", LogProbe(channels), critical=False)
    health = Health([finding], Lifecycle([]), kept=0)
    channels.lost = 3
    for ok in (False, True):
        found = await health.find("observability")
        assert found is not None
        assert found.ok is ok


@pytest.mark.parametrize(
    ("token", "request_", "status"),
    [
        (None, Request(), 200),
        (None, Request(Origin(client="203.0.113.7")), 404),
        (None, Request(Origin(client="")), 404),
        (None, Request(headers={b"x-forwarded-for": b"127.0.0.1"}), 404),
        ("abc", Request(), 404),
        ("abc", Request(token="abd"), 404),
        ("abc", Request(Origin(client="203.0.113.7"), token="abc"), 200),
    ],
)
async def test_metrics_name_tenants_and_are_not_for_the_public(
    token: str | None, request_: Request, status: int
) -> None:
    stand = Stand(token=token)
    assert (await stand.pages["/metrics"](request_))[0] == status
