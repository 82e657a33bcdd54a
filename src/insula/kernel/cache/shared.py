"""The level behind the process: what processes share, where there is such a thing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from insula.kernel.cache.classes import CacheClass, Keeping


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value that somebody asks for, and how it would be kept."""

    tenant_id: UUID
    key: str
    keeping: Keeping


@dataclass(frozen=True, slots=True)
class Found:
    """What the shared level knows of a value.

    ``stamp`` is to be handed back with the value when it has been worked out: the
    level refuses it if something has changed since. ``busy``: another process is
    working it out. ``tags`` are those of a known value.
    """

    known: bool = False
    value: bytes | None = None
    stamp: str | None = None
    busy: bool = False
    tags: tuple[str, ...] = ()


AWAY = Found()
"""The shared level cannot be asked."""


class Shared(Protocol):
    """A store that several processes use; none of its methods fails, they do without."""

    driver: str

    @property
    def faults(self) -> int:
        """Questions that it did not answer."""

    @property
    def up(self) -> bool:
        """Whether it answered when it was last asked."""

    async def read(self, tenant_id: UUID, key: str, kind: CacheClass) -> Found:
        """The value, if it is there and nothing has changed since it was stored."""

    async def stamp(self, wanted: Wanted) -> str | None:
        """What a value must be stored with that is worked out from now on."""

    async def claim(self, wanted: Wanted) -> Found:
        """The same; who is neither answered nor told ``busy`` shall work it out."""

    async def store(self, wanted: Wanted, stamp: str, value: bytes | None) -> bool:
        """Keep a value, and end its claim; False if something has changed since."""

    async def release(self, wanted: Wanted, stamp: str) -> None:
        """Let somebody else work it out."""

    async def drop(self, tenant_id: UUID, tags: Iterable[str]) -> bool:
        """Forget what has these tags; False if that could not be done now."""

    async def purge(self, tenant_id: UUID) -> None:
        """Delete every trace of a tenant."""

    async def count(self, tenant_id: UUID, key: str, within: float) -> int | None:
        """Count one; how many it is since ``within`` seconds ago, None if unknown."""

    async def ping(self) -> bool:
        """Whether it answers."""

    async def close(self) -> None:
        """Close all connections."""
