"""Streaming answers: chunk by chunk, no faster than they are read, never half for whole."""

import asyncio
from typing import Any

import pytest

from insula.kernel.access.operation import HangUp, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.http import streaming
from insula.kernel.http.streaming import Cut
from tests.kernel.http.exchange import exchange
from tests.kernel.http.standing import Client, Source, Standing

pytestmark = pytest.mark.anyio
CSV = "text/csv; charset=utf-8"


def streaming_of(source: Source, **more: Any) -> Standing:
    """An operation that answers with these chunks."""
    standing = Standing()
    standing.reply = Reply(stream=source.stream(), content_type=CSV, **more)
    return standing


async def test_an_answer_is_streamed_with_its_own_headers() -> None:
    source = Source(b"a,", b"", b"b")
    named = ((b"content-disposition", b"attachment"), (b"cache-control", b"no-store"))
    answer = await exchange(
        (standing := streaming_of(source, headers=named, etag='"7"')).app,
        standing.scope(),
    )
    assert (answer.status, answer.body) == (200, b"a,b")
    assert [it.get("more_body", False) for it in answer.messages[1:]] == [True] * 2 + [
        False
    ]
    assert answer.headers[b"content-type"] == CSV.encode()
    assert answer.headers[b"content-disposition"] == b"attachment"
    assert answer.headers[b"cache-control"] == b"no-store"
    assert answer.headers[b"etag"] == b'"7"'
    assert answer.headers[b"x-content-type-options"] == b"nosniff"
    assert b"content-length" not in answer.headers
    assert source.closed


async def test_bytes_with_a_type_of_their_own_have_no_envelope() -> None:
    standing = Standing()
    standing.reply = Reply(b"\x89PNG", content_type="image/png")
    answer = await exchange(standing.app, standing.scope())
    assert (answer.body, answer.headers[b"content-type"]) == (b"\x89PNG", b"image/png")


async def test_the_next_chunk_is_made_when_the_last_was_taken() -> None:
    """However large the answer is, one chunk of it is in memory."""
    source = Source(*(b"x" for _ in range(100)))
    standing, client = streaming_of(source), Client()
    serving = asyncio.ensure_future(
        standing.app(standing.scope(), client.receive, client.send)
    )
    client.taking.clear()
    for _ in range(20):
        await asyncio.sleep(0)
    assert source.made == 1
    client.taking.set()
    await serving
    assert (client.body, client.whole) == (b"x" * 100, True)


async def test_a_client_that_leaves_ends_the_stream() -> None:
    waiting = asyncio.Event()
    source = Source(b"x")

    async def endless() -> Any:
        try:
            yield b"x"
            await waiting.wait()
        finally:
            source.closed = True

    standing, client = Standing(), Client()
    standing.reply = Reply(stream=endless())
    serving = asyncio.ensure_future(
        standing.app(standing.scope(), client.receive, client.send)
    )
    await client.arrived(b"x")
    client.gone.set()
    await serving
    assert source.closed
    assert not client.whole


async def test_a_cancelled_request_lets_go_of_its_stream() -> None:
    """What the guard does with requests that outlast their grace."""
    source = Source(*(b"x" for _ in range(9)))
    standing, client = streaming_of(source), Client()
    client.taking.clear()
    serving = asyncio.ensure_future(
        standing.app(standing.scope(), client.receive, client.send)
    )
    for _ in range(20):
        await asyncio.sleep(0)
    client.taking.set()
    await asyncio.sleep(0)
    client.taking.clear()
    for _ in range(20):
        await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert source.closed


async def test_what_goes_wrong_before_the_first_chunk_is_a_problem() -> None:
    source = Source(NotFound())
    standing = streaming_of(source)
    answer = await exchange(standing.app, standing.scope())
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_what_goes_wrong_later_cuts_the_connection() -> None:
    """A half answer must not pass for a whole one."""
    source, client = Source(b"half", LookupError("secret")), Client()
    standing = streaming_of(source)
    with pytest.raises(Cut) as cut:
        await standing.app(standing.scope(), client.receive, client.send)
    assert (client.body, client.whole) == (b"half", False)
    assert [type(it) for it in standing.witness.faults] == [LookupError]
    assert "secret" not in str(cut.value)
    assert source.closed


async def test_a_reader_that_stalls_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 15."""
    monkeypatch.setattr(streaming, "STALL", 0.02)
    source, client = Source(b"a", b"b", b"c"), Client()
    standing = streaming_of(source)
    send, sent = client.send, 0

    async def stalling(message: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:
            await asyncio.Event().wait()
        await send(message)

    with pytest.raises(Cut):
        await standing.app(standing.scope(), client.receive, stalling)
    assert source.closed
    assert standing.witness.faults == []


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [("HEAD", b"", 200), ("GET", b'"7"', 304), ("HEAD", b'"7"', 304)],
)
async def test_a_stream_that_is_not_wanted_is_not_made(
    method: str, header: bytes, status: int
) -> None:
    source = Source(b"x")
    standing = streaming_of(source, etag='"7"')
    known = ((b"if-none-match", header),) if header else ()
    answer = await exchange(standing.app, standing.scope(*known, method=method))
    assert (answer.status, answer.body, source.made) == (status, b"", 0)
    assert b"content-length" not in answer.headers


async def test_a_live_stream_is_no_request_in_flight() -> None:
    """Promise 16: nobody waits for it when the server stops."""
    standing, client = Standing(live=True), Client()
    waiting = asyncio.Event()

    async def beats() -> Any:
        yield b"1"
        assert [it.status for it in standing.witness.visits] == [200]
        await waiting.wait()
        raise HangUp(1012, "restart")

    standing.reply = Reply(stream=beats(), content_type="text/event-stream")
    serving = asyncio.ensure_future(
        standing.app(standing.scope(), client.receive, client.send)
    )
    await client.arrived(b"1")
    waiting.set()
    await serving
    assert client.whole
    assert standing.witness.faults == []
    assert dict(client.sent[0]["headers"])[b"x-accel-buffering"] == b"no"
