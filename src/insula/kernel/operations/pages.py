"""Pages: what probes and Prometheus read; they tell figures and no secret (R27)."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Protocol

import msgspec

from insula.kernel.operations.health import Finding, Health
from insula.kernel.operations.lifecycle import Lifecycle
from insula.kernel.operations.metrics import Metrics

_encode = msgspec.json.Encoder().encode

JSON = "application/json"
FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")


class Sender(Protocol):
    """Where a request came from."""

    @property
    def request_id(self) -> str:
        """The request's id."""

    @property
    def client(self) -> str:
        """The address of whoever sent it."""


class Asked(Protocol):
    """As much of a request as these pages look at."""

    @property
    def origin(self) -> Sender:
        """Where it came from."""

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """Its headers, in lower case."""

    def bearer(self) -> str | None:
        """The token that it carries."""


Plain = tuple[int, str, bytes]
Page = Callable[[Asked], Awaitable[Plain]]


def pages(
    health: Health,
    lifecycle: Lifecycle,
    metrics: Metrics,
    *,
    metrics_token: str | None = None,
) -> Mapping[str, Page]:
    """The probes' pages and the metrics', by path."""
    probes = Probes(health, lifecycle)
    return {
        "/health": probes.summary,
        "/health/live": probes.live,
        "/health/ready": probes.ready,
        "/health/startup": probes.startup,
        "/health/db": probes.database,
        "/health/cache": probes.cache,
        "/metrics": Scrape(metrics, metrics_token),
    }


class Probes:
    """The pages of the health probes."""

    def __init__(self, health: Health, lifecycle: Lifecycle) -> None:
        self._health, self._life = health, lifecycle

    async def summary(self, asked: Asked) -> Plain:
        """``/health``: everything in one page, for monitors that know no other."""
        found = await self._health.look() if self._life.running else ()
        names = [it.name for it in found if not it.ok]
        status = "degraded" if names else "healthy"
        if not self._life.accepts:
            status = "unhealthy"
        data = {
            "status": status,
            "state": self._life.state,
            "degraded": self._degraded(),
            "checks": _told(found),
        }
        return _answer(asked, data, ok=self._life.accepts)

    async def live(self, asked: Asked) -> Plain:
        """``/health/live``: the process runs and answers; restart it if not."""
        return _answer(asked, {"state": self._life.state}, ok=True)

    async def ready(self, asked: Asked) -> Plain:
        """``/health/ready``: requests may be sent here."""
        if self._life.running:
            await self._health.look()
        return _answer(asked, {"state": self._life.state}, ok=self._life.accepts)

    async def startup(self, asked: Asked) -> Plain:
        """``/health/startup``: the phases, and how long each took."""
        phases = [
            {
                "number": it.phase.number,
                "name": it.phase.name,
                "critical": it.phase.critical,
                "outcome": it.outcome,
                "ms": round(it.seconds * 1000, 2),
            }
            for it in self._life.reports
        ]
        data = {
            "state": self._life.state,
            "phases": phases,
            "ms": round(self._life.seconds * 1000, 2),
        }
        return _answer(asked, data, ok=self._life.running)

    async def database(self, asked: Asked) -> Plain:
        """``/health/db``: the database's answer and the pool."""
        return await self._one(asked, "database")

    async def cache(self, asked: Asked) -> Plain:
        """``/health/cache``: the cache and its hit rate."""
        return await self._one(asked, "cache")

    async def _one(self, asked: Asked, name: str) -> Plain:
        finding = await self._health.find(name)
        if finding is None:
            return _answer(asked, {"status": "unknown"}, ok=False)
        return _answer(asked, finding.told(), ok=finding.ok)

    def _degraded(self) -> Sequence[str]:
        reports = self._life.reports
        return [it.phase.name for it in reports if it.outcome == "degraded"]


class Scrape:
    """``/metrics``: for whoever has the token, or sits on this machine if there is none.

    The labels name tenants, so the page is not for the public. A request that came
    through a proxy is not from this machine, whatever its address says.
    """

    def __init__(self, metrics: Metrics, token: str | None) -> None:
        self._metrics, self._token = metrics, token

    async def __call__(self, asked: Asked) -> Plain:
        """The metrics as text, or the answer of a page that does not exist."""
        if not self._may(asked):
            return (
                404,
                JSON,
                _problem(asked, "NOT_FOUND", "There is no such thing here."),
            )
        kind, body = await self._metrics.read()
        return 200, kind, body

    def _may(self, asked: Asked) -> bool:
        if self._token is not None:
            given = asked.bearer() or ""
            return hmac.compare_digest(given.encode(), self._token.encode())
        if any(name in asked.headers for name in FORWARDED):
            return False
        client = asked.origin.client
        return client != "" and ip_address(client).is_loopback


def _told(found: Sequence[Finding]) -> Mapping[str, object]:
    return {finding.name: finding.told() for finding in found}


def _answer(asked: Asked, data: Mapping[str, object], *, ok: bool) -> Plain:
    if not ok:
        message = "The service cannot do this now: try again in a moment."
        return 503, JSON, _problem(asked, "UNAVAILABLE", message, data)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    meta = {"request_id": asked.origin.request_id, "timestamp": now, "version": "v1"}
    body = {"success": True, "message": "", "data": data, "meta": meta, "links": {}}
    return 200, JSON, _encode(body)


def _problem(
    asked: Asked, code: str, message: str, data: Mapping[str, object] | None = None
) -> bytes:
    error = {
        "code": code,
        "message": message,
        "details": (),
        "fields": {},
        "request_id": asked.origin.request_id,
    }
    body: dict[str, object] = {"success": False, "error": error}
    if data is not None:
        body["data"] = data
    return _encode(body)
