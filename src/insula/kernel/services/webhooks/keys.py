"""The keys of endpoints: sealed at rest, shown once, two of each alive while they change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.database.session import Transaction
from insula.kernel.events.webhooks.signing import KeyPair, new_secret
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.services.webhooks.statements import KEEP, RETIRE, SECRETS

PLACE = "webhook_secrets.sealed"
OVERLAP = timedelta(hours=24)
"""How long the keys before still sign (R34)."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Makes, keeps and reads the keys of one tenant after the other."""

    sealer: Sealer

    async def live(
        self,
        transaction: Transaction,
        tenant_id: UUID,
        endpoint_id: UUID,
        moment: datetime,
    ) -> Sequence[str]:
        """The keys that sign now, the newest first."""
        rows = await transaction.fetch(SECRETS, endpoint_id, moment)
        return [
            self.sealer.open(tenant_id, PLACE, row["sealed"]).decode() for row in rows
        ]

    async def change(
        self,
        transaction: Transaction,
        tenant_id: UUID,
        endpoint_id: UUID,
        moment: datetime,
        pair: KeyPair | None,
    ) -> str:
        """Make a new secret and keep it, with the pair if there is one.

        What was there before lives on for a day; what was before that is gone at once.
        """
        await transaction.fetch(RETIRE, endpoint_id, moment + OVERLAP)
        secret = new_secret()
        for key in (secret,) if pair is None else (pair.private, secret):
            sealed = self.sealer.seal(tenant_id, PLACE, key.encode())
            await transaction.fetch(KEEP, uuid7(), moment, endpoint_id, sealed)
        return secret
