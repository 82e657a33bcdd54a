"""The stream of one listener: what was missed, then what happens, as long as it may hear."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import asyncpg

from insula.kernel.access.actor import Actor
from insula.kernel.access.operation import HangUp
from insula.kernel.database.session import Session
from insula.kernel.events.live.hub import Hub, Place
from insula.kernel.events.live.listener import Ending, Listener
from insula.kernel.events.live.reading import LiveEvent, read_span
from insula.kernel.events.live.topics import Topics
from insula.kernel.foundation.errors import Problem, Unavailable
from insula.kernel.services.live.encoding import Encoding
from insula.kernel.services.live.visibility import Visibility
from insula.kernel.tenancy.tenant import Tenant

BEAT = 15.0
"""Seconds between signs of life, and at most between looks whether it still may hear."""
SPREAD = 0.3
"""Part of that time by which looks differ, so that those of many do not coincide."""
ALONE = 1.0
"""Seconds between such looks while no notices arrive."""
PIECE = 100
MOST_MISSED = 10_000
"""Events that are told again after an interruption; beyond, loading anew is cheaper."""

RESTART, REFUSED, LATER = 1012, 1008, 1013
"""Codes of RFC 6455 and its registry: service restart, policy violation, try again."""

AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

Again = Callable[[], Awaitable[tuple[Tenant, Actor]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listener wants to hear, and after which number if it heard before."""

    topics: Topics
    after: int | None


@dataclass(slots=True)
class Hearing:
    """Who listens, as of the last look; ``again`` looks once more."""

    tenant: Tenant
    actor: Actor
    again: Again


class LiveStream:
    """Tells one listener everything that it may know of and asked for, in order, once."""

    def __init__(
        self,
        hub: Hub,
        visibility: Visibility,
        hearing: Hearing,
        asked: Asked,
        encoding: Encoding,
    ) -> None:
        self._hub, self._visibility = hub, visibility
        self._hearing, self._asked, self._encoding = hearing, asked, encoding
        self._place = Place(hearing.tenant.id, hearing.tenant.home)
        self._position = 0
        self._clock = asyncio.get_running_loop().time
        self._looked = self._told = self._clock()
        self._pace = BEAT * (1 - SPREAD * secrets.randbelow(1000) / 1000)

    async def run(self, session: Session) -> AsyncIterator[bytes]:
        """All that is to be sent; raises ``HangUp`` when we end it."""
        who = self._hearing.actor.id
        assert who is not None
        listener = await self._hub.join(self._place, who)
        try:
            listener.attend()
            async with aclosing(self._begin(session, listener)) as beginning:
                async for chunk in beginning:
                    yield chunk
            while True:
                listener.attend()
                await self._look(listener)
                while (event := listener.take()) is not None:
                    if self._passes(event):
                        yield self._line(event)
                if self._clock() - self._told >= BEAT:
                    self._told = self._clock()
                    yield self._encoding.beat(self._position)
                await listener.wait(self._patience())
        except HangUp:
            if farewell := self._encoding.farewell():
                yield farewell
            raise
        finally:
            self._hub.leave(self._place, listener)

    async def _begin(
        self, session: Session, listener: Listener
    ) -> AsyncGenerator[bytes, None]:
        """Hello, and what happened between the listener's number and its place here."""
        after, base = self._asked.after, listener.base
        if after is None or not await self._known(session, after, base):
            self._position = base
            yield self._encoding.hello(base)
            if after is not None:
                yield self._encoding.reset(base)
            return
        self._position = after
        yield self._encoding.hello(after)
        while self._position < base:
            await self._look(listener)
            events = await self._hub.reader.after(session, self._position, PIECE)
            for event in events:
                if listener.doubtful or listener.ending is not None:
                    break
                if event.sequence <= base and self._passes(event):
                    yield self._line(event)
                self._position = min(event.sequence, base)
            if not events:
                self._position = base

    async def _known(self, session: Session, after: int, base: int) -> bool:
        """Whether all that follows a number can still be told."""
        if after > base or base - after > MOST_MISSED:
            return False
        return after == base or (await read_span(session)).first <= after + 1

    def _passes(self, event: LiveEvent) -> bool:
        """Move on to this event; whether it is one to tell."""
        if event.sequence <= self._position:
            return False
        self._position = event.sequence
        hearing = self._hearing
        return self._asked.topics.hold(event.name) and self._visibility.sees(
            hearing.tenant, hearing.actor, event
        )

    def _line(self, event: LiveEvent) -> bytes:
        """The event, as much of it as this listener may know."""
        text = self._visibility.text(self._hearing.actor, event)
        return self._encoding.event(event._replace(text=text))

    def _patience(self) -> float:
        """Seconds until something is due without any news."""
        due = min(self._told + BEAT, self._looked + self._look_after())
        return max(due - self._clock(), 0.01)

    def _look_after(self) -> float:
        return self._pace if self._hub.connected() else ALONE

    async def _look(self, listener: Listener) -> None:
        """Hang up on whom we must; look again whether it may hear where that is due."""
        if listener.ending is not None:
            code = RESTART if listener.ending is Ending.restart else LATER
            raise HangUp(code, listener.ending.value)
        age = self._clock() - self._looked
        if not listener.doubtful and age < self._look_after():
            return
        listener.doubtful, self._looked = False, self._clock()
        try:
            async with self._hub.looks:
                tenant, actor = await self._hearing.again()
        except (Unavailable, *AWAY):
            raise HangUp(LATER, "try again") from None
        except Problem as problem:
            raise HangUp(REFUSED, problem.code) from None
        if tenant.home != self._place.home:
            raise HangUp(RESTART, "moved")
        self._hearing.tenant, self._hearing.actor = tenant, actor
