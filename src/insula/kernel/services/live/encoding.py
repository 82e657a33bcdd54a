"""Encoding: what listeners are told, as server-sent events and as websocket messages."""

import secrets
from typing import Protocol

from insula.kernel.events.live.reading import LiveEvent

SOONEST, LATEST = 500, 3_000
"""Milliseconds after which clients come back, spread so that not all come at once."""


class Encoding(Protocol):
    """How each thing that can be told looks on the wire."""

    def hello(self, position: int) -> bytes:
        """The stream begins behind this number."""

    def event(self, event: LiveEvent) -> bytes:
        """Something happened."""

    def beat(self, position: int) -> bytes:
        """Nothing new for you up to this number; the connection is alive."""

    def reset(self, position: int) -> bytes:
        """What was missed cannot be told: load everything anew."""

    def farewell(self) -> bytes:
        """The last words before the stream ends; none if empty."""


class ServerSent:
    """The format of ``text/event-stream``; every block carries the position as its id.

    A block without data moves the client's ``Last-Event-ID`` on and is no event.
    """

    def hello(self, position: int) -> bytes:
        """The stream begins behind this number."""
        return b"retry: %d\nid: %d\n\n" % (_soon(), position)

    def event(self, event: LiveEvent) -> bytes:
        """Something happened."""
        return b"id: %d\ndata: %b\n\n" % (event.sequence, event.text)

    def beat(self, position: int) -> bytes:
        """Nothing new for you up to this number; the connection is alive."""
        return b": beat\nid: %d\n\n" % position

    def reset(self, position: int) -> bytes:
        """What was missed cannot be told: load everything anew."""
        told = b'event: reset\nid: %d\ndata: {"position":%d}\n\n'
        return told % (position, position)

    def farewell(self) -> bytes:
        """The last words before the stream ends."""
        return b": come again\nretry: %d\n\n" % _soon()


class SocketText:
    """JSON objects with a ``type``; a websocket's close code says the rest."""

    def hello(self, position: int) -> bytes:
        """The stream begins behind this number."""
        return b'{"type":"hello","position":%d}' % position

    def event(self, event: LiveEvent) -> bytes:
        """Something happened."""
        return b'{"type":"event","event":%b}' % event.text

    def beat(self, position: int) -> bytes:
        """Nothing new for you up to this number; the connection is alive."""
        return b'{"type":"beat","position":%d}' % position

    def reset(self, position: int) -> bytes:
        """What was missed cannot be told: load everything anew."""
        return b'{"type":"reset","position":%d}' % position

    def farewell(self) -> bytes:
        """Nothing: the close frame says it."""
        return b""


def _soon() -> int:
    return SOONEST + secrets.randbelow(LATEST - SOONEST)
