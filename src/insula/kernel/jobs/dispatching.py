"""Dispatching: which of a tenant's due jobs get a ticket now.

A tenant has at most its share of tickets at once; where they stand in the queue is
the business of ``places``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.tickets import Ticket

SHARE = 40
"""Tickets that a tenant of weight 1 has in one queue at most."""
FULL = timedelta(seconds=0.5)
"""When a tenant is looked at again that has as many tickets as it may have."""
LOST = timedelta(minutes=10)
"""After so long without an end a ticket counts as lost, and the job gets another."""

DUE = Statement(
    """SELECT q.queue, q.busy, j.* FROM (
    SELECT name.queue, count(d.id) AS busy FROM unnest($2::varchar[]) AS name(queue)
      LEFT JOIN home__.jobs d ON d.tenant_id = $1::text::uuid AND d.queue = name.queue
           AND d.state = 'dispatched' GROUP BY name.queue) q
 CROSS JOIN LATERAL (
    SELECT id, version, task, bucket, slotted FROM home__.jobs
     WHERE tenant_id = $1::text::uuid AND queue = q.queue AND state = 'queued'
       AND run_at <= $3::timestamptz
     ORDER BY run_at, id LIMIT GREATEST($4::bigint - q.busy, 0)
       FOR UPDATE SKIP LOCKED) j"""
)
MARK = Statement(
    """UPDATE home__.jobs SET state = 'dispatched', dispatched_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[])"""
)
POSTPONE = Statement(
    """UPDATE home__.jobs j SET run_at = i.run_at, slotted = true
  FROM unnest($2::uuid[], $3::timestamptz[]) AS i(id, run_at)
 WHERE j.tenant_id = $1::text::uuid AND j.id = i.id"""
)
BUCKETS = Statement(
    """SELECT name, next_at FROM home__.job_buckets
 WHERE tenant_id = $1::text::uuid AND name = ANY($2::varchar[])
 ORDER BY name FOR UPDATE"""
)
FILL = Statement(
    """INSERT INTO home__.job_buckets (tenant_id, id, created_at, name, next_at)
SELECT $1::text::uuid, i.id, $2::timestamptz, i.name, i.next_at
  FROM unnest($3::uuid[], $4::varchar[], $5::timestamptz[]) AS i(id, name, next_at)
ON CONFLICT (tenant_id, name) DO UPDATE SET next_at = excluded.next_at"""
)
RECLAIM = Statement(
    """UPDATE home__.jobs SET state = 'queued' WHERE tenant_id = $1::text::uuid
   AND state = 'dispatched' AND dispatched_at < $2::timestamptz"""
)
NEXT = Statement(
    """SELECT min(j.run_at) FROM unnest($2::varchar[]) AS q(queue) CROSS JOIN LATERAL (
    SELECT run_at FROM home__.jobs WHERE tenant_id = $1::text::uuid
       AND queue = q.queue AND state = 'queued' ORDER BY run_at, id LIMIT 1) j"""
)
QUEUES = [queue.value for queue in Queue]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` jobs of a bucket in a stretch of time, evenly spread."""

    count: int
    per: timedelta = timedelta(seconds=1)

    @property
    def interval(self) -> timedelta:
        """The time between two jobs."""
        return self.per / self.count


Issue = Callable[[Sequence[Ticket], int], Awaitable[None]]
"""Issues tickets of a tenant that has that weight."""


@dataclass(slots=True)
class Dispatcher:
    """Gives tickets to the due jobs of a tenant, within the tenant's transaction."""

    rates: Mapping[str, Rate]
    issue: Issue

    async def dispatch(
        self, transaction: Transaction, tenant_id: UUID, weight: int = 1
    ) -> datetime | None:
        """Issue tickets; answers when to look again, or None if nothing waits.

        The tickets are there before the transaction commits: should that fail, the
        jobs run from a ticket that came too early, which does no harm. Whoever takes
        one before the commit waits for it at the job's row.
        """
        moment = now()
        await transaction.fetch(RECLAIM, moment - LOST)
        share = SHARE * weight
        due = await transaction.fetch(DUE, QUEUES, moment, share)
        ready = await self._within_rates(transaction, due, moment)
        if ready:
            await self.issue(_tickets(ready, tenant_id), weight)
            await transaction.fetch(MARK, [row["id"] for row in ready], moment)
        following: datetime | None = (await transaction.fetch(NEXT, QUEUES))[0][0]
        if following is None or following > moment:
            return following
        return moment + FULL  # it has its share, or the end of a job says it earlier

    async def _within_rates(
        self, transaction: Transaction, due: Sequence[Record], moment: datetime
    ) -> list[Record]:
        """Those whose bucket lets them run now; the others are given their time."""
        rated = [row for row in due if self._rate(row) is not None]
        if not rated:
            return list(due)
        names = sorted({_bucket(row) for row in rated})
        found = await transaction.fetch(BUCKETS, names)
        free: dict[str, datetime] = {row["name"]: row["next_at"] for row in found}
        late: dict[UUID, datetime] = {}
        for row in rated:
            rate, name = self._rate(row), _bucket(row)
            if rate is None:
                continue
            at = max(free.get(name, moment), moment)
            free[name] = at + rate.interval
            if at > moment:
                late[row["id"]] = at
        values = [free[name] for name in names]
        ids = [uuid7() for _ in names]
        await transaction.fetch(FILL, moment, ids, names, values)
        if late:
            await transaction.fetch(POSTPONE, list(late), list(late.values()))
        return [row for row in due if row["id"] not in late]

    def _rate(self, row: Record) -> Rate | None:
        """The rate that a job has still to pass; a slot that was given is kept."""
        if row["bucket"] is None or row["slotted"]:
            return None
        return self.rates.get(row["task"])


def _bucket(row: Record) -> str:
    return f"{row['task']}:{row['bucket']}"


def _tickets(rows: Sequence[Record], tenant_id: UUID) -> list[Ticket]:
    return [
        Ticket(tenant_id, row["id"], row["version"], Queue(row["queue"]))
        for row in rows
    ]
