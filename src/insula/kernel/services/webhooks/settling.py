"""Settling: what follows for a delivery and its endpoint from how an attempt went."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.events.webhooks.schedule import next_wait
from insula.kernel.events.webhooks.sending import Outcome
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.request import insert_jobs
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.webhooks.endpoints import switch_off
from insula.kernel.services.webhooks.flow import Flow, let_go, lock_flow, rest
from insula.kernel.services.webhooks.models import (
    DeliveryState,
    EndpointState,
    Reason,
    WebhookEndpoint,
)
from insula.kernel.services.webhooks.statements import FAIL, FARE, GIVE_UP, SETTLE

PATIENCE = timedelta(days=5)
"""How long an endpoint may accept nothing before it is disabled."""
LONGEST_PAUSE = timedelta(hours=1)
"""How long a receiver's Retry-After may hold up its other deliveries."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes down what became of deliveries, and how their endpoints fare."""

    clock: Clock
    chance: Callable[[], float]

    async def accepted(
        self, work: WorkContext, row: Record, flow: Flow, outcome: Outcome
    ) -> None:
        """It arrived: whatever was wrong with the endpoint is over."""
        await self._note(work, row, outcome, DeliveryState.delivered)
        await work.transaction.fetch(FARE, flow.id, None, self.clock(), 0, None)

    async def refused(
        self, work: WorkContext, row: Record, flow: Flow, outcome: Outcome
    ) -> None:
        """Try again later, or give it up; the endpoint's own fate follows."""
        attempts, asked = row["attempts"] + 1, outcome.retry_after
        wait = next_wait(flow.schedule, attempts, random=self.chance, asked=asked)
        if wait is None or outcome.gone:
            await self._note(work, row, outcome, DeliveryState.failed)
            await work.transaction.fetch(FAIL, uuid7(), row["id"], self.clock())
        else:
            await self._note(work, row, outcome, DeliveryState.waiting, wait)
        await self._strike(work, flow, outcome)

    async def drop(self, work: WorkContext, row: Record, why: str) -> None:
        """Give up a delivery that is not to be tried again, and let the next ones go."""
        moment = self.clock()
        await work.transaction.fetch(GIVE_UP, [row["id"]], [uuid7()], moment, why)
        await self.go_on(work, row["endpoint_id"])

    async def go_on(self, work: WorkContext, endpoint_id: UUID) -> None:
        """Let go what may go to an endpoint now."""
        flow = await lock_flow(work.transaction, endpoint_id)
        if flow is not None:
            jobs = await let_go(work.transaction, flow, self.clock())
            await insert_jobs(work.transaction, jobs)

    async def _strike(self, work: WorkContext, flow: Flow, outcome: Outcome) -> None:
        """Let an endpoint that is down rest, and end one that is gone for good."""
        moment = self.clock()
        since = flow.failing_since or moment
        strikes = flow.strikes + 1 if outcome.overburdened else 0
        pause = _pause(strikes, outcome)
        until = None if pause is None else moment + pause
        await work.transaction.fetch(FARE, flow.id, since, None, strikes, until)
        if flow.state is not EndpointState.active:
            return
        if outcome.gone or moment - since >= PATIENCE:
            endpoint = await work.lock(WebhookEndpoint, flow.id)
            reason = Reason.gone if outcome.gone else Reason.failing
            await switch_off(work, endpoint, reason)
            await work.flush()

    async def _note(
        self,
        work: WorkContext,
        row: Record,
        outcome: Outcome,
        state: DeliveryState,
        wait: timedelta = timedelta(0),
    ) -> None:
        moment = self.clock()
        await work.transaction.fetch(
            SETTLE,
            row["id"],
            state.value,
            row["attempts"] + 1,
            moment + wait,
            outcome.status,
            None if outcome.accepted else outcome.reason,
            outcome.milliseconds,
            outcome.excerpt,
            None if state is DeliveryState.waiting else moment,
        )


def _pause(strikes: int, outcome: Outcome) -> timedelta | None:
    """How long to leave an endpoint alone: as it asks, and longer the longer it fails."""
    pause = rest(strikes)
    if not outcome.overburdened or outcome.retry_after is None:
        return pause
    asked = min(timedelta(seconds=outcome.retry_after), LONGEST_PAUSE)
    return asked if pause is None else max(pause, asked)
