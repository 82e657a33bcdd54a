"""The application: dispatches every request to the walk, and turns errors into answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from insula.kernel.access.actor import Actor
from insula.kernel.access.operation import Operation
from insula.kernel.database.pool import DatabaseAway
from insula.kernel.foundation.errors import Problem
from insula.kernel.http.asgi import Receive, Scope, Send
from insula.kernel.http.envelope import answer, not_modified
from insula.kernel.http.problems import problem_body
from insula.kernel.http.request import Request
from insula.kernel.http.router import Router
from insula.kernel.http.walk import Walk
from insula.kernel.resource.violations import Breach, translate
from insula.kernel.tenancy.tenant import Tenant

HTML_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
Plain = tuple[int, str, bytes]
"""Status, content type and body of an answer that takes no walk."""


@dataclass(slots=True)
class Visit:
    """What is known of a request when it has been answered: for log and metrics."""

    request: Request
    status: int
    seconds: float
    operation: Operation | None = None
    tenant: Tenant | None = None
    actor: Actor | None = None


class Observer(Protocol):
    """Counts the requests in flight and notes each that was answered."""

    def enter(self) -> None:
        """A request begins."""

    def leave(self, visit: Visit) -> None:
        """A request has been answered."""

    def failed(self, request_id: str, error: BaseException) -> None:
        """A request met a fault of the program."""


class Application:
    """The ASGI application behind the front: plain pages, operators, tenants."""

    def __init__(
        self,
        walk: Walk,
        routers: tuple[Router, Router],
        pages: Mapping[str, Callable[[Request], Awaitable[Plain]]],
        breaches: Mapping[str, Breach],
        observer: Observer,
    ) -> None:
        self._walk, self._pages = walk, pages
        self._tenants, self._operators = routers
        self._breaches, self._observer = breaches, observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        visit = Visit(request, 500, 0.0)
        began = time.perf_counter()
        self._observer.enter()
        try:
            await self._serve(visit, send)
        finally:
            visit.seconds = time.perf_counter() - began
            self._observer.leave(visit)

    async def _serve(self, visit: Visit, send: Send) -> None:
        request = visit.request
        page = self._pages.get(request.path)
        try:
            if page is not None and request.method in ("GET", "HEAD"):
                status, headers, body = _plain(await page(request))
            else:
                status, headers, body = await self._answer(visit)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # the one place that turns errors into HTTP
            status, headers, body = self._refuse(request, error)
        visit.status = status
        if request.method == "HEAD" and status != 304:
            headers.append((b"content-length", b"%d" % len(body)))
            body = b""
        await _send(send, status, headers, body)

    async def _answer(
        self, visit: Visit
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        request, hosts = visit.request, self._walk.hosts
        if request.origin.host == hosts.admin:
            visit.operation, key = self._operators.match(request.method, request.path)
            reply, visit.actor = await self._walk.operator(
                request, visit.operation, key
            )
        else:
            visit.operation, key = self._tenants.match(request.method, request.path)
            walk = self._walk.tenant
            try:
                found = await walk(request, visit.operation, key)
            except asyncpg.InvalidCachedStatementError:
                found = await walk(request, visit.operation, key)
            reply, visit.tenant, visit.actor = found
        headers, body = answer(reply, visit.operation, request)
        if not_modified(request, headers):
            return 304, headers, b""
        return reply.status, headers, body

    def _refuse(
        self, request: Request, error: Exception
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        problem = self._problem(request, error)
        body = problem_body(problem, request.origin.request_id)
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
        ]
        if problem.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        elif problem.status == 405:
            allowed = str(problem.details.get("allowed", ""))
            headers.append((b"allow", allowed.encode()))
        elif problem.status in (429, 503):
            wait = problem.details.get("retry_after", 1)
            headers.append((b"retry-after", str(wait).encode()))
        return problem.status, headers, body

    def _problem(self, request: Request, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        known = translate(error, self._breaches)
        if known is not None:
            return known
        if isinstance(error, AWAY):
            return DatabaseAway()
        self._observer.failed(request.origin.request_id, error)
        return Problem()


AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
)


def _plain(answer: Plain) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, kind, body = answer
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
    if kind.startswith("text/html"):
        headers.append((b"content-security-policy", HTML_POLICY))
    return status, headers, body


async def _send(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
