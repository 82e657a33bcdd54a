"""Behind the real server a hostile client gets a clean refusal, and the next one is served."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from insula.kernel.http.asgi import Receive, Scope, Send
from insula.kernel.http.body import read_body
from insula.kernel.http.front import Front, FrontSettings

HOST = b"Host: acme.example.com\r\n"
CLOSE = b"Connection: close\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await read_body(receive, limit=1000, timeout=0.3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % len(body)})


def build() -> Front:
    """What the server process serves."""
    return Front(echo, FrontSettings(max_body_bytes=1000, body_timeout=0.3))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    options = [
        "--interface",
        "asginl",
        "--host",
        "127.0.0.1",
        "--port",
        str(number),
        "--factory",
    ]
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", *options, f"{__name__}:build"]
    )
    try:
        wait_until_served(number)
        yield number
    finally:
        server.terminate()
        server.wait(timeout=10)


def wait_until_served(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


def talk(port: int, *parts: bytes, patience: float = 3) -> bytes:
    """All that the server says to these bytes before it closes or falls silent."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as client:
        try:
            for part in parts:
                client.sendall(part)
            while piece := client.recv(65536):
                said += piece
        except (ConnectionError, TimeoutError):
            pass
    return said


def assert_alive(port: int) -> None:
    answer = talk(
        port, b"POST / HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 4\r\n\r\nbody"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n4")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + CLOSE + b"\r\n", "DUPLICATE_HEADER"),
        (b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n", "HOST_MISSING"),
        (b"GET /%00 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", "MALFORMED_URI"),
        (b"GET /a/%2e%2e/b HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", "MALFORMED_URI"),
        (b"GET /%ff HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", "MALFORMED_URI"),
        (b"TRACE / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", "METHOD_NOT_ALLOWED"),
        (
            b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
            "HEADERS_TOO_LARGE",
        ),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9999\r\n\r\n",
            "PAYLOAD_TOO_LARGE",
        ),
        (CHUNKED + (b"1f4\r\n" + b"a" * 500 + b"\r\n") * 3, "PAYLOAD_TOO_LARGE"),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 20\r\n\r\nstalls",
            "BODY_TIMEOUT",
        ),
        (CHUNKED + b"2\r\nab\r\n", "BODY_TIMEOUT"),
        (CHUNKED + b"zz\r\n", "BODY_INCOMPLETE"),
    ],
)
def test_a_hostile_request_gets_our_refusal(
    port: int, request_: bytes, code: str
) -> None:
    head, _, body = talk(port, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4")
    assert b"x-content-type-options: nosniff" in head
    assert json.loads(body)["error"]["code"] == code
    assert_alive(port)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x01b\r\n\r\n",
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab",
        b"\x16\x03\x01\x00\xa5" + os.urandom(100) + b"\r\n\r\n",
    ],
    ids=["nul", "giant header", "control", "two lengths", "tls"],
)
def test_what_the_server_itself_refuses_is_refused_cleanly(
    port: int, request_: bytes
) -> None:
    answer = talk(port, request_)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert_alive(port)


def test_junk_behind_a_good_request_spoils_only_itself(port: int) -> None:
    answer = talk(port, b"GET / HTTP/1.1\r\n" + HOST + b"\r\nJUNK JUNK\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in answer
    assert_alive(port)


def test_a_length_beside_chunks_leaves_no_room_for_a_second_request(port: int) -> None:
    """The server drops the Content-Length: the smuggled request can only be part of the body."""
    hidden = b"GET /hidden HTTP/1.1\r\n" + HOST + b"\r\n"
    head = (
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
    )
    answer = talk(port, head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert_alive(port)


def test_a_client_that_leaves_during_its_body_harms_nobody(port: int) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), timeout=3) as client:
            client.sendall(
                b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 20\r\n\r\nab"
            )
    assert_alive(port)


def test_a_refused_websocket_learns_why(port: int) -> None:
    upgrade = (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    )
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    answer = talk(
        port, b"GET /a%00b HTTP/1.1\r\n" + HOST + upgrade + key + b"\r\n", patience=0.3
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"MALFORMED_URI" in answer
    assert_alive(port)
