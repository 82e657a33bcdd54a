"""The hub: whoever listens to events in this process, tenant by tenant."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.home import Home
from insula.kernel.database.session import Session
from insula.kernel.events.live.listener import Ending, Listener
from insula.kernel.events.live.reading import Reader
from insula.kernel.events.live.room import Room
from insula.kernel.foundation.errors import Limited, Unavailable
from insula.kernel.foundation.ids import parse_uuid

READS = 8
"""Rooms that ask the database at the same time."""
LOOKS = 8
"""Listeners whose rights are looked at at the same time: a notice may concern thousands."""


class TooManyListeners(Limited):
    """Too many connections listen already: close one first."""

    code = "TOO_MANY_LISTENERS"


class Restarting(Unavailable):
    """This server is about to restart: connect again."""

    code = "RESTARTING"


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many connections may listen in one process."""

    of_one: int = 20
    of_tenant: int = 1_000
    altogether: int = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant's room; after a move to another home it is another one."""

    tenant_id: UUID
    home: Home


class Hub:
    """Lets listeners in and out, and tells rooms and listeners what notices say.

    ``connected`` tells whether notices arrive; without them rooms look by themselves.
    ``reader`` is what every event is read with.
    """

    def __init__(
        self,
        open_session: Callable[[Home, UUID], Session],
        connected: Callable[[], bool],
        reader: Reader,
        capacity: Capacity | None = None,
    ) -> None:
        self.connected, self.reader = connected, reader
        self.looks = asyncio.Semaphore(LOOKS)
        self._open, self._capacity = open_session, capacity or Capacity()
        self._rooms: dict[UUID, dict[UUID, Room]] = {}
        self._mine: Counter[UUID] = Counter()
        self._reads = asyncio.Semaphore(READS)
        self._closing = False

    def __len__(self) -> int:
        return self._mine.total()

    async def join(self, place: Place, who: UUID) -> Listener:
        """A listener who hears all that happens from now on; ``leave`` must follow."""
        if self._closing:
            raise Restarting
        if self._full(place, who):
            raise TooManyListeners
        listener, room = Listener(who), self._room(place)
        room.listeners.add(listener)
        self._mine[who] += 1
        try:
            await room.ready()
        except BaseException:
            self.leave(place, listener)
            raise
        listener.base = room.last
        return listener

    def _room(self, place: Place) -> Room:
        rooms = self._rooms.setdefault(place.tenant_id, {})
        room = rooms.get(place.home.id)
        if room is None:
            session = self._open(place.home, place.tenant_id)
            room = Room(session, self.reader, self._reads, self.connected)
            rooms[place.home.id] = room
        return room

    def _full(self, place: Place, who: UUID) -> bool:
        most, rooms = self._capacity, self._rooms.get(place.tenant_id, {})
        return (
            self._mine.get(who, 0) >= most.of_one
            or len(self) >= most.altogether
            or sum(len(it.listeners) for it in rooms.values()) >= most.of_tenant
        )

    def leave(self, place: Place, listener: Listener) -> None:
        """Forget a listener; the last one closes the room."""
        rooms = self._rooms.get(place.tenant_id, {})
        room = rooms.get(place.home.id)
        if room is None or listener not in room.listeners:
            return
        room.listeners.remove(listener)
        listener.left()
        self._mine[listener.who] -= 1
        if not self._mine[listener.who]:
            del self._mine[listener.who]
        if not room.listeners:
            room.close()
            del rooms[place.home.id]
        if not rooms:
            del self._rooms[place.tenant_id]

    def heard(self, topic: str | None) -> None:
        """Act on a notice; None means that any may have been lost."""
        kind, _, text = (topic or "").partition(":")
        if topic is not None and kind not in ("events", "tenant", "actor"):
            return
        named = parse_uuid(text)
        if kind == "events":
            for room in self._rooms.get(named, {}).values() if named else ():
                room.wake()
        elif kind != "actor" or named in self._mine:
            self._doubt(kind, named)

    def _doubt(self, kind: str, named: UUID | None) -> None:
        for tenant_id, rooms in self._rooms.items():
            for room in (
                rooms.values() if kind != "tenant" or tenant_id == named else ()
            ):
                room.wake()
                for listener in room.listeners:
                    if kind != "actor" or listener.who == named:
                        listener.doubt()

    def close(self) -> None:
        """Let everybody go, because the process stops; nobody is let in any more."""
        self._closing = True
        for rooms in self._rooms.values():
            for room in rooms.values():
                for listener in room.listeners:
                    listener.end(Ending.restart)
