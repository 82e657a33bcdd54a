"""Gates: what somebody must pass who has proved who they are, before they are let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.identity.sessions import Account, Origin

if TYPE_CHECKING:
    from insula.kernel.identity.signing_in import Realm


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody about to be let in, and how they proved who they are (RFC 8176)."""

    ctx: Context
    realm: Realm
    account: Account
    methods: tuple[str, ...]
    origin: Origin


class Gate(Protocol):
    """Lets an entry pass, or raises the problem that stops it.

    What a gate writes stands, whatever it raises: it has no transaction of the entry.
    """

    async def __call__(self, entry: Entry) -> None:
        """Pass, or raise."""


class Arrival(Protocol):
    """Hears of everybody who was let in."""

    async def __call__(self, entry: Entry, session: UUID) -> None:
        """Somebody came in, by that session."""


class Throttle(Protocol):
    """Slows down whoever guesses."""

    async def check(self, ctx: Context, email: str, client: str) -> str:
        """Count a guess, and raise if it has to wait; the address need not exist.

        It counts as wrong until ``passed`` is told what this answers.
        """

    async def failed(self, ctx: Context) -> None:
        """It was wrong."""

    async def passed(self, ctx: Context, attempt: str) -> None:
        """It was right: whoever is right is believed again."""

    def introduce(self, ctx: Context, account: UUID) -> str | None:
        """What the client shows from now on, to be known as somebody's device."""


class NoThrottle:
    """Lets everybody guess; it takes what a throttle takes."""

    async def check(self, ctx: Context, email: str, client: str) -> str:  # noqa: ARG002
        """Never raises."""
        return ""

    async def failed(self, ctx: Context) -> None:
        """Nothing follows."""

    async def passed(self, ctx: Context, attempt: str) -> None:
        """Nothing is forgiven."""

    def introduce(self, ctx: Context, account: UUID) -> str | None:  # noqa: ARG002
        """Nobody need be known."""
        return None


@dataclass(frozen=True, slots=True)
class Doors:
    """All that stands between a proof and a session, in its order."""

    gates: tuple[Gate, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    throttle: Throttle = field(default_factory=NoThrottle)
