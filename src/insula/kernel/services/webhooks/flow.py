"""The flow to one endpoint: which of its deliveries may go now, and when to look again.

Deliveries wait in their table, not in the queue: an endpoint that is slow, down or
limited has at most as many jobs as it may have requests in flight, so that it takes no
worker from others. Whoever ends a delivery lets the next one go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Transaction
from insula.kernel.events.webhooks.schedule import Plan
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.request import NewJob
from insula.kernel.services.webhooks.models import EndpointState, Ordering
from insula.kernel.services.webhooks.statements import (
    BUSY,
    FLOW,
    NEXT,
    NEXT_IN_ORDER,
    SEND,
    SPEND,
)

DELIVER, WAKE = "webhooks.deliver", "webhooks.wake"
STRIKES = 3
"""Failures in a row of an endpoint that is down, after which only one request tries."""
FIRST_REST, LONGEST_REST = timedelta(seconds=10), timedelta(minutes=15)
MOMENT = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Flow:
    """How an endpoint fares; its row is locked."""

    id: UUID
    url: str
    state: EndpointState
    schedule: Plan
    ordering: Ordering
    concurrency: int
    rate: int | None
    keeper_id: UUID | None
    failing_since: datetime | None
    strikes: int
    open_until: datetime | None
    free_at: datetime | None

    @classmethod
    def of(cls, row: Record) -> "Flow":
        """The flow that a row of ``FLOW`` tells of."""
        key, url, state, plan, ordering, *rest = tuple(row)
        return cls(
            key, url, EndpointState(state), Plan(plan), Ordering(ordering), *rest
        )

    def slots(self, busy: int, moment: datetime) -> int:
        """How many more requests may be in flight, the rate aside."""
        if self.state is not EndpointState.active:
            return 0
        if self.open_until is not None and self.open_until > moment:
            return 0
        most = 1 if self.strikes >= STRIKES else self.concurrency
        return max(most - busy, 0)

    def allowance(self, moment: datetime) -> int:
        """How many may go at this moment: the rate on average, a second's at once."""
        if self.rate is None:
            return self.concurrency
        return (moment + MOMENT - self._due(moment)) // (MOMENT / self.rate)

    def spent(self, count: int, moment: datetime) -> "Flow":
        """The flow when so many have gone."""
        if self.rate is None:
            return self
        due = self._due(moment) + MOMENT / self.rate * count
        return replace(self, free_at=due)

    def replenished(self, moment: datetime) -> datetime:
        """When the next one may go, as far as the rate is concerned."""
        if self.rate is None:
            return moment
        return max(self._due(moment) - MOMENT + MOMENT / self.rate, moment)

    def _due(self, moment: datetime) -> datetime:
        return moment if self.free_at is None else max(self.free_at, moment)


def rest(strikes: int) -> timedelta | None:
    """How long an endpoint is left alone after so many failures in a row."""
    if strikes < STRIKES:
        return None
    doubled: timedelta = FIRST_REST * 2 ** min(strikes - STRIKES, 10)
    return min(doubled, LONGEST_REST)


async def lock_flow(transaction: Transaction, endpoint_id: UUID) -> Flow | None:
    """The flow of an endpoint, locked; None when it is deleted."""
    rows = await transaction.fetch(FLOW, endpoint_id)
    return Flow.of(rows[0]) if rows else None


async def let_go(
    transaction: Transaction, flow: Flow, moment: datetime
) -> list[NewJob]:
    """The jobs of the deliveries that may go now, and the one that looks again."""
    busy = (await transaction.fetch(BUSY, flow.id))[0][0]
    slots = flow.slots(busy, moment)
    if not slots:
        return _reopening(flow, busy, moment)
    allowed = min(slots, flow.allowance(moment))
    rows = await _next(transaction, flow, allowed + 1)
    going = [row["id"] for row in rows[:allowed] if row["next_at"] <= moment]
    if going:
        await transaction.fetch(SEND, going)
    if going and flow.rate is not None:
        flow = flow.spent(len(going), moment)
        await transaction.fetch(SPEND, flow.id, flow.free_at)
    jobs = [_delivery(flow, key) for key in going]
    if len(going) < len(rows) and len(going) < slots:
        look_at = rows[len(going)]["next_at"]
        jobs.append(wake(flow.id, max(look_at, flow.replenished(moment))))
    return jobs


def _reopening(flow: Flow, busy: int, moment: datetime) -> list[NewJob]:
    """The job that looks again once the endpoint has rested."""
    if busy or flow.open_until is None or flow.open_until <= moment:
        return []
    return [wake(flow.id, flow.open_until)]


async def _next(transaction: Transaction, flow: Flow, limit: int) -> Sequence[Record]:
    if flow.ordering is Ordering.none:
        return await transaction.fetch(NEXT, flow.id, limit)
    whole = flow.ordering is Ordering.endpoint
    return await transaction.fetch(NEXT_IN_ORDER, flow.id, limit, whole)


def _delivery(flow: Flow, delivery_id: UUID) -> NewJob:
    return NewJob(
        DELIVER,
        {"delivery_id": str(delivery_id)},
        Queue.webhooks,
        unique_key=f"{DELIVER}:{delivery_id}",
        bucket=str(flow.id),
    )


def wake(endpoint_id: UUID, at: datetime) -> NewJob:
    """The job that looks at an endpoint's deliveries at a given moment."""
    stamp = (at - EPOCH) // timedelta(microseconds=1)
    return NewJob(
        WAKE,
        {"endpoint_id": str(endpoint_id)},
        Queue.webhooks,
        run_at=at,
        unique_key=f"{WAKE}:{endpoint_id}:{stamp}",
    )
