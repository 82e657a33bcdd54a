"""The observer counts requests in flight, and notes whose they were and how they went."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from insula.kernel.operations.channels import Channels
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.logs import AccessLog, set_log_tenant
from insula.kernel.operations.metrics import Metrics
from insula.server.observer import RequestObserver

TENANT = SimpleNamespace(id=UUID(int=7), domain="acme.example.com")
ACTOR = SimpleNamespace(id=UUID(int=8))
LIST = SimpleNamespace(name="notes.list")


class Stand:
    """An observer and what it wrote."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.channels = Channels(stream=self.written.append)
        self.life, self.metrics = Lifecycle([]), Metrics(version="1")
        log = AccessLog(self.channels, "json")
        self.counted: list[tuple[UUID, int, float]] = []
        self.observer = RequestObserver(
            self.life, self.metrics, log, lambda *it: self.counted.append(it)
        )

    def see(self, **changes: Any) -> list[dict[str, Any]]:
        origin = SimpleNamespace(request_id="req_1", client="127.0.0.1")
        request = SimpleNamespace(origin=origin, method="GET", path="/notes/17")
        known = {"operation": LIST, "tenant": TENANT, "actor": ACTOR, "status": 200}
        visit: Any = SimpleNamespace(
            **{"request": request, "seconds": 0.0123, **known, **changes}
        )
        self.observer.enter()
        assert self.life.in_flight == 1
        self.observer.leave(visit)
        assert self.life.in_flight == 0
        self.channels.flush()
        return [json.loads(it) for text in self.written for it in text.splitlines()]


def test_a_request_is_noted_with_all_that_is_known_of_it() -> None:
    """S1-70; the operation's name stands for the path, which holds ids."""
    [line] = Stand().see()
    at = datetime.fromisoformat(line.pop("ts"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "req_1",
        "tenant_id": str(TENANT.id),
        "tenant_domain": "acme.example.com",
        "actor": str(ACTOR.id),
        "method": "GET",
        "operation": "notes.list",
        "status": 200,
        "duration_ms": 12.3,
        "client": "127.0.0.1",
    }


async def test_a_refused_request_is_noted_under_the_tenant_that_the_walk_found() -> (
    None
):
    set_log_tenant(TENANT.id, TENANT.domain)
    [line] = Stand().see(tenant=None, actor=None, status=403)
    assert (line["tenant_id"], line["actor"]) == (str(TENANT.id), "-")


def test_a_request_to_nowhere_is_noted_under_no_tenant() -> None:
    stand = Stand()
    [line] = stand.see(tenant=None, actor=None, operation=None, status=404)
    assert (line["tenant_id"], line["tenant_domain"]) == ("-", "-")
    assert stand.counted == []
    text = stand.metrics.render()[1]
    assert b'tenant_requests_total{status="404",tenant_id="-"} 1.0' in text


def test_a_probe_that_was_answered_is_not_noted() -> None:
    assert Stand().see(tenant=None, actor=None, operation=None) == []


def test_a_request_is_counted_for_its_tenant() -> None:
    """S4-50."""
    stand = Stand()
    stand.see(status=429)
    assert stand.counted == [(TENANT.id, 429, 0.0123)]


def test_an_error_of_ours_stands_out() -> None:
    [line] = Stand().see(status=500)
    assert line["level"] == "error"
