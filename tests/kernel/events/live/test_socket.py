"""The websocket: the same events, under the same rules, as text messages."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.http.asgi import Message
from tests.house import Caller, House
from tests.kernel.events.live.hearing import PATIENCE, happen

pytestmark = pytest.mark.anyio


class Line:
    """A websocket as the server sees it."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Message] = asyncio.Queue()
        self.told: asyncio.Queue[Message] = asyncio.Queue()
        self.said.put_nowait({"type": "websocket.connect"})

    async def next(self) -> Any:
        """What comes next: a decoded message, or the raw one if it is another kind."""
        async with asyncio.timeout(PATIENCE):
            message = await self.told.get()
        if message["type"] == "websocket.send":
            return json.loads(message["text"])
        return message


@asynccontextmanager
async def opened(
    house: House, caller: Caller, path: str = "events/socket", **headers: str
) -> AsyncIterator[Line]:
    """A websocket that somebody asked for; they leave at the block's end."""
    line = Line()
    named = {"host": caller.host, **headers}
    if caller.token is not None:
        named["authorization"] = f"Bearer {caller.token}"
    path, _, query = path.partition("?")
    scope = {
        "type": "websocket", "path": f"/api/v1/{path}", "scheme": "ws",
        "query_string": query.encode(), "client": ("127.0.0.1", 4711),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    serving = house.app(scope, line.said.get, line.told.put)
    task = asyncio.ensure_future(serving)
    try:
        yield line
    finally:
        line.said.put_nowait({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("mode", list(Isolation))
async def test_events_come_as_messages(house: House, mode: Isolation) -> None:
    """S2-90, S2-62."""
    tenant, other = await house.tenant(mode), await house.tenant(mode)
    owner, stranger = await house.user(tenant), await house.user(other)
    async with opened(house, owner) as line:
        assert (await line.next())["type"] == "websocket.accept"
        assert await line.next() == {"type": "hello", "position": 0}
        await happen(house, other, stranger, "B1")
        await happen(house, tenant, owner, "A1")
        told = await line.next()
        assert (told["type"], told["event"]["data"]["tag"]) == ("event", "A1")
    async with opened(house, owner, "events/socket?after=0&events=*.asset.*") as line:
        await line.next()
        assert (await line.next())["type"] == "hello"
        assert (await line.next())["event"]["data"]["tag"] == "A1"
    assert len(house.platform.live) == 0


async def test_signing_out_closes_it(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    async with opened(house, owner) as line:
        await line.next()
        await line.next()
        await owner.post("auth/logout")
        close = await line.next()
        assert close["type"] == "websocket.close"
        assert (close["code"], close["reason"]) == (1008, "UNAUTHENTICATED")


async def test_a_ticket_opens_it_for_pages_of_the_same_origin(house: House) -> None:
    """RFC 6455, 10.2: a browser says which page asks."""
    tenant = await house.tenant()
    owner, browser = await house.user(tenant), house.caller(tenant.domain)
    ticket = (await owner.post("events/tickets")).data["ticket"]
    path = f"events/socket?ticket={ticket}"
    for scheme, status in (("http", 0), ("https", 403)):
        origin = f"{scheme}://{tenant.domain}"
        async with opened(house, browser, path, origin=origin) as line:
            assert (await line.next()).get("status", 0) == status
    for origin in ("http://evil.test", "null", f"http://{tenant.domain}:81", "é"):
        async with opened(house, browser, path, origin=origin) as line:
            assert (await line.next())["status"] == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [("events/socket", 401), ("events/stream", 404), ("nowhere", 404)],
)
async def test_a_refusal_is_an_answer(house: House, path: str, status: int) -> None:
    visitor = house.caller((await house.tenant()).domain)
    async with opened(house, visitor, path) as line:
        told = await line.next()
        assert told["type"] == "websocket.http.response.start"
        assert told["status"] == status


async def test_plain_http_is_told_to_upgrade(house: House) -> None:
    owner = await house.user(await house.tenant())
    answer = await owner.get("events/socket")
    assert (answer.status, answer.code) == (426, "UPGRADE_REQUIRED")
    assert answer.headers["upgrade"] == "websocket"


async def test_who_talks_too_much_is_hung_up_on(house: House) -> None:
    """Promise 15: what a client may say is bounded."""
    owner = await house.user(await house.tenant())
    async with opened(house, owner) as line:
        await line.next()
        await line.next()
        for _ in range(2):
            text = "x" * 40_000
            line.said.put_nowait({"type": "websocket.receive", "text": text})
        assert (await line.next())["code"] == 1009
