"""Transports: the ways on which a mail leaves the house, and how they refuse one."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from insula.kernel.mail.address import spoken

LONGEST_REASON = 500


class Refusal(Exception):
    """A mail was not taken; the text says why, as far as the other side told."""

    def __init__(self, reason: str) -> None:
        super().__init__(spoken(reason)[:LONGEST_REASON])


class TemporaryRefusal(Refusal):
    """It may be taken later: the server is away, busy, or wants to see it again."""


class PermanentRefusal(Refusal):
    """It will not be taken, however often it is tried.

    ``address_is_dead`` says that the recipient's address is at fault, so that nothing
    should be sent there again.
    """

    def __init__(self, reason: str, *, address_is_dead: bool = False) -> None:
        super().__init__(reason)
        self.address_is_dead = address_is_dead


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail that is ready: from and to whom it travels, and its bytes.

    ``key`` is the same whenever the same mail is sent again. A mail of the platform
    itself has no tenant.
    """

    key: UUID
    sender: str
    recipient: str
    content: bytes
    tenant_id: UUID | None = None


class Transport(Protocol):
    """A way on which mails leave; it may be asked by many at once."""

    async def send(self, envelope: Envelope) -> None:
        """Hand one mail over; raises ``TemporaryRefusal`` and ``PermanentRefusal``."""

    async def close(self) -> None:
        """Let go of what is held open."""


class Null:
    """Takes every mail and sends none: for installations that write to nobody."""

    async def send(self, envelope: Envelope) -> None:
        """Take the mail, and leave it at that."""

    async def close(self) -> None:
        """Nothing is open."""
