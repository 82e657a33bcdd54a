"""Running: from a ticket to effects that are there once, or a job that is tried again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import msgspec
import structlog

from insula.kernel.access.context import Context
from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Denied, Problem
from insula.kernel.jobs.tally import Tally
from insula.kernel.jobs.tickets import Ticket
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Again, Chunked, Errand, Progress, Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.jobs.attempt import Attempt, Job
from insula.kernel.services.jobs.originators import Originators, the_system
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.tenant import Tenant

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

REST = timedelta(minutes=5)
"""How long the jobs of a tenant that is suspended wait before they are looked at again."""

FIND = Statement(
    f"""WITH {CONTEXT} SELECT j.* FROM ctx CROSS JOIN LATERAL (
    SELECT id, version, task, command, attempts, lane, cursor, done_count, total_count,
           actor_kind, actor_id, credential, scopes, request_id FROM home__.jobs
     WHERE tenant_id = ctx.tenant_id AND id = $2::uuid AND version = $3::bigint
       AND state IN ('queued', 'dispatched')) j"""  # noqa: S608  # our names
)
# The relay may not have committed yet, and a worker thought dead may be at work still.
HOLD = Statement(
    """SELECT 1 FROM home__.jobs
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND version = $3::bigint
   AND state IN ('queued', 'dispatched') FOR UPDATE"""
)


class JobTimedOut(Problem):
    """The job took longer than {seconds} seconds."""

    code = "JOB_TIMED_OUT"


class OriginatorMayNot(Denied):
    """Whoever asked for this job may not do it any more."""

    code = "JOB_ORIGINATOR_MAY_NOT"


class TaskUnknown(Problem):
    """No installed app has a task of that name."""

    code = "JOB_TASK_UNKNOWN"


class _Overtaken(Exception):
    """Somebody else has the job, or it has ended."""


FindTenant = Callable[[UUID], Awaitable[Tenant]]
OpenSession = Callable[[Tenant], Session]


class JobRunner:
    """Takes the walk for a job: tenant, actor, session, run; keeps a tally of them."""

    def __init__(
        self,
        engine: Engine,
        find_tenant: FindTenant,
        open_session: OpenSession,
        originators: Originators,
    ) -> None:
        self._engine, self._tenant = engine, find_tenant
        self._open, self._originators = open_session, originators
        self.tally = Tally()

    async def handle(self, ticket: Ticket) -> None:
        """Run the job of a ticket; a fault of the job ends in the job's row."""
        async with self._attempt(ticket) as attempt:
            if attempt is None:
                return
            if attempt.tenant.state is State.active:
                await self._run(attempt)
            else:
                await attempt.postpone(REST, "the tenant is not active")

    async def bury(self, ticket: Ticket) -> None:
        """Give a job up that took worker after worker with it."""
        async with self._attempt(ticket) as attempt:
            if attempt is not None:
                await attempt.give_up("its workers died of it")

    @asynccontextmanager
    async def _attempt(self, ticket: Ticket) -> AsyncIterator[Attempt | None]:
        """An attempt that is counted; None if there is nothing to do any more."""
        try:
            tenant = await self._tenant(ticket.tenant_id)
        except TenantNotFound:  # it is gone, and its jobs with it
            yield None
            return
        began, session = perf_counter(), self._open(tenant)
        rows = await session.fetch(FIND, ticket.job_id, ticket.version)
        if not rows:
            yield None
            return
        attempt = Attempt(session, tenant, _job(rows[0]))
        yield attempt
        if attempt.outcome is not None:  # else somebody else has the job
            seconds = perf_counter() - began
            self.tally.count(ticket.queue.value, attempt.outcome, seconds)

    async def _run(self, attempt: Attempt) -> None:
        task = self._engine.tasks.get(attempt.job.task)
        try:
            if task is None:
                raise TaskUnknown
            ctx = await self._context(attempt, task)
            async with asyncio.timeout(task.timeout):
                await self._do(ctx, task, attempt)
        except _Overtaken:
            return
        except (TaskUnknown, Denied) as error:
            await self._bury(attempt, error)
        except Exception as error:  # noqa: BLE001  # the worker outlives any one job
            await self._failed(attempt, _told(error, task))

    async def _context(self, attempt: Attempt, task: Task) -> Context:
        """The context of the originator, with the rights of this moment."""
        job, tenant = attempt.job, attempt.tenant
        actor = await self._originators.find(attempt.session, tenant, job)
        if task.permission is not None and not actor.may(task.permission):
            raise OriginatorMayNot
        request = job.request_id or f"job_{job.id.hex}"
        return Context(
            actor, tenant=tenant, session=attempt.session, request_id=request
        )

    async def _do(self, ctx: Context, task: Task, attempt: Attempt) -> None:
        command = _command(task, attempt.job)
        if isinstance(task, Errand):
            await self._errand(ctx, task, attempt, command)
        elif isinstance(task, Chunked):
            run = _then(attempt, task.run, command)
            await self._commit(ctx, attempt.job, run)
        else:
            run = _once(attempt, task.run, command)
            await self._commit(ctx, attempt.job, run)

    async def _errand(
        self, ctx: Context, task: Errand, attempt: Attempt, command: Any
    ) -> None:
        prepared: Any = None

        async def prepare(work: WorkContext) -> None:
            nonlocal prepared
            prepared = await task.prepare(work, command)
            if prepared is None:
                await attempt.done(work.transaction)

        await self._commit(ctx, attempt.job, prepare)
        if prepared is not None:
            result = await task.perform(prepared)
            run = _once(attempt, task.run, command, result)
            await self._commit(ctx, attempt.job, run)

    async def _commit(
        self, ctx: Context, job: Job, run: Callable[[WorkContext], Awaitable[None]]
    ) -> None:
        """One transaction that holds the job's row: nobody else has it meanwhile."""
        async with self._engine.work(ctx) as work:
            if not await work.transaction.fetch(HOLD, job.id, job.version):
                raise _Overtaken
            await run(work)

    async def _failed(self, attempt: Attempt, error: BaseException) -> None:
        job = attempt.job
        task = self._engine.tasks[job.task]
        if job.attempts >= len(task.backoff):
            await self._bury(attempt, error)
            return
        delay = timedelta(seconds=task.backoff[job.attempts])
        logger.warning("job.failed", **_line(attempt, error))
        await attempt.retry(delay, _words(error))

    async def _bury(self, attempt: Attempt, error: BaseException) -> None:
        """Give the job up; its task may have something to say to that."""
        job, tenant = attempt.job, attempt.tenant
        task, reason = self._engine.tasks.get(job.task), _words(error)
        logger.error("job.dead", **_line(attempt, error))
        if task is None or task.on_dead is None:
            await attempt.give_up(reason)
            return
        on_dead, command = task.on_dead, _command(task, job)
        ctx = Context(the_system(tenant), tenant=tenant, session=attempt.session)

        async def mourn(work: WorkContext) -> None:
            await on_dead(work, command, reason)
            await attempt.dead(work.transaction, reason)

        await self._commit(ctx, job, mourn)


