"""The application: dispatches every request to the walk, and its answer to the network."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from insula.kernel.access.actor import Actor
from insula.kernel.access.operation import Operation, Reply
from insula.kernel.database.pool import DatabaseAway
from insula.kernel.foundation.errors import NotFound, Problem
from insula.kernel.foundation.languages import Languages, told
from insula.kernel.http.asgi import Receive, Scope, Send
from insula.kernel.http.cors import Cors
from insula.kernel.http.envelope import JSON, Headers, answer, not_modified
from insula.kernel.http.jsonapi import Renderer
from insula.kernel.http.negotiation import JSON_API, Wish, wish_of
from insula.kernel.http.problems import language_headers
from insula.kernel.http.refusals import Refusals
from insula.kernel.http.request import Request
from insula.kernel.http.router import Router
from insula.kernel.http.sockets import Socket, UpgradeRequired, check_origin
from insula.kernel.http.streaming import Cut, Stream
from insula.kernel.http.versions import Versions, deprecation_headers
from insula.kernel.http.walk import Walk
from insula.kernel.resource.violations import Breach
from insula.kernel.tenancy.tenant import Tenant

HTML_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
Plain = tuple[int, str, bytes]
"""Status, content type and body of an answer that takes no walk."""
Outgoing = tuple[int, Headers, bytes | Stream]
"""Status, headers and body of any answer."""


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

    def __init__(  # noqa: PLR0913  # each is a part of the platform
        self,
        walk: Walk,
        routers: tuple[Router, Router],
        pages: Mapping[str, Callable[[Request], Awaitable[Plain]]],
        breaches: Mapping[str, Breach],
        observer: Observer,
        *,
        cors: Cors,
        languages: Languages,
        renderer: Renderer,
    ) -> None:
        self._cors, self._languages, self._renderer = cors, languages, renderer
        self._walk, self._pages = walk, pages
        self._tenants, self._operators = map(Versions, routers)
        self._observer = observer
        self._refusals = Refusals(breaches, observer.failed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is live goes on after the visit."""
        visit = Visit(Request(scope, receive), 500, 0.0)
        began = time.perf_counter()
        self._observer.enter()
        try:
            if visit.request.socket:
                live: Awaitable[None] | None = await self._open(visit, receive, send)
            else:
                live = await self._serve(visit, receive, send)
        finally:
            visit.seconds = time.perf_counter() - began
            self._observer.leave(visit)
        if live is not None:
            await self._finish(visit, live)

    async def _serve(
        self, visit: Visit, receive: Receive, send: Send
    ) -> Awaitable[None] | None:
        """Send the answer, but for what is to be sent when the visit is over."""
        request = visit.request
        page = self._pages.get(request.path)
        body: bytes | Stream
        try:
            if page is not None and request.method in ("GET", "HEAD"):
                status, headers, body = _plain(await page(request))
            elif allowed := await self._cors.preflight(request):
                status, headers, body = 204, allowed, b""
            else:
                status, headers, body = await self._answer(visit)
        except Exception as error:  # noqa: BLE001  # the one place that turns errors into HTTP
            request_id = request.origin.request_id
            catalog = self._languages.choose(request.headers, request.locales)
            status, headers, body = self._refusals.refuse(
                error, request_id, catalog, _wish(request).problem
            )
        visit.status = status
        if visit.operation is not None and visit.operation.deprecated is not None:
            headers = [*headers, *deprecation_headers(visit.operation.deprecated)]
        if b"origin" in request.headers:
            headers = [*headers, *await self._cors.headers(request)]
        if request.limits:
            headers = [*headers, *request.limits]
        if request.method == "HEAD" and status != 304:
            body = await _withheld(body, headers)
        await send({"type": START, "status": status, "headers": headers})
        if isinstance(body, Stream):
            return await self._stream(visit, body.send(receive, send))
        await send({"type": "http.response.body", "body": body})
        return None

    async def _stream(
        self, visit: Visit, sending: Awaitable[None]
    ) -> Awaitable[None] | None:
        if visit.operation is not None and visit.operation.live:
            return sending
        await self._finish(visit, sending)
        return None

    async def _finish(self, visit: Visit, sending: Awaitable[None]) -> None:
        """Send a stream to its end; if it fails on its way, the connection is cut."""
        try:
            await sending
        except Cut:
            raise
        except Exception as error:  # noqa: BLE001  # all that can be done is to cut
            self._observer.failed(visit.request.origin.request_id, error)
            raise Cut("the stream failed") from None

    async def _open(
        self, visit: Visit, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Accept a websocket, or raise the problem with which the front refuses it."""
        socket = Socket(receive, send)
        try:
            check_origin(visit.request)
            await socket.open(await self._walked(visit))
        except Exception as error:  # noqa: BLE001  # as for any other request
            request_id = visit.request.origin.request_id
            problem = self._refusals.problem(error, request_id)
            visit.status = problem.status
            raise problem from None
        visit.status = 101
        return socket.run()

    async def _answer(self, visit: Visit) -> Outgoing:
        request = visit.request
        reply = await self._walked(visit)
        assert visit.operation is not None
        said = self._translate(reply, request) if reply.message else []
        headers, body = answer(reply, visit.operation, request)
        headers += said
        wanted = _wish(request).success
        if wanted == JSON_API and headers[0] is JSON and isinstance(body, bytes):
            headers, body = _as_document(headers), self._renderer.render(body)
        known = not_modified(request, headers)
        if isinstance(body, Stream):
            if known:
                await body.close()
            elif request.method != "HEAD":
                await body.begin()
        return (304, headers, b"") if known else (reply.status, headers, body)

    def _translate(self, reply: Reply, request: Request) -> Headers:
        """Say what an answer says in the caller's language, and which that is."""
        catalog = self._languages.choose(request.headers, request.locales)
        reply.message = told(reply.message, catalog)
        return language_headers(catalog)

    async def _walked(self, visit: Visit) -> Reply:
        """What the walk brings; the visit learns on the way whose it is."""
        request = visit.request
        ours = request.origin.host == self._walk.hosts.admin
        router = self._operators if ours else self._tenants
        try:
            visit.operation, key = router.match(
                request.method, request.path, _wish(request).version
            )
        except Problem:
            await self._walk.limits.visit(request, None)
            raise
        if visit.operation.socket is not request.socket:
            raise UpgradeRequired if visit.operation.socket else NotFound
        if ours:
            reply, visit.actor = await self._walk.operator(
                request, visit.operation, key
            )
            return reply
        if visit.operation.ticket is not None:
            request.redeem(visit.operation.ticket)
        try:
            found = await self._walk.tenant(request, visit.operation, key)
        except asyncpg.InvalidCachedStatementError:
            if visit.operation.upload:  # its body can be had once
                raise DatabaseAway from None
            found = await self._walk.tenant(request, visit.operation, key)
        reply, visit.tenant, visit.actor = found
        return reply


START = "http.response.start"


def _wish(request: Request) -> Wish:
    return wish_of(request.headers.get(b"accept"))


def _as_document(headers: Headers) -> Headers:
    """The headers of another form of the same: its ETag is as good, and not the same."""
    weak = [
        (name, b"W/" + value if name == b"etag" and value[:2] != b"W/" else value)
        for name, value in headers[1:]
    ]
    return [(b"content-type", JSON_API), *weak]


def _plain(answer: Plain) -> tuple[int, Headers, bytes]:
    status, kind, body = answer
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
    if kind.startswith("text/html"):
        headers.append((b"content-security-policy", HTML_POLICY))
    return status, headers, body


async def _withheld(body: bytes | Stream, headers: Headers) -> bytes:
    """Nothing, in answer to HEAD; the headers tell the length where it is known."""
    if isinstance(body, Stream):
        await body.close()
    else:
        headers.append((b"content-length", b"%d" % len(body)))
    return b""
