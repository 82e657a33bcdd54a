"""Looking after jobs: what people may do with those that wait, run or have failed."""

from datetime import timedelta

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict
from insula.kernel.jobs.models import Job, JobState
from insula.kernel.jobs.request import advance_lanes
from insula.kernel.resource.declaration import Command, Resource
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.shape import Moment
from insula.kernel.resource.unit import WorkContext

KEPT = timedelta(days=7)
"""How long a job that is done or cancelled is remembered; a failed one for ever."""
EVENTS_KEPT = timedelta(days=30)
"""How long events are stored after they were sent; the newest always is."""
PRUNED = 5000

PRUNE_JOBS = Statement(
    f"""DELETE FROM home__.jobs WHERE tenant_id = $1::text::uuid AND id IN (
    SELECT id FROM home__.jobs WHERE tenant_id = $1::text::uuid
       AND ended_at < $2::timestamptz AND state IN ('done', 'cancelled')
     LIMIT {PRUNED})"""  # noqa: S608  # a number
)
PRUNE_EVENTS = Statement(
    f"""DELETE FROM home__.outbox WHERE tenant_id = $1::text::uuid AND id IN (
    SELECT id FROM home__.outbox o WHERE tenant_id = $1::text::uuid
       AND sent_at < $2::timestamptz AND sequence < (
           SELECT max(sequence) FROM home__.outbox
            WHERE tenant_id = $1::text::uuid AND sequence IS NOT NULL)
     ORDER BY id LIMIT {PRUNED})"""  # noqa: S608  # a number
)
PRUNE_INBOX = Statement(
    f"""DELETE FROM home__.inbox WHERE tenant_id = $1::text::uuid AND id IN (
    SELECT i.id FROM home__.inbox i WHERE i.tenant_id = $1::text::uuid
       AND NOT EXISTS (SELECT FROM home__.outbox o
            WHERE o.tenant_id = $1::text::uuid AND o.id = i.event_id)
     LIMIT {PRUNED})"""  # noqa: S608  # a number
)
REVIVE = Statement(
    """WITH old AS (
    SELECT id FROM home__.jobs WHERE tenant_id = $1::text::uuid AND state = 'failed'
       AND ($2::varchar IS NULL OR task = $2::varchar)
       AND ($3::timestamptz IS NULL OR ended_at >= $3::timestamptz)
       AND ($4::timestamptz IS NULL OR ended_at < $4::timestamptz)
     ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 10000)
UPDATE home__.jobs j SET state = CASE WHEN lane IS NULL THEN 'queued' ELSE 'waiting' END,
       run_at = $5::timestamptz, attempts = 0, ended_at = NULL, unique_key = NULL,
       version = version + 1
  FROM old WHERE j.tenant_id = $1::text::uuid AND j.id = old.id RETURNING j.lane"""
)

jobs = Resource(
    Job,
    kernel=True,
    filters=(Job.state, Job.queue, Job.task, Job.actor_id),
    sort=(Job.run_at,),
    hidden=(Job.command, Job.cursor, Job.slotted),
    without=("create", "update", "delete"),
)


class JobEnded(Conflict):
    """The job is {state}: this can no longer be done with it."""

    code = "JOB_ENDED"


class JobLives(Conflict):
    """Only a job that failed or was cancelled can be retried; this one is {state}."""

    code = "JOB_NOT_ENDED"


def _check_live(job: Job) -> None:
    if job.ended_at is not None:
        raise JobEnded(state=job.state.value)


async def _end(ctx: WorkContext, job: Job, state: JobState) -> Job:
    job.state, job.ended_at = state, now()
    await ctx.flush()
    if job.lane is not None:
        await advance_lanes(ctx.transaction, {job.lane})
    return job


@jobs.action("retry", raises=(JobLives,))
async def retry(ctx: WorkContext, job: Job) -> Job:
    """Run a job that failed or was cancelled once more, from its first attempt."""
    if job.state not in (JobState.failed, JobState.cancelled):
        raise JobLives(state=job.state.value)
    job.state = JobState.queued if job.lane is None else JobState.waiting
    job.attempts, job.run_at, job.ended_at = 0, now(), None
    job.unique_key = None  # another of its key may have come meanwhile
    await ctx.flush()
    if job.lane is not None:
        await advance_lanes(ctx.transaction, {job.lane})
    return job


@jobs.action("cancel", raises=(JobEnded,))
async def cancel(ctx: WorkContext, job: Job) -> Job:
    """Do not run a job, or not its further chunks."""
    _check_live(job)
    return await _end(ctx, job, JobState.cancelled)


@jobs.action("pause", raises=(JobEnded,))
async def pause(ctx: WorkContext, job: Job) -> Job:
    """Let a job rest; long work stops behind its present chunk."""
    _ = ctx
    _check_live(job)
    job.state = JobState.paused
    return job


@jobs.action("resume", raises=(JobEnded,))
async def resume(ctx: WorkContext, job: Job) -> Job:
    """Let a paused job go on where it stopped."""
    _check_live(job)
    if job.state is JobState.paused:
        job.state = JobState.queued if job.lane is None else JobState.waiting
        await ctx.flush()
        if job.lane is not None:
            await advance_lanes(ctx.transaction, {job.lane})
    return job


class RetryMany(Command):
    """Which failed jobs to run again: those of a task, those that failed in a time."""

    task: str | None = None
    since: Moment | None = None
    until: Moment | None = None


class Retried(BaseModel):
    """How many jobs will run again."""

    jobs: int


async def revive(transaction: Transaction, *terms: object) -> int:
    """Have failed jobs run again; terms: task, since, until (or None), the time now."""
    rows = await transaction.fetch(REVIVE, *terms)
    lanes = {row["lane"] for row in rows if row["lane"] is not None}
    if lanes:
        await advance_lanes(transaction, lanes)
    return len(rows)


def retry_many(engine: Engine) -> Operation:
    """Running failed jobs again by the dozen."""

    async def run(ctx: Context, call: Call) -> Reply:
        asked: RetryMany = call.body
        async with engine.work(ctx) as work:
            terms = asked.task, asked.since, asked.until, now()
            revived = await revive(work.transaction, *terms)
        return Reply(Retried(jobs=revived).model_dump_json().encode())

    return Operation(
        name="jobs.retry_many",
        method="POST",
        path="/api/v1/jobs/retry",
        run=run,
        summary="Run failed jobs again, up to ten thousand",
        permission="jobs.retry",
        limit="bulk",
        body=RetryMany,
        answer=Retried.model_json_schema,
    )


async def prune(ctx: WorkContext) -> None:
    """Forget jobs and events whose time is over, some thousands a night."""
    moment = now()
    await ctx.transaction.fetch(PRUNE_JOBS, moment - KEPT)
    await ctx.transaction.fetch(PRUNE_EVENTS, moment - EVENTS_KEPT)
    await ctx.transaction.fetch(PRUNE_INBOX)
