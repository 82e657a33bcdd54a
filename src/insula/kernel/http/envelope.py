"""The envelope: the one shape of every successful answer (R11)."""

import hashlib
from datetime import UTC, datetime

import msgspec

from insula.kernel.access.operation import FARTHEST, Operation, Reply
from insula.kernel.http.request import Request
from insula.kernel.http.streaming import Stream

_encode = msgspec.json.Encoder().encode

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
VARY = (b"vary", b"Authorization, Accept, X-Tenant-ID")
PRIVATE = (b"cache-control", b"private, no-cache")
NO_STORE = (b"cache-control", b"no-store")
OCTETS = "application/octet-stream"
EVENTS = b"text/event-stream"
UNBUFFERED = (b"x-accel-buffering", b"no")
"""Tells nginx to hand events on as they come."""


def envelope(reply: Reply, request: Request) -> bytes:
    """The body of an answer, joined from JSON that was made where the data was."""
    pagination = links = b""
    target = request.target
    if reply.page is not None:
        pagination, links = _numbered(reply, request)
    elif reply.per_page is not None:
        cursor = reply.next_cursor
        pagination = b',"pagination":' + _encode(
            {"next_cursor": cursor, "per_page": reply.per_page}
        )
        following = None if cursor is None else _at(request, "cursor", cursor)
        links = b',"next":' + _encode(following) + b',"prev":null'
    meta = b"" if not reply.meta else b"," + _encode(reply.meta)[1:-1]
    timestamp = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6]
    return b"".join(
        (
            b'{"success":true,"message":',
            _encode(reply.message),
            b',"data":',
            reply.data,
            b',"meta":{"request_id":"',
            request.origin.request_id.encode(),
            b'","timestamp":"',
            timestamp.encode(),
            b'Z","version":"v1"',
            pagination,
            meta,
            b'},"links":{"self":',
            _encode(target),
            links,
            b"}}",
        )
    )


def _numbered(reply: Reply, request: Request) -> tuple[bytes, bytes]:
    """What is told of a numbered page (S3-84), and where those beside it are."""
    page, per_page = reply.page or 1, reply.per_page or 1
    pages = -(-reply.total // per_page)
    told = {"current_page": page, "per_page": per_page, "total": reply.total}
    pagination = b',"pagination":' + _encode({**told, "total_pages": pages})
    more = page < pages and (page + 1) * per_page <= FARTHEST
    following = _at(request, "page", page + 1) if more else None
    before = _at(request, "page", page - 1) if 1 < page <= pages + 1 else None
    return pagination, b"".join(
        (b',"next":', _encode(following), b',"prev":', _encode(before))
    )


def _at(request: Request, name: str, place: object) -> str:
    """The same question from a place on, in the caller's own spelling."""
    asked, first = request.query_string.decode("latin-1"), f"{name}="
    kept = [it for it in asked.split("&") if it and not it.startswith(first)]
    return f"{request.path}?{'&'.join((*kept, f'{first}{place}'))}"


def etag_of(reply: Reply) -> bytes:
    """The version's ETag of a row, a digest of its content for anything else."""
    if reply.etag is not None:
        return reply.etag.encode()
    digest = hashlib.blake2b(reply.data, digest_size=12)
    if reply.next_cursor is not None:
        digest.update(b"+")
    if reply.page is not None:
        digest.update(str(reply.total).encode())
    return b'W/"' + digest.hexdigest().encode() + b'"'


def answer(
    reply: Reply, operation: Operation, request: Request
) -> tuple[Headers, bytes | Stream]:
    """Headers and body of a successful answer."""
    if reply.content_type is not None or reply.stream is not None:
        return _bare(reply, operation)
    body = envelope(reply, request)
    headers: Headers = [JSON]
    if operation.writes:
        headers.append(NO_STORE)
        if reply.etag is not None:
            headers.append((b"etag", reply.etag.encode()))
    else:
        headers += (PRIVATE, VARY, (b"etag", etag_of(reply)))
    if reply.location is not None:
        headers.append((b"location", reply.location.encode()))
    if reply.headers:
        headers += reply.headers
    return headers, body


def _bare(reply: Reply, operation: Operation) -> tuple[Headers, bytes | Stream]:
    """Headers and body of an answer that has no envelope."""
    kind = (reply.content_type or OCTETS).encode()
    headers: Headers = [(b"content-type", kind), *reply.headers]
    if all(name != b"cache-control" for name, _ in headers):
        headers.append(NO_STORE if operation.writes else PRIVATE)
    if not operation.writes:
        headers.append(VARY)
    if reply.etag is not None:
        headers.append((b"etag", reply.etag.encode()))
    if kind == EVENTS:
        headers.append(UNBUFFERED)
    return headers, reply.data if reply.stream is None else Stream(reply.stream)


def not_modified(request: Request, headers: Headers) -> bool:
    """Whether the caller has this very answer already (RFC 9110, 13.1.2)."""
    known = request.headers.get(b"if-none-match")
    if known is None or request.method not in ("GET", "HEAD"):
        return False
    tag = next((value for name, value in headers if name == b"etag"), None)
    if tag is None:
        return False
    opaque = tag.removeprefix(b"W/")
    return opaque in (part.strip().removeprefix(b"W/") for part in known.split(b","))
