"""Websockets: the same walk and the same streams, handed on as text messages."""

import asyncio
from contextlib import suppress

from insula.kernel.access.operation import HangUp, Reply
from insula.kernel.foundation.errors import Denied, NotFound, Problem
from insula.kernel.http.asgi import Receive, Send
from insula.kernel.http.origin import HostInvalid, parse_host
from insula.kernel.http.request import Request
from insula.kernel.http.streaming import Cut, Stream

MOST_SAID = 65_536
"""Bytes that a client may say altogether; nothing that it says means anything yet."""
FAREWELL = 5.0
"""Seconds for telling a client why the socket is closed."""
LEFT = 1006
"""No code is sent to whom has gone; RFC 6455 has this one for the absence of any."""
PORTS = {"http": 80, "https": 443}


class ForeignOrigin(Denied):
    """A page of another site may not open this."""

    code = "FOREIGN_ORIGIN"


class UpgradeRequired(Problem):
    """Ask for this address as a websocket."""

    status = 426
    code = "UPGRADE_REQUIRED"


def check_origin(request: Request) -> None:
    """Refuse a browser's page of another origin; programs send none (RFC 6455, 10.2)."""
    given = request.headers.get(b"origin")
    if given is None:
        return
    scheme, _, place = given.partition(b"://")
    try:
        host, port = parse_host(place)
    except HostInvalid:
        raise ForeignOrigin from None
    ours = request.origin
    usual = PORTS.get(scheme.decode("latin-1").lower())
    if usual is None or host != ours.host:
        raise ForeignOrigin
    if (port or usual) != (ours.port or PORTS[ours.scheme]):
        raise ForeignOrigin


class Socket:
    """One websocket, from the wish to open it to its close."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._stream: Stream | None = None
        self._end = HangUp(1000, "")

    async def open(self, reply: Reply) -> None:
        """Accept it when the first message is made; what fails before is a refusal."""
        if reply.stream is None:
            raise NotFound
        self._stream = Stream(reply.stream)
        await self._receive()
        await self._stream.begin()
        await self._send({"type": "websocket.accept"})

    async def run(self) -> None:
        """Hand on the stream to its end, and say why it ended."""
        assert self._stream is not None
        try:
            if not await self._stream.run(self._say, self._gone):
                self._end = self._end if self._end.code != 1000 else HangUp(LEFT, "")
        except HangUp as end:
            self._end = end
        except Cut:
            self._end = HangUp(1008, "too slow")
        except BaseException:
            self._end = HangUp(1011, "something went wrong")
            raise
        finally:
            await self._close()

    async def _say(self, chunk: bytes) -> None:
        try:
            await self._send({"type": "websocket.send", "text": chunk.decode()})
        except RuntimeError:  # what the server raises when nobody is there any more
            raise HangUp(LEFT, "") from None

    async def _gone(self) -> None:
        said = 0
        while said <= MOST_SAID:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            said += len(message.get("text") or message.get("bytes") or "")
        self._end = HangUp(1009, "this socket only tells")

    async def _close(self) -> None:
        if self._end.code == LEFT:
            return
        # The server sends no close while somebody still waits to receive; nobody does.
        with suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(FAREWELL):
                end = {"code": self._end.code, "reason": self._end.reason}
                await self._send({"type": "websocket.close", **end})
