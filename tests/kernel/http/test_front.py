"""The front lets honest requests through untouched and answers every other in JSON."""

import asyncio
import json
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from insula.kernel.foundation.errors import Conflict, FieldError
from insula.kernel.http.asgi import Message, Receive, Scope, Send
from insula.kernel.http.front import Front, FrontSettings
from insula.kernel.http.origin import Origin
from insula.kernel.http.problems import problem_body

from .exchange import HOST, Answer, body_messages, exchange, http_scope

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'"hello"'})


async def drain(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads its body without asking for any limit."""
    while (await receive()).get("more_body"):
        pass
    await hello(scope, receive, send)


async def ask(*headers: tuple[bytes, bytes], host: bool = True, **scope: Any) -> Answer:
    own = (HOST, *headers) if host else headers
    return await exchange(Front(hello, FrontSettings()), http_scope(*own, **scope))


async def test_an_honest_request_passes_with_its_origin() -> None:
    seen: list[Origin] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["insula"])
        await hello(scope, receive, send)

    answer = await exchange(Front(app, FrontSettings()), http_scope(HOST))
    assert (answer.status, answer.body) == (200, b'"hello"')
    assert (seen[0].client, seen[0].scheme) == ("198.51.100.9", "http")
    assert (seen[0].host, seen[0].port) == ("acme.example.com", None)
    assert re.fullmatch(r"req_[0-9a-f]{32}", seen[0].request_id)
    assert answer.headers[b"x-request-id"].decode() == seen[0].request_id


@pytest.mark.parametrize(
    "name",
    [b"host", b"authorization", b"content-length", b"x-tenant-id", b"x-forwarded-host"],
)
async def test_a_header_that_decides_something_may_come_only_once(name: bytes) -> None:
    pair = (name, b"1")
    answer = await ask(pair, pair, host=name != b"host")
    assert (answer.status, answer.code) == (400, "DUPLICATE_HEADER")


async def test_headers_that_may_repeat_do() -> None:
    answer = await ask((b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"accept", b"*/*"))
    assert answer.status == 200


@pytest.mark.parametrize("copies", [1, 3])
async def test_headers_beyond_their_limit_are_refused(copies: int) -> None:
    answer = await ask(*[(b"x-padding", b"a" * (17_000 // copies))] * copies)
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")


async def test_a_request_without_a_host_is_refused() -> None:
    assert (await ask(host=False)).code == "HOST_MISSING"
    assert (await ask((b"host", b""), host=False)).code == "HOST_MISSING"


@pytest.mark.parametrize(
    "target",
    [
        b"/a%00b",
        b"/a\x00b",
        b"/a%0d%0ab",
        b"/a%7fb",
        b"/a%2fb",
        b"/a%5Cb",
        b"/a\\b",
        b"/a/../b",
        b"/a/%2e%2E/b",
        b"/a/.",
        b"/a/%2e",
        b"/%ff",
        b"/\xff",
        b"/%ed%a0%80",
        b"/a%zz",
        b"/a%",
        b"/?q=%ff",
        b"/?q=\xff",
        b"/?q=a%00b",
        b"/?q=\x00",
    ],
)
async def test_an_address_that_hides_something_is_refused(target: bytes) -> None:
    answer = await ask(target=target)
    assert (answer.status, answer.code) == (400, "MALFORMED_URI")


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/api/v1/crm/contacts/0197c7a1-0000-7000-8000-000000000001",
        b"/.well-known/security.txt",
        b"/caf%C3%A9",
        "/caf\u00e9".encode(),
        b"/a..b/c.d?path=../%2Fx",
        b"/?q=100%&text=two%0Alines&name=%C3%A9",
    ],
)
async def test_an_unusual_but_honest_address_passes(target: bytes) -> None:
    assert (await ask(target=target)).status == 200


async def test_an_endless_address_is_refused() -> None:
    assert (await ask(target=b"/?" + b"a" * 8193)).status == 414
    assert (await ask(target=b"/" + b"a" * 8193)).status == 414


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "PROPFIND"])
async def test_an_unknown_method_is_refused(method: str) -> None:
    answer = await ask(method=method)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers[b"allow"] == b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (
            {b"content-length": b"2", b"transfer-encoding": b"chunked"},
            400,
            "UNCLEAR_LENGTH",
        ),
        ({b"content-length": b"+2"}, 400, "UNCLEAR_LENGTH"),
        ({b"content-length": b""}, 400, "UNCLEAR_LENGTH"),
        ({b"transfer-encoding": b"gzip, chunked"}, 400, "UNCLEAR_LENGTH"),
        ({b"content-length": b"1048577"}, 413, "PAYLOAD_TOO_LARGE"),
        ({b"content-length": b"9" * 5000}, 413, "PAYLOAD_TOO_LARGE"),
        ({b"content-encoding": b"gzip"}, 415, "CONTENT_ENCODING_UNSUPPORTED"),
    ],
)
async def test_a_body_must_be_announced_honestly(
    headers: dict[bytes, bytes], status: int, code: str
) -> None:
    answer = await ask(*headers.items(), method="POST")
    assert (answer.status, answer.code) == (status, code)


async def post(app: Any, incoming: list[Message], **settings: Any) -> Answer:
    scope = http_scope(HOST, (b"transfer-encoding", b"chunked"), method="POST")
    return await exchange(Front(app, FrontSettings(**settings)), scope, incoming)


async def test_a_chunked_body_is_counted_whoever_reads_it() -> None:
    assert (
        await post(drain, body_messages(b"a" * 6, b"a" * 4), max_body_bytes=10)
    ).status == 200
    answer = await post(drain, body_messages(b"a" * 6, b"a" * 5), max_body_bytes=10)
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_stalled_body_is_cut_whoever_reads_it() -> None:
    stalled = body_messages(b"a", b"b")[:1]
    answer = await post(drain, stalled, body_timeout=0.02)
    assert (answer.status, answer.code) == (408, "BODY_TIMEOUT")


async def test_a_client_that_leaves_during_its_body_is_no_fault_of_ours() -> None:
    leaving = [*body_messages(b"a", b"b")[:1], {"type": "http.disconnect"}]
    with capture_logs() as logs:
        answer = await post(drain, leaving)
    assert (answer.status, answer.code, logs) == (400, "BODY_INCOMPLETE", [])


async def test_every_answer_carries_the_security_headers() -> None:
    """S3-69: nothing of an answer is run or framed by a browser."""
    for answer in (await ask(), await ask(method="TRACE")):
        assert answer.headers[b"x-content-type-options"] == b"nosniff"
        assert answer.headers[b"x-frame-options"] == b"DENY"
        assert answer.headers[b"referrer-policy"] == b"no-referrer"
        assert answer.headers[b"content-security-policy"].startswith(
            b"default-src 'none'"
        )
        assert answer.headers[b"cross-origin-opener-policy"] == b"same-origin"
        assert answer.headers[b"cross-origin-resource-policy"] == b"same-origin"
        assert b"camera=()" in answer.headers[b"permissions-policy"]
        assert b"strict-transport-security" not in answer.headers


async def test_hsts_is_sent_over_https_alone() -> None:
    front = Front(hello, FrontSettings(hsts=True))
    secure = await exchange(front, http_scope(HOST, scheme="https"))
    assert secure.headers[b"strict-transport-security"] == b"max-age=31536000"
    plain = await exchange(front, http_scope(HOST))
    assert b"strict-transport-security" not in plain.headers


async def test_the_apps_own_policy_stands() -> None:
    own = (b"content-security-policy", b"default-src 'self'")
    start: Message = {"type": "http.response.start", "status": 200, "headers": [own]}

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    answer = await exchange(Front(page, FrontSettings()), http_scope(HOST))
    policies = [
        value for name, value in answer.messages[0]["headers"] if name == own[0]
    ]
    assert policies == [own[1]]
    assert answer.headers[b"x-content-type-options"] == b"nosniff"
    assert start["headers"] == [own], "the app's message is left as it was"


async def test_an_unexpected_error_is_answered_and_logged_without_its_message() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            raise KeyError("inner hunter2")
        except KeyError as cause:
            raise RuntimeError("outer hunter2") from cause

    with capture_logs() as logs:
        answer = await exchange(Front(broken, FrontSettings()), http_scope(HOST))
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert logs[0]["request_id"] == answer.headers[b"x-request-id"].decode()
    assert "RuntimeError" in logs[0]["error"]
    assert "KeyError" in logs[0]["error"]
    assert b"hunter2" not in answer.body


async def test_an_error_after_the_answer_began_is_raised_on() -> None:
    async def breaks_late(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await exchange(Front(breaks_late, FrontSettings()), http_scope(HOST))


async def test_cancellation_passes() -> None:
    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await exchange(Front(cancelled, FrontSettings()), http_scope(HOST))


async def test_lifespan_passes_untouched() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    await exchange(Front(app, FrontSettings()), {"type": "lifespan"})
    assert seen == [{"type": "lifespan"}]


async def test_a_websocket_is_checked_by_the_same_rules() -> None:
    front = Front(hello, FrontSettings())
    scope = http_scope(HOST, HOST, type="websocket", scheme="ws")
    answer = await exchange(front, scope)
    assert answer.messages[0]["type"] == "websocket.close"
    scope["extensions"] = {"websocket.http.response": {}}
    answer = await exchange(front, scope)
    assert answer.messages[0]["type"] == "websocket.http.response.start"
    assert (answer.status, answer.code) == (400, "DUPLICATE_HEADER")


def test_field_errors_are_listed_and_grouped() -> None:
    wrong = [
        FieldError("name", "too_long", "Too long."),
        FieldError("name", "odd", "Odd."),
    ]
    error = json.loads(problem_body(Conflict(*wrong), "req_1"))["error"]
    assert error["fields"] == {"name": ["Too long.", "Odd."]}
    assert error["details"][0] == {
        "field": "name",
        "code": "too_long",
        "message": "Too long.",
    }
