"""Upkeep: looking again in time, sending again on wish, and throwing away what is old."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.foundation.clock import Clock
from insula.kernel.jobs.request import insert_jobs
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.webhooks.endpoints import switch_off
from insula.kernel.services.webhooks.flow import let_go, lock_flow
from insula.kernel.services.webhooks.models import (
    DeliveryState,
    Reason,
    WebhookEndpoint,
)
from insula.kernel.services.webhooks.statements import (
    AGAIN,
    ORPHANED,
    OVERDUE,
    PRUNE,
    RANGE,
    STRAYED,
)

REPLAY = "webhooks.replay"
BATCH = 200
KEPT = timedelta(days=30)
"""How long the record of a delivery stays after its end."""
MOST_PRUNED = 10_000
BEGINNING = UUID(int=0)


class Wake(Command):
    """Look at the deliveries of an endpoint."""

    endpoint_id: UUID


class ReplayRange(Command):
    """Send the deliveries of an endpoint again that were made in a stretch of time."""

    endpoint_id: UUID
    since: datetime
    until: datetime
    only_failed: bool


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What is done for endpoints apart from delivering."""

    clock: Clock

    async def wake(self, work: WorkContext, command: Wake) -> None:
        """Let go what may go to an endpoint now."""
        await self._let_go(work, command.endpoint_id)

    async def replay(
        self, work: WorkContext, command: ReplayRange, progress: Progress
    ) -> bool:
        """Have the next deliveries of the range wait for their turn again."""
        after = BEGINNING if progress.cursor is None else UUID(progress.cursor)
        rows = await work.transaction.fetch(
            RANGE, command.endpoint_id, after, command.since, command.until, BATCH
        )
        failed = DeliveryState.failed
        ids = [
            row["id"]
            for row in rows
            if row["state"] == failed or not command.only_failed
        ]
        if ids:
            again = await work.transaction.fetch(AGAIN, ids, self.clock())
            progress.done += len(again)
            await self._let_go(work, command.endpoint_id)
        if rows:
            progress.cursor = str(rows[-1]["id"])
        return len(rows) < BATCH

    async def tidy(self, work: WorkContext) -> None:
        """Take care of what nobody looks after, and forget what is old."""
        moment = self.clock()
        for row in await work.transaction.fetch(ORPHANED):
            endpoint = await work.lock(WebhookEndpoint, row["id"])
            await switch_off(work, endpoint, Reason.orphaned)
        await work.transaction.fetch(STRAYED)
        for row in await work.transaction.fetch(OVERDUE, moment):
            await self._let_go(work, row["endpoint_id"])
        await work.transaction.fetch(PRUNE, moment - KEPT, MOST_PRUNED)

    async def _let_go(self, work: WorkContext, endpoint_id: UUID) -> None:
        flow = await lock_flow(work.transaction, endpoint_id)
        if flow is not None:
            jobs = await let_go(work.transaction, flow, self.clock())
            await insert_jobs(work.transaction, jobs)
