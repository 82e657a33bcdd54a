"""Endings: how a job's row changes when it has run, failed, or has more to do."""

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
    request_id: str | None
    started_at: datetime


class Ending:
    """Writes what became of a job of one tenant; ``outcome`` is the last it wrote."""

    def __init__(self, session: Session, tenant: Tenant) -> None:
        self._session, self.tenant = session, tenant
        self.outcome: Outcome | None = None

    async def done(self, transaction: Transaction, job: Job) -> None:
        """It is done: with the effects, in their transaction."""
        await self._end(transaction, job, "done", None)
        self.outcome = Outcome.done

    async def dead(self, transaction: Transaction, job: Job, reason: str) -> None:
        """It is given up, and kept until somebody retries or cancels it."""
        await self._end(transaction, job, "failed", reason)
        self.outcome = Outcome.dead

    async def give_up(self, job: Job, reason: str) -> None:
        """It is given up, in a transaction of its own."""
        async with self._session.transaction() as transaction:
            await self.dead(transaction, job, reason)

    async def _end(
        self, transaction: Transaction, job: Job, state: str, reason: str | None
    ) -> None:
        kept = None if reason is None else reason[:LONGEST_REASON]
        await transaction.fetch(
            END,
            job.id,
            state,
            job.started_at,
            now(),
            kept,
            job.done,
            job.total,
            job.cursor,
            job.version,
        )
        if job.lane is not None:
            await advance_lanes(transaction, {job.lane})

    async def retry(self, job: Job, delay: timedelta, reason: str) -> None:
        """It failed, and is tried again later."""
        async with self._session.transaction() as transaction:
            await self._later(transaction, job, delay, reason, attempts=1)
        self.outcome = Outcome.failed

    async def postpone(self, job: Job, delay: timedelta, reason: str) -> None:
        """Its time has not come; that is no attempt."""
        async with self._session.transaction() as transaction:
            await self._later(transaction, job, delay, reason, attempts=0)
        self.outcome = Outcome.postponed

    async def again(
        self, transaction: Transaction, job: Job, delay: timedelta, reason: str
    ) -> None:
        """It asked to be run again, with what it has written so far; that is no fault."""
        await self._later(transaction, job, delay, reason, attempts=0)
        self.outcome = Outcome.again

    async def chunk(
        self, transaction: Transaction, job: Job, progress: Progress, *, finished: bool
    ) -> None:
        """A chunk of it is done."""
        moment = now()
        row = progress.done, progress.total, progress.cursor
        if finished:
            done, total, cursor = row
            come = replace(job, done=done, total=total, cursor=cursor)
            await self.done(transaction, come)
        else:
            times = moment, job.started_at, moment
            await transaction.fetch(LATER, job.id, *times, 0, None, *row, job.version)
            self.outcome = Outcome.again

    async def _later(
        self,
        transaction: Transaction,
        job: Job,
        delay: timedelta,
        reason: str,
        *,
        attempts: int,
    ) -> None:
        moment, kept = now(), reason[:LONGEST_REASON]
        times = moment + delay, job.started_at, moment
        row = job.done, job.total, job.cursor, job.version
        await transaction.fetch(LATER, job.id, *times, attempts, kept, *row)
