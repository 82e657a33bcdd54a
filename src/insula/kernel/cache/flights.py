"""Flights: work under way, so that many who want the same value wait for one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from insula.kernel.cache.shared import Wanted


class Abandoned(Exception):
    """Whoever worked it out was stopped; somebody else must."""


@dataclass(slots=True, eq=False)
class Flight:
    """A value that is being worked out, from the change ``since`` on."""

    since: int
    value: bytes | None = None
    _error: BaseException | None = None
    _landed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> bytes | None:
        """The value, or the error of its making; raises ``Abandoned``."""
        await self._landed.wait()
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            raise Abandoned
        return self.value

    def end(self, error: BaseException | None) -> None:
        """Tell all who wait."""
        self._error = error
        self._landed.set()


class Flights:
    """The work under way in this process."""

    def __init__(self) -> None:
        self._flights: dict[tuple[UUID, str], Flight] = {}

    def under_way(self, wanted: Wanted) -> Flight | None:
        """The work on a value, if there is any."""
        return self._flights.get((wanted.tenant_id, wanted.key))

    @asynccontextmanager
    async def begin(self, wanted: Wanted, since: int) -> AsyncIterator[Flight]:
        """Work on a value: whoever comes now waits until the block's end."""
        place = wanted.tenant_id, wanted.key
        flight = self._flights[place] = Flight(since)
        error: BaseException | None = None
        try:
            yield flight
        except BaseException as raised:
            error = raised
            raise
        finally:
            if self._flights.get(place) is flight:
                del self._flights[place]
            flight.end(error)
