"""Subscribing: from what happened to what is to be delivered, in the relay's turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Transaction
from insula.kernel.events.stored import StoredEvent
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.request import NewJob
from insula.kernel.services.webhooks.flow import let_go, lock_flow
from insula.kernel.services.webhooks.statements import LISTENING, RECORD
from insula.kernel.services.webhooks.visibility import Visibility, wanted


@dataclass(frozen=True, slots=True)
class WebhookSubscriber:
    """Writes a delivery for each event and each endpoint that may hear of it."""

    visibility: Visibility
    clock: Clock

    async def jobs_for(
        self, transaction: Transaction, _: UUID, events: Sequence[StoredEvent]
    ) -> Sequence[NewJob]:
        """The jobs of those that may go at once; the others wait in their table."""
        endpoints = await transaction.fetch(LISTENING)
        if not endpoints:
            return ()
        users = [row["keeper_id"] for row in endpoints]
        keepers = await self.visibility.keepers(transaction, users)
        pairs = [
            (row["id"], event)
            for row in endpoints
            for event in self._of(row, keepers.get(row["keeper_id"]), events)
        ]
        if not pairs:
            return ()
        await self._record(transaction, pairs)
        jobs: list[NewJob] = []
        for endpoint_id in sorted({key for key, _ in pairs}):
            flow = await lock_flow(transaction, endpoint_id)
            if flow is not None:
                jobs += await let_go(transaction, flow, self.clock())
        return jobs

    def _of(
        self, row: Record, keeper: Actor | None, events: Sequence[StoredEvent]
    ) -> list[StoredEvent]:
        """The events that an endpoint asked for and its keeper may see."""
        patterns = msgspec.json.decode(row["events"], type=list[str])
        return [
            it
            for it in events
            if wanted(patterns, it.name)
            and self.visibility.may_see(keeper, it.name, it.resource_id)
        ]

    async def _record(
        self, transaction: Transaction, pairs: Sequence[tuple[UUID, StoredEvent]]
    ) -> None:
        await transaction.fetch(
            RECORD,
            self.clock(),
            [uuid7() for _ in pairs],
            [endpoint_id for endpoint_id, _ in pairs],
            [event.id for _, event in pairs],
            [event.name for _, event in pairs],
            [event.sequence for _, event in pairs],
            [event.resource_id for _, event in pairs],
        )
