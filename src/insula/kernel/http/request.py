"""Requests as the walk reads them: header, query and body, each parsed once."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from insula.kernel.access.operation import Call, Operation, Precondition
from insula.kernel.foundation.errors import (
    BadRequest,
    Invalid,
    PreconditionRequired,
    Problem,
    TooLarge,
)
from insula.kernel.http.asgi import Receive, Scope
from insula.kernel.http.body import check_json, guarded, read_body
from insula.kernel.http.jsonapi import flat
from insula.kernel.http.negotiation import JSON_API
from insula.kernel.http.origin import Origin
from insula.kernel.identity.cookies import SESSION, check_forgery
from insula.kernel.resource.schemas import field_errors

ANY = "*/*"
BODY_LIMIT = 1_048_576
BODY_TIMEOUT = 30.0
MOST_PARAMETERS = 50
WHATEVER = b"*"
"""As If-Match: whatever the version is, if only the row is there."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""
VERSION = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})(?:-[0-9a-f]{8})?"|([1-9][0-9]{0,17})')
"""An ETag of ours, weakened or not, since a proxy that compresses weakens it.

Behind the version may stand what marks a row's tags, which it does not count.
"""


class UnsupportedMediaType(Problem):
    """Send the body as {wanted}."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class BadIfMatch(BadRequest):
    """If-Match is the ETag of one version, such as "3", or * for any."""

    code = "INVALID_IF_MATCH"


class BadParameters(BadRequest):
    """The query has too many parameters, or one of them twice."""

    code = "INVALID_QUERY"


class Request:
    """One HTTP request, as the front left it."""

    __slots__ = (
        "_receive",
        "headers",
        "limits",
        "locales",
        "method",
        "origin",
        "path",
        "query_string",
        "socket",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.socket = scope["type"] == "websocket"
        self.method: str = "GET" if self.socket else scope["method"]
        self.path: str = scope["path"]
        self.query_string: bytes = scope["query_string"]
        self.headers: Mapping[bytes, bytes] = scope["insula_headers"]
        self.origin: Origin = scope["insula"]
        self._receive = receive
        self.locales: tuple[str | None, ...] = ()
        """The languages that are usual where it goes, the nearest first."""
        self.limits: Sequence[tuple[bytes, bytes]] = ()
        """What its answer says of rates, whatever the answer is."""

    @property
    def target(self) -> str:
        """Path and query, as the caller wrote them."""
        if not self.query_string:
            return self.path
        return f"{self.path}?{self.query_string.decode('latin-1')}"

    def bearer(self) -> str | None:
        """The token of the Authorization header, if it carries one."""
        value = self.headers.get(b"authorization")
        if value is None or value[:7].lower() != b"bearer ":
            return None
        return value[7:].strip().decode("latin-1")

    def credential(self) -> str | None:
        """The token of the Authorization header, or else of a browser's cookie.

        A cookie comes along by itself, with forged requests as well: one that writes
        needs proof that a page of ours sent it.
        """
        if b"authorization" in self.headers:
            return self.bearer()
        cookie = SESSION.read(self.headers)
        if cookie is not None and self.method not in SAFE:
            check_forgery(self.headers, self.origin.host, cookie)
        return cookie

    def redeem(self, tokens: Callable[[str], str]) -> None:
        """Take the query's ticket for the token that it stands for."""
        ticket = self.query().get("ticket")
        if ticket is None or b"authorization" in self.headers:
            return
        token = f"Bearer {tokens(ticket)}".encode("latin-1")
        self.headers = {**self.headers, b"authorization": token}

    def query(self) -> Mapping[str, str]:
        """The query's parameters; each may be given once."""
        if not self.query_string:
            return {}
        text = self.query_string.decode("utf-8", "replace")
        if "%" in text or "+" in text:
            try:
                pairs = parse_qsl(text, True, max_num_fields=MOST_PARAMETERS)
            except ValueError:
                raise BadParameters from None
        else:  # nothing to decode: a tenth of the cost
            parts = text.split("&", MOST_PARAMETERS)
            pairs = [(name, value) for name, _, value in map(_parted, parts) if name]
            if len(parts) > MOST_PARAMETERS:
                raise BadParameters
        found = dict(pairs)
        if len(found) != len(pairs):
            raise BadParameters
        return found

    async def call(self, operation: Operation, key: str) -> Call:
        """What the caller asks, checked against the operation's declaration."""
        call = Call(self.path, key, self.query(), self.target, headers=self.headers)
        call.secure = self.origin.scheme == "https"
        call.authority = _authority(self.origin)
        if operation.body is not None:
            call.raw = await self._json(operation, key)
            call.body = _checked(operation.body, call.raw)
        elif operation.upload:
            call.chunks = self._chunks(operation)
        elif operation.raw_body is not None:
            call.raw = await self._raw(operation, operation.raw_body)
        call.version = self._version(call.body)
        wanted = operation.precondition is Precondition.required
        if wanted and call.version is None and not self._whatever_version():
            raise PreconditionRequired
        return call

    async def _json(self, operation: Operation, key: str) -> bytes:
        document = self._kind() == JSON_API
        if not document:
            self._expect("application/json")
        limit = operation.body_limit or BODY_LIMIT
        raw = await read_body(self._receive, limit=limit, timeout=BODY_TIMEOUT)
        check_json(raw)
        return flat(raw, key) if document else raw

    async def _raw(self, operation: Operation, wanted: str) -> bytes:
        self._expect(wanted)
        limit = operation.body_limit or BODY_LIMIT
        return await read_body(self._receive, limit=limit, timeout=BODY_TIMEOUT * 10)

    def _chunks(self, operation: Operation) -> AsyncIterator[bytes]:
        """The body of an upload; one that says to be too large is not begun."""
        self._expect(operation.raw_body or ANY)
        limit = operation.body_limit or BODY_LIMIT
        length = self.headers.get(b"content-length")  # digits: the front looked
        if length is not None and int(length) > limit:
            raise TooLarge
        guard = guarded(self._receive, limit=limit, timeout=BODY_TIMEOUT)
        return guard.chunks(limit=limit, timeout=BODY_TIMEOUT)

    def _expect(self, wanted: str) -> None:
        if wanted == ANY:
            return
        if self._kind().decode("latin-1") != wanted:
            raise UnsupportedMediaType(wanted=wanted)

    def _kind(self) -> bytes:
        """The media type of the body, without its parameters."""
        given = self.headers.get(b"content-type", b"")
        return given.split(b";", 1)[0].strip().lower()

    def _whatever_version(self) -> bool:
        """Whether the caller says that any version will do (RFC 9110, 13.1.1)."""
        return self.headers.get(b"if-match", b"").strip() == WHATEVER

    def _version(self, body: BaseModel | None) -> int | None:
        header = self.headers.get(b"if-match")
        if header is not None and header.strip() == WHATEVER:
            return None
        if header is None:
            # Asking a Pydantic model for what it has not costs an exception.
            version = None if body is None else body.__dict__.get("version")
            return version if isinstance(version, int) else None
        found = VERSION.fullmatch(header.decode("latin-1").strip())
        if found is None:
            raise BadIfMatch
        return int(found[1] or found[2])


def _authority(origin: Origin) -> str:
    port = origin.port
    usual = 443 if origin.scheme == "https" else 80
    return origin.host if port in (None, usual) else f"{origin.host}:{port}"


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def _checked(model: type[BaseModel], raw: bytes) -> BaseModel:
    try:
        return model.__pydantic_validator__.validate_json(raw)  # type: ignore[no-any-return]  # untyped there
    except ValidationError as error:
        raise Invalid(*field_errors(error)) from None
