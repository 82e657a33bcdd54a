"""The relay's turn with one tenant: events get their number and cause jobs, once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.database.session import Session, Statement, Transaction
from insula.kernel.events.stored import FIELDS, Attendant, StoredEvent, Subscriber
from insula.kernel.foundation.clock import now
from insula.kernel.jobs.dispatching import Dispatcher
from insula.kernel.jobs.request import insert_jobs

BATCH = 500
"""Events of one tenant that are looked at before others have their turn."""
KNOWN = 10_000
"""Tenants of which it is remembered when the attendants looked at them."""

LOCK = Statement(
    "SELECT pg_try_advisory_xact_lock(hashtextextended('relay:' || $1::text, 0))"
)
# Who holds the lock sees every number that was given before.
NUMBER = Statement(
    f"""WITH due AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
        SELECT id FROM home__.outbox
         WHERE tenant_id = $1::text::uuid AND sent_at IS NULL
         ORDER BY id LIMIT {BATCH}) o),
last AS (
    SELECT COALESCE(max(sequence), 0) AS sequence FROM home__.outbox
     WHERE tenant_id = $1::text::uuid AND sequence IS NOT NULL),
numbered AS (
    UPDATE home__.outbox o SET sent_at = $2::timestamptz,
           sequence = last.sequence + due.place FROM due, last
     WHERE o.tenant_id = $1::text::uuid AND o.id = due.id
    RETURNING o.*)
SELECT {FIELDS} FROM numbered ORDER BY sequence"""  # noqa: S608  # our names
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a turn: how many events, and when to look again (None: nothing)."""

    events: int
    look_at: datetime | None

    @property
    def full(self) -> bool:
        """Whether more events wait already."""
        return self.events == BATCH


@dataclass(frozen=True, slots=True)
class Relay:
    """Moves what one tenant's transactions left behind; safe to be killed anywhere.

    Each of its two steps commits as a whole, or is done again. The attendants look
    at a tenant once in ``spacing`` seconds, however many turns its jobs' ends cause.
    """

    subscribers: Sequence[Subscriber]
    attendants: Sequence[Attendant]
    dispatcher: Dispatcher
    spacing: float = 0.0
    _attended: dict[UUID, float] = field(default_factory=dict)

    async def turn(self, session: Session, tenant_id: UUID, weight: int = 1) -> Turn:
        """Deal with what there is, up to a batch; someone else's turn is left alone."""
        moment = now()
        async with session.transaction() as transaction:
            if not (await transaction.fetch(LOCK))[0][0]:
                return Turn(0, moment)
            rows = await transaction.fetch(NUMBER, moment)
            events = [StoredEvent.of(row) for row in rows]
            if events:
                for subscriber in self.subscribers:
                    jobs = await subscriber.jobs_for(transaction, tenant_id, events)
                    await insert_jobs(transaction, jobs)
            rest = await self._attend(transaction, tenant_id)
        # A ticket may be taken at once: its job has to be there for others by then.
        async with session.transaction() as transaction:
            if not (await transaction.fetch(LOCK))[0][0]:
                return Turn(len(events), moment)
            look_at = await self.dispatcher.dispatch(transaction, tenant_id, weight)
        if len(events) == BATCH:
            return Turn(BATCH, moment)
        times = [at for at in (rest, look_at) if at is not None]
        return Turn(len(events), min(times, default=None))

    async def _attend(
        self, transaction: Transaction, tenant_id: UUID
    ) -> datetime | None:
        """Have the attendants look, unless they just did; when they want to again."""
        clock = time.monotonic()
        left = self._attended.get(tenant_id, -self.spacing) + self.spacing - clock
        if left > 0:
            return now() + timedelta(seconds=left)
        if len(self._attended) >= KNOWN:
            self._attended.clear()
        self._attended[tenant_id] = clock
        more = False
        for attendant in self.attendants:
            more = await attendant(transaction, tenant_id) or more
        return now() + timedelta(seconds=self.spacing) if more else None
