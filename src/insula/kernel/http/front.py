"""The front: refuses what no honest client sends, before anything else looks at the request."""

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import structlog

from insula.kernel.foundation.errors import (
    BadRequest,
    MethodNotAllowed,
    Problem,
    TooLarge,
)
from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.languages import Catalog, Languages
from insula.kernel.http.asgi import ASGIApp, Message, Receive, Scope, Send
from insula.kernel.http.body import BodyGuard
from insula.kernel.http.negotiation import wish_of
from insula.kernel.http.origin import Headers, Proxies, choose_request_id
from insula.kernel.http.problems import language_headers, problem_body

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MAX_URI_PART = 8192

# Sent twice, these mean one thing to a proxy and another to us.
_SINGLE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"transfer-encoding",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-tenant-id",
    }
)
_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_PRINTABLE = frozenset(range(0x21, 0x7F))
_PLAIN_PATH = bytes(_PRINTABLE - set(b"%\\"))
_PLAIN_QUERY = bytes(_PRINTABLE - set(b"%"))
_is_suspect_path = re.compile(rb"\\|%2f|%5c|%(?![0-9a-f]{2})", re.IGNORECASE).search
_is_suspect_text = re.compile(r"[\x00-\x1f\x7f]|/\.{1,2}(?:/|$)").search
_STARTS = frozenset(
    {
        "http.response.start",
        "websocket.accept",
        "websocket.close",
        "websocket.http.response.start",
    }
)
_ALLOW = (b"allow", ", ".join(sorted(METHODS)).encode())
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_SECURITY_NAMES = frozenset(
    {b"x-request-id", _HSTS[0], *(name for name, _ in _SECURITY_HEADERS)}
)


class DuplicateHeader(BadRequest):
    """The header {name} may appear only once."""

    code = "DUPLICATE_HEADER"


class HeadersTooLarge(Problem):
    """The request headers are larger than {limit} bytes."""

    status = 431
    code = "HEADERS_TOO_LARGE"


class MethodUnknown(MethodNotAllowed):
    """This method is not known here."""


class MalformedUri(BadRequest):
    """The address of the request is malformed."""

    code = "MALFORMED_URI"


class UriTooLong(Problem):
    """The address of the request is too long."""

    status = 414
    code = "URI_TOO_LONG"


class UnclearLength(BadRequest):
    """The request does not say clearly how long its body is."""

    code = "UNCLEAR_LENGTH"


class EncodedBody(Problem):
    """Send the body without a content encoding."""

    status = 415
    code = "CONTENT_ENCODING_UNSUPPORTED"


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """How large, how slow and through which proxies a request may come."""

    trusted_proxies: tuple[str, ...] = ()
    max_header_bytes: int = 16_384
    max_body_bytes: int = 1_048_576
    body_timeout: float = 30.0
    hsts: bool = False


