"""A receiver of webhooks: a real HTTP server on this machine that keeps what it gets."""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

STOPPED = (asyncio.CancelledError,)
"""What ends a request that still waits for its answer when a test ends."""
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


def answer(status: int, *headers: str, body: str = "") -> bytes:
    """An HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return ("\r\n".join([*lines, "connection: close", "", ""]) + body).encode()


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came over the wire."""

    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Sink:
    """Answers what ``reply`` says for the number of the request, after ``delay``."""

    reply: Callable[[int], bytes] = lambda _: OK
    delay: float = 0.0
    got: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _times: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext | None = None) -> "Sink":
        """Listen on a free port."""
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def next(self) -> float:
        """When the next request comes, or came."""
        return await self._times.get()

    async def stop(self) -> None:
        """Listen no more, and leave whoever still waits."""
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def url(self, path: str = "/hook") -> str:
        """Where it listens, by address."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, OSError, *STOPPED):
                await self._exchange(reader, writer)
        finally:
            writer.transport.abort()
            self._serving.discard(task)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self._times.put_nowait(time.monotonic())
        self.got.append(Received(first.split(" ")[1], headers, body))
        await asyncio.sleep(self.delay)
        writer.write(self.reply(len(self.got)))
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        await reader.read()