def _command(task: Task, job: Job) -> Any:
    return task.command.model_validate_json(msgspec.json.encode(job.command))


def _once(
    attempt: Attempt, run: Callable[..., Awaitable[Any]], *args: Any
) -> Callable[[WorkContext], Awaitable[None]]:
    """Run, then end the job in the same transaction, or have it run again later."""

    async def step(work: WorkContext) -> None:
        try:
            await run(work, *args)
        except Again as again:
            await attempt.again(work.transaction, again.delay, str(again))
        else:
            await attempt.done(work.transaction)

    return step


def _then(
    attempt: Attempt, run: Callable[..., Awaitable[bool]], command: Any
) -> Callable[[WorkContext], Awaitable[None]]:
    """Run one chunk, and note how far it came."""

    async def step(work: WorkContext) -> None:
        job = attempt.job
        progress = Progress(job.cursor, job.done, job.total)
        finished = await run(work, command, progress)
        await attempt.chunk(work.transaction, progress, finished=finished)

    return step


def _job(row: Record) -> Job:
    command = msgspec.json.decode(row["command"])
    return Job(
        id=row["id"],
        version=row["version"],
        task=row["task"],
        command=command,
        attempts=row["attempts"],
        lane=row["lane"],
        cursor=row["cursor"],
        done=row["done_count"],
        total=row["total_count"],
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        credential=row["credential"],
        scopes=row["scopes"],
        request_id=row["request_id"],
        started_at=now(),
    )


def _told(error: Exception, task: Task | None) -> Exception:
    if isinstance(error, TimeoutError) and task is not None:
        return JobTimedOut(seconds=task.timeout)
    return error


def _words(error: BaseException) -> str:
    """What to keep of a fault: a problem's own words, else its kind and no values."""
    return str(error) if isinstance(error, Problem) else type(error).__name__


def _line(attempt: Attempt, error: BaseException) -> dict[str, Any]:
    job = attempt.job
    return {
        "tenant_id": str(attempt.tenant.id),
        "job_id": str(job.id),
        "task": job.task,
        "attempt": job.attempts + 1,
        "error": type(error).__name__,
    }
