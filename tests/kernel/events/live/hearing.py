"""Hearing: listeners of the live streams, driven straight through the ASGI application."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from insula.kernel.events.relay import LOCK, NUMBER
from insula.kernel.foundation.clock import now
from insula.kernel.http.asgi import Message
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

PATIENCE = 5.0
ASSETS = "maintenance/assets"


async def relay(house: House, tenant: Tenant) -> None:
    """What the worker does: number the tenant's events, and tell that there are some."""
    await number(house, tenant)
    house.platform.bus.announce(f"events:{tenant.id}")


async def number(house: House, tenant: Tenant) -> None:
    """Number the tenant's events, and tell nobody."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with asyncio.timeout(PATIENCE):
        while True:
            async with session.transaction() as transaction:
                if not (await transaction.fetch(LOCK))[0][0]:
                    continue
                if not await transaction.fetch(NUMBER, now()):
                    break


async def happen(house: House, tenant: Tenant, owner: Caller, *names: str) -> None:
    """Have an asset created for each name, and its event numbered."""
    for name in names:
        await owner.create(ASSETS, name=name, tag=name)
    await relay(house, tenant)


class Ear:
    """One connection: what it was sent, block by block."""

    def __init__(self, scope: dict[str, Any], *, taking: bool = True) -> None:
        self.scope, self.status, self.text = scope, 0, b""
        self.headers: dict[bytes, bytes] = {}
        self.ended = False
        self._news, self._left = asyncio.Event(), asyncio.Event()
        self._takes = asyncio.Event()
        self._asked = False
        self.read = 0
        self.take(taking=taking)

    def take(self, *, taking: bool) -> None:
        """Read on, or let the server wait."""
        if taking:
            self._takes.set()
        else:
            self._takes.clear()

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()

    async def receive(self) -> Message:
        """What a server would say about this client."""
        if not self._asked:
            self._asked = True
            kind = self.scope["type"]
            first = "websocket.connect" if kind == "websocket" else "http.request"
            return {"type": first}
        await self._left.wait()
        return {"type": f"{self.scope['type']}.disconnect"}

    async def send(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            await self._takes.wait()
            self.text += message.get("body", b"")
        self._news.set()

    def blocks(self) -> list[dict[str, str]]:
        """The complete blocks since the last look."""
        *whole, _ = self.text.decode().split("\n\n")
        found = whole[self.read :]
        self.read = len(whole)
        return [dict(_field(line) for line in it.split("\n")) for it in found]

    async def until(self, wanted: int) -> list[Any]:
        """So many events, in the order in which they came."""
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE):
            while True:
                self._news.clear()
                found += [json.loads(it["data"]) for it in self.blocks() if _data(it)]
                if len(found) >= wanted:
                    return found
                await self._news.wait()

    async def over(self) -> None:
        """Return when the stream has ended."""
        async with asyncio.timeout(PATIENCE):
            while not self.ended:
                self._news.clear()
                await self._news.wait()

    async def open(self) -> None:
        """Return when the answer has begun."""
        async with asyncio.timeout(PATIENCE):
            while not self.text:
                self._news.clear()
                await self._news.wait()

    def end(self) -> None:
        """Note that the application is done."""
        self.ended = True
        self._news.set()


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def _data(block: dict[str, str]) -> bool:
    return "data" in block and "event" not in block


@asynccontextmanager
async def listening(
    house: House,
    caller: Caller,
    *,
    after: int | None = None,
    taking: bool = True,
    **query: str,
) -> AsyncIterator[Ear]:
    """A listener to the stream, who leaves at the block's end."""
    headers = [(b"host", caller.host.encode())]
    if caller.token is not None:
        headers.append((b"authorization", f"Bearer {caller.token}".encode()))
    if after is not None:
        headers.append((b"last-event-id", str(after).encode()))
    path = "/api/v1/events/stream"
    ear = Ear(
        {
            "type": "http", "method": "GET", "path": path, "scheme": "http",
            "raw_path": path.encode(), "query_string": urlencode(query).encode(),
            "headers": headers, "client": ("127.0.0.1", 4711),
        },
        taking=taking,
    )  # fmt: skip

    async def serve() -> None:
        try:
            await house.app(ear.scope, ear.receive, ear.send)
        finally:
            ear.end()

    task = asyncio.create_task(serve())
    try:
        await (ear.open() if taking else asyncio.sleep(0))
        yield ear
    finally:
        ear.leave()
        ear.take(taking=True)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(task, return_exceptions=True)


def tags(events: Sequence[Any]) -> list[str]:
    """The tags of the assets that these events are about."""
    return [it["data"]["tag"] for it in events]
