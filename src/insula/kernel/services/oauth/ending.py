"""Ending: what a program was given ends, for one person or for all."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import Clock
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.services.oauth.statements import END_CODES, END_SESSIONS


@dataclass(frozen=True, slots=True)
class Ender:
    """Ends codes and sessions of a program, and has every process hear of it."""

    announce: Callable[[str], None]
    clock: Clock

    async def end(
        self, transaction: Transaction, client: UUID, user: UUID | None = None
    ) -> Collection[UUID]:
        """Whose sessions have ended with it; tell them after the commit.

        Codes go first: who redeems one at this moment has a session by then, or fails.
        """
        moment = self.clock()
        await transaction.fetch(END_CODES, client, user, moment)
        rows = await transaction.fetch(END_SESSIONS, client, user, moment)
        return {row["user_id"] for row in rows}

    def tell(self, client: UUID, people: Collection[UUID]) -> None:
        """Have every process load them anew."""
        for name in (client, *people):
            self.announce(topic_of(name))
