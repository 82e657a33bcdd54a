"""Attempts: how a job's row changes when it has run, failed, or has more to do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from insula.kernel.database.session import Session, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.jobs.request import advance_lanes
from insula.kernel.jobs.tally import Outcome
from insula.kernel.resource.tasks import Progress
from insula.kernel.tenancy.tenant import Tenant

LONGEST_REASON = 500
AT_ONCE = timedelta()

END = Statement(
    """UPDATE home__.jobs SET state = $3::varchar, started_at = $4::timestamptz,
       ended_at = $5::timestamptz, updated_at = $5::timestamptz, version = version + 1,
       attempts = attempts + 1, error = $6::text, done_count = $7::bigint,
       total_count = $8::bigint, cursor = $9::varchar
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND version = $10::bigint"""
)
# With another version it was paused, cancelled or run by somebody else meanwhile.
LATER = Statement(
    """UPDATE home__.jobs SET state = 'queued', run_at = $3::timestamptz,
       dispatched_at = NULL, slotted = false, started_at = $4::timestamptz,
       updated_at = $5::timestamptz, version = version + 1,
       attempts = attempts + $6::bigint, error = $7::text, done_count = $8::bigint,
       total_count = $9::bigint, cursor = $10::varchar
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND version = $11::bigint
   AND state IN ('queued', 'dispatched')"""
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is run."""

    id: UUID
    version: int
    task: str
    command: Mapping[str, Any]
    attempts: int
    lane: str | None
    cursor: str | None
    done: int
    total: int | None
    actor_kind: str
    actor_id: UUID | None
    credential: str | None
    scopes: str | None
    request_id: str | None
    started_at: datetime


class Attempt:
    """One attempt at a job, and how it may end; ``outcome`` is what it ended in."""

    def __init__(self, session: Session, tenant: Tenant, job: Job) -> None:
        self.session, self.tenant, self.job = session, tenant, job
        self.outcome: Outcome | None = None

    async def done(self, transaction: Transaction) -> None:
        """It is done: with the effects, in their transaction."""
        await self._end(transaction, self.job, "done", None)
        self.outcome = Outcome.done

    async def dead(self, transaction: Transaction, reason: str) -> None:
        """It is given up, and kept until somebody retries or cancels it."""
        await self._end(transaction, self.job, "failed", reason)
        self.outcome = Outcome.dead

    async def give_up(self, reason: str) -> None:
        """It is given up, in a transaction of its own."""
        async with self.session.transaction() as transaction:
            await self.dead(transaction, reason)

    async def retry(self, delay: timedelta, reason: str) -> None:
        """It failed, and is tried again later."""
        async with self.session.transaction() as transaction:
            await self._later(transaction, self.job, delay, reason, attempts=1)
        self.outcome = Outcome.failed

    async def postpone(self, delay: timedelta, reason: str) -> None:
        """Its time has not come; that is no attempt."""
        async with self.session.transaction() as transaction:
            await self._later(transaction, self.job, delay, reason)
        self.outcome = Outcome.postponed

    async def again(
        self, transaction: Transaction, delay: timedelta, reason: str
    ) -> None:
        """It asked to be run again, with what it has written so far; that is no fault."""
        await self._later(transaction, self.job, delay, reason)
        self.outcome = Outcome.again

    async def chunk(
        self, transaction: Transaction, progress: Progress, *, finished: bool
    ) -> None:
        """A chunk of it is done; the next one waits for its turn like any job."""
        done, total, cursor = progress.done, progress.total, progress.cursor
        # Not kept: should the transaction fail, the job is where it was before.
        come = replace(self.job, done=done, total=total, cursor=cursor)
        if finished:
            await self._end(transaction, come, "done", None)
            self.outcome = Outcome.done
        else:
            await self._later(transaction, come, AT_ONCE, None)
            self.outcome = Outcome.again

    async def _end(
        self, transaction: Transaction, job: Job, state: str, reason: str | None
    ) -> None:
        times = job.started_at, now()
        await transaction.fetch(END, job.id, state, *times, *_kept(job, reason))
        if job.lane is not None:
            await advance_lanes(transaction, {job.lane})

    async def _later(
        self,
        transaction: Transaction,
        job: Job,
        delay: timedelta,
        reason: str | None,
        *,
        attempts: int = 0,
    ) -> None:
        moment = now()
        times = moment + delay, job.started_at, moment
        row = _kept(job, reason)
        await transaction.fetch(LATER, job.id, *times, attempts, *row)


def _kept(job: Job, reason: str | None) -> tuple[object, ...]:
    kept = None if reason is None else reason[:LONGEST_REASON]
    return kept, job.done, job.total, job.cursor, job.version
