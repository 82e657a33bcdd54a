"""An application around one operation, without a database: the walk is cut short."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.languages import Languages
from insula.kernel.http.application import Application
from insula.kernel.http.asgi import Message, Scope
from insula.kernel.http.front import Front, FrontSettings
from insula.kernel.http.jsonapi import Renderer
from insula.kernel.http.request import Request
from insula.kernel.http.router import Router
from tests.house import Witness
from tests.kernel.http.exchange import HOST, http_scope

NOBODY: Any = SimpleNamespace(id=None)


class ShortWalk:
    """Parses and runs: whoever asks may."""

    hosts = SimpleNamespace(admin="admin.example.com")

    async def tenant(self, request: Request, operation: Operation, key: str) -> Any:
        """What the operation answers, for nobody in particular."""
        call = await request.call(operation, key)
        ctx: Context = NOBODY
        return await operation.run(ctx, call), None, None


class NoCors:
    """No origin is known here."""

    async def preflight(self, _: Request) -> None:
        """Nobody is answered."""

    async def headers(self, _: Request) -> list[tuple[bytes, bytes]]:
        """Nothing is said."""
        return []


class Standing:
    """One operation behind the real front and application."""

    def __init__(self, **declared: Any) -> None:
        self.witness = Witness()
        self.calls: list[Call] = []
        self.operation = Operation(
            name="things.do",
            path="/things",
            summary="",
            audience=Audience.visitor,
            **{"method": "GET", "run": self.run, "writes": False, **declared},
        )
        walk: Any = ShortWalk()
        routers = (Router([self.operation]), Router([]))
        cors: Any = NoCors()
        self.application = Application(
            walk,
            routers,
            {},
            {},
            self.witness,
            cors=cors,
            languages=Languages(()),
            renderer=Renderer({}, {}),
        )
        settings = FrontSettings(max_body_bytes=10_000_000)
        self.app = Front(self.application, settings)
        self.reply = Reply()

    async def run(self, _: Context, call: Call) -> Reply:
        """Keep the call, and answer as the test said."""
        self.calls.append(call)
        return self.reply

    def scope(self, *headers: tuple[bytes, bytes], **changes: Any) -> Scope:
        """A request for the operation."""
        method = self.operation.method
        return http_scope(
            HOST, *headers, target=b"/things", **{"method": method, **changes}
        )


class Source:
    """Chunks that a test can count, and that say when they are let go of."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks, self.made, self.closed = chunks, 0, False

    async def stream(self) -> AsyncIterator[bytes]:
        """Each chunk in its turn; an exception is raised in its turn."""
        try:
            for chunk in self.chunks:
                self.made += 1
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.closed = True


class Client:
    """A client that takes what it is sent at its own pace."""

    def __init__(self, *incoming: Message) -> None:
        self._incoming = list(incoming or ({"type": "http.request"},))
        self.sent: list[Message] = []
        self.gone, self.taking = asyncio.Event(), asyncio.Event()
        self._news = asyncio.Event()
        self.taking.set()

    async def receive(self) -> Message:
        """The next message; after the last, the disconnect when it comes."""
        if self._incoming:
            return self._incoming.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message, when this client takes any."""
        await self.taking.wait()
        self.sent.append(message)
        self._news.set()

    async def arrived(self, wanted: bytes) -> None:
        """Return when the body has grown to this."""
        async with asyncio.timeout(5):
            while self.body != wanted:
                self._news.clear()
                await self._news.wait()

    @property
    def body(self) -> bytes:
        """All that has arrived."""
        return b"".join(it.get("body", b"") for it in self.sent)

    @property
    def whole(self) -> bool:
        """Whether the answer said that it is complete."""
        return not self.sent[-1].get("more_body", False)
