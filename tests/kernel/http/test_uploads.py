"""Uploads: handed over while they arrive, within a size and no slower than allowed."""

import asyncio
from typing import Any

import pytest

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.http import body, request
from insula.kernel.http.openapi import document
from tests.kernel.http.exchange import Answer, exchange
from tests.kernel.http.standing import Client, Standing

pytestmark = pytest.mark.anyio
LIMIT = 1_000


def part(size: int, *, more: bool = True) -> dict[str, Any]:
    """A piece of a body."""
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


class Uploading(Standing):
    """Counts what arrives, chunk by chunk."""

    def __init__(self, **declared: Any) -> None:
        limits = {"upload": True, "body_limit": LIMIT, "method": "POST"}
        super().__init__(**{**limits, **declared})
        self.sizes: list[int] = []

    async def run(self, _: Context, call: Call) -> Reply:
        async for chunk in call.chunks:
            self.sizes.append(len(chunk))
        return Reply(b"%d" % sum(self.sizes))

    async def take(self, *parts: Any, **headers: str) -> Answer:
        """Send these pieces."""
        named = [
            (it.replace("_", "-").encode(), v.encode()) for it, v in headers.items()
        ]
        return await exchange(self.app, self.scope(*named), parts)


@pytest.mark.parametrize(
    ("sizes", "status"),
    [
        ((), 200),
        ((1000,), 200),
        ((400, 600), 200),
        ((1001,), 413),
        ((999, 1, 1), 413),
        ((500, 500, 500), 413),
    ],
)
async def test_an_upload_has_a_limit(sizes: tuple[int, ...], status: int) -> None:
    """Promise 15: chunked, so that nothing is announced."""
    uploading = Uploading()
    answer = await uploading.take(*map(part, sizes), part(0, more=False))
    assert answer.status == status
    assert sum(uploading.sizes) <= LIMIT


@pytest.mark.parametrize(
    ("length", "status"), [("1000", 200), ("1001", 413), ("9" * 18, 413)]
)
async def test_what_announces_too_much_is_not_begun(length: str, status: int) -> None:
    """Promise 15: the body of a refused upload is not read."""
    uploading = Uploading()
    whole = part(1000, more=False)
    answer = await uploading.take(whole, content_length=length)
    assert answer.status == status
    assert uploading.sizes == ([1000] if status == 200 else [])


async def test_an_upload_that_stalls_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 15."""
    monkeypatch.setattr(request, "BODY_TIMEOUT", 0.02)
    answer = await Uploading().take(part(10))
    assert (answer.status, answer.code) == (408, "BODY_TIMEOUT")


async def test_an_upload_that_trickles_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 15: a byte now and then is no progress."""
    monkeypatch.setattr(request, "BODY_TIMEOUT", 0.05)
    monkeypatch.setattr(body, "SLOWEST", 10_000)
    uploading, client = Uploading(), Client(*(part(1) for _ in range(100)))
    receive = client.receive

    async def slowly() -> Any:
        await asyncio.sleep(0.01)
        return await receive()

    await uploading.app(uploading.scope(), slowly, client.send)
    assert client.sent[0]["status"] == 408
    assert 0 < len(uploading.sizes) < 20


async def test_our_own_slowness_is_not_the_clients() -> None:
    """A chunk is fetched when it is asked for: what is not read yet waits outside."""
    uploading, client = (
        Uploading(),
        Client(*(part(1) for _ in range(5)), part(0, more=False)),
    )
    seen: list[int] = []

    async def run(_: Context, call: Call) -> Reply:
        async for _chunk in call.chunks:
            seen.append(len(client._incoming))
            await asyncio.sleep(0.002)
        return Reply()

    object.__setattr__(uploading.operation, "run", run)
    await uploading.app(uploading.scope(), client.receive, client.send)
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("kind", "given", "status"),
    [
        ("*/*", "", 200),
        ("*/*", "image/png", 200),
        ("image/png", "image/png", 200),
        ("image/png", "text/html", 415),
        ("image/png", "", 415),
    ],
)
async def test_an_upload_may_be_of_one_type(kind: str, given: str, status: int) -> None:
    uploading = Uploading(raw_body=kind)
    named = {"content_type": given} if given else {}
    answer = await uploading.take(part(1, more=False), **named)
    assert answer.status == status


async def test_a_client_that_gives_up_is_no_fault() -> None:
    uploading = Uploading()
    answer = await uploading.take(part(10), {"type": "http.disconnect"})
    assert (answer.status, answer.code) == (400, "BODY_INCOMPLETE")
    assert uploading.witness.faults == []


async def test_a_body_is_read_again_as_it_was() -> None:
    """A walk that is repeated after a migration finds the same body."""

    async def receive() -> Any:
        return part(3, more=False)

    guard = body.BodyGuard(receive, 10, 1)
    assert await guard.read(limit=10, timeout=1) == b"xxx"
    assert await guard.read(limit=10, timeout=1) == b"xxx"


def test_uploads_and_bare_answers_are_documented() -> None:
    uploading = Uploading(content_type="image/png")
    found = document([uploading.operation], title="T", version="1")
    described = found["paths"]["/things"]["post"]
    binary = {"type": "string", "format": "binary"}
    assert described["requestBody"]["content"] == {"*/*": {"schema": binary}}
    assert described["responses"]["200"]["content"] == {"image/png": {"schema": binary}}
    assert "413" in described["responses"]
