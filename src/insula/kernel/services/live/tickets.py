"""Tickets: a token for half a minute and one purpose, because browsers send no headers."""

import time
from collections.abc import Callable
from uuid import UUID

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.sealing import SealBroken, Sealer

LIFETIME = 30
"""Seconds in which a stream must be opened with a ticket."""
PLACE = "events.ticket"
LONGEST = 6_000


class Tickets:
    """Seals the caller's own token: whoever uses the ticket passes all that a token must.

    It is no secret worth more than its half minute, for addresses end up in logs.
    """

    def __init__(self, sealer: Sealer, clock: Callable[[], float] = time.time) -> None:
        self._sealer, self._clock = sealer, clock

    def issue(self, tenant_id: UUID, token: str) -> str:
        """A ticket for the tenant's streams."""
        expires = int(self._clock()) + LIFETIME
        secret = f"{expires}:{token}".encode()
        return f"{tenant_id}.{self._sealer.seal(tenant_id, PLACE, secret)}"

    def redeem(self, ticket: str) -> str:
        """The token behind a ticket; raises ``Unauthenticated``."""
        named, _, sealed = ticket.partition(".")
        tenant_id = parse_uuid(named)
        if tenant_id is None or len(ticket) > LONGEST:
            raise Unauthenticated
        try:
            secret = self._sealer.open(tenant_id, PLACE, sealed).decode()
        except SealBroken:
            raise Unauthenticated from None
        expires, _, token = secret.partition(":")
        if int(expires) <= self._clock():
            raise Unauthenticated
        return token