class Front:
    """The outermost ASGI layer; it leaves an Origin in scope["insula"] for the walk."""

    def __init__(
        self, app: ASGIApp, settings: FrontSettings, languages: Languages | None = None
    ) -> None:
        self.app = app
        self.settings = settings
        self.languages = languages or Languages(())
        self.proxies = Proxies(settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an honest request through to the app; answer any other, and any failure, in JSON."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        settings = self.settings
        found = dict(scope["headers"])
        answer = Answer(scope, send, choose_request_id(found))
        try:
            check_headers(scope["headers"], found, settings)
            check_target(scope)
            scope["insula_headers"] = found
            scope["insula"] = origin = self.proxies.origin(
                scope, found, answer.request_id
            )
            if settings.hsts and origin.scheme == "https":
                answer.headers.append(_HSTS)
            if scope["type"] == "http":
                receive = BodyGuard(
                    receive, settings.max_body_bytes, settings.body_timeout
                )
            await self.app(scope, receive, answer)
        except Exception as error:
            if answer.started:
                raise
            catalog = self.languages.choose(found)
            await answer.refuse(_as_problem(error, answer.request_id), catalog)


class Answer:
    """The send of one request: adds our headers to the app's, or answers in its place."""

    __slots__ = ("headers", "request_id", "scope", "send", "started")

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self.scope = scope
        self.send = send
        self.request_id = request_id
        self.headers = [
            *_SECURITY_HEADERS,
            (b"x-request-id", request_id.encode("ascii")),
        ]
        self.started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send on; not a coroutine of its own, because every chunk of every answer passes here."""
        if message["type"] in _STARTS:
            self.started = True
            message = {**message, "headers": self._dress(message.get("headers", ()))}
        return self.send(message)

    async def refuse(self, problem: Problem, catalog: Catalog | None) -> None:
        """Answer with the error envelope; a websocket gets it too where the server can."""
        kind = "http.response"
        if self.scope["type"] == "websocket":
            kind = "websocket.http.response"
            if kind not in (self.scope.get("extensions") or ()):
                await self({"type": "websocket.close", "code": 1008})
                return
        form = wish_of(dict(self.scope["headers"]).get(b"accept")).problem
        body = problem_body(problem, self.request_id, catalog, form)
        headers = [
            (b"content-type", form),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *language_headers(catalog),
        ]
        if isinstance(problem, MethodUnknown):
            headers.append(_ALLOW)
        await self(
            {"type": f"{kind}.start", "status": problem.status, "headers": headers}
        )
        await self({"type": f"{kind}.body", "body": body})

    def _dress(self, own: Headers) -> list[tuple[bytes, bytes]]:
        """The app's headers and ours; what the app says itself stands."""
        headers = list(own)
        named = dict(headers)
        if _SECURITY_NAMES.isdisjoint(named):
            headers += self.headers
        else:
            headers += [ours for ours in self.headers if ours[0] not in named]
        return headers


def check_headers(
    headers: Headers, found: Mapping[bytes, bytes], settings: FrontSettings
) -> None:
    """Refuse headers that are too many, contradict each other or announce too large a body."""
    size = sum(map(len, found)) + sum(map(len, found.values()))
    if len(found) != len(headers):
        size = sum(len(name) + len(value) for name, value in headers)
        _refuse_duplicates(headers)
    if size > settings.max_header_bytes:
        raise HeadersTooLarge(limit=settings.max_header_bytes)
    if not _FRAMING.isdisjoint(found):
        _check_framing(found, settings.max_body_bytes)


def check_target(scope: Scope) -> None:
    """Refuse a method or an address that no client of ours would send."""
    if scope.get("method", "GET") not in METHODS:
        raise MethodUnknown
    path: bytes = scope.get("raw_path") or scope["path"].encode(
        "utf-8", "surrogateescape"
    )
    query: bytes = scope.get("query_string", b"")
    if len(path) > MAX_URI_PART or len(query) > MAX_URI_PART:
        raise UriTooLong
    # Nearly every address consists of plain characters: delete those, and nothing is left.
    if path.translate(None, _PLAIN_PATH) or b"/." in path:
        _check_path(path)
    if query and query.translate(None, _PLAIN_QUERY) and "\x00" in _utf8(query):
        raise MalformedUri


def _refuse_duplicates(headers: Headers) -> None:
    seen = set()
    for name, _ in headers:
        if name in seen and name in _SINGLE:
            raise DuplicateHeader(name=name.decode("ascii"))
        seen.add(name)


def _check_framing(found: Mapping[bytes, bytes], limit: int) -> None:
    length = found.get(b"content-length")
    coding = found.get(b"transfer-encoding")
    if length is not None:
        if coding is not None or not length.isdigit():
            raise UnclearLength
        if len(length) > 18 or int(length) > limit:
            raise TooLarge
    if coding is not None and coding.lower() != b"chunked":
        raise UnclearLength
    if found.get(b"content-encoding", b"identity").lower() != b"identity":
        raise EncodedBody


def _check_path(path: bytes) -> None:
    """Refuse hidden slashes, steps upwards and characters that no name of ours contains."""
    if _is_suspect_path(path) or _is_suspect_text(_utf8(path)):
        raise MalformedUri


def _utf8(encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedUri from None


def _as_problem(error: Exception, request_id: str) -> Problem:
    if isinstance(error, Problem):
        return error
    # Only names and lines: the message of an error may quote what the caller sent.
    logger.error("request.failed", request_id=request_id, error=describe(error))
    return Problem()
