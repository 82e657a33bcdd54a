"""Streaming: answers that are made while they are sent, and end with whoever reads them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from insula.kernel.access.operation import HangUp
from insula.kernel.foundation.errors import Unavailable
from insula.kernel.http.asgi import Receive, Send
from insula.kernel.http.body import guarded

STALL = 30.0
"""Seconds that a reader may take for one chunk before it is cut off."""


class Cut(ConnectionError):
    """An answer failed on its way: the connection is cut, so that nobody takes it for whole."""


class Stream:
    """The body of an answer, chunk by chunk; the next is made when the last was taken."""

    __slots__ = ("_chunks", "_first")

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._first: bytes | None = None

    async def begin(self) -> None:
        """Make the first chunk; what goes wrong until then is an ordinary problem."""
        try:
            self._first = await anext(self._chunks, None)
        except HangUp:
            raise Unavailable from None

    async def close(self) -> None:
        """Have the stream let go of what it holds, even if we are being cancelled."""
        closing = getattr(self._chunks, "aclose", None)
        if closing is not None:
            await asyncio.shield(asyncio.ensure_future(closing()))

    async def send(self, receive: Receive, send: Send) -> None:
        """Send all of it as the body of an HTTP answer, until the client leaves."""

        async def hand_on(chunk: bytes) -> None:
            body = {"type": "http.response.body", "body": chunk, "more_body": True}
            await send(body)

        guard = guarded(receive, limit=0, timeout=STALL)
        with suppress(HangUp):
            if not await self.run(hand_on, guard.gone):
                return
        await send({"type": "http.response.body", "body": b""})

    async def run(
        self,
        hand_on: Callable[[bytes], Awaitable[None]],
        gone: Callable[[], Awaitable[None]],
    ) -> bool:
        """Hand on every chunk; False when the reader went before the end.

        Raises ``HangUp`` where the stream does, and what else goes wrong in it.
        """
        pump = asyncio.ensure_future(self._pump(hand_on))
        watch = asyncio.ensure_future(gone())
        try:
            await asyncio.wait((pump, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, watch):
                task.cancel()
            await asyncio.gather(pump, watch, return_exceptions=True)
            await self.close()
        if pump.cancelled():
            return False
        pump.result()
        return True

    async def _pump(self, hand_on: Callable[[bytes], Awaitable[None]]) -> None:
        chunk, self._first = self._first, None
        while chunk is not None:
            if chunk:
                try:
                    async with asyncio.timeout(STALL):
                        await hand_on(chunk)
                except TimeoutError:
                    raise Cut("the reader stalls") from None
            chunk = await anext(self._chunks, None)
