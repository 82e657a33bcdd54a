"""Running: from a ticket to effects that are there once, or a job that is tried again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import msgspec
import structlog

from insula.kernel.access.actor import Actor, ActorKind
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
from insula.kernel.services.jobs.ending import Ending, Job
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.tenant import Tenant

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

REST = timedelta(minutes=5)
"""How long the jobs of a tenant that is suspended wait before they are looked at again."""

FIND = Statement(
    f"""WITH {CONTEXT} SELECT j.* FROM ctx CROSS JOIN LATERAL (
    SELECT id, version, task, command, attempts, lane, cursor, done_count, total_count,
           actor_kind, actor_id, request_id FROM home__.jobs
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


class OriginatorGone(Denied):
    """Whoever asked for this job is disabled or gone."""

    code = "JOB_ORIGINATOR_GONE"


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
FindUser = Callable[[Tenant, UUID], Awaitable[Actor | None]]


class JobRunner:
    """Takes the walk for a job: tenant, actor, session, run; keeps a tally of them."""

    def __init__(
        self,
        engine: Engine,
        find_tenant: FindTenant,
        open_session: OpenSession,
        find_user: FindUser,
    ) -> None:
        self._engine, self._tenant = engine, find_tenant
        self._open, self._user = open_session, find_user
        self.tally = Tally()

    async def handle(self, ticket: Ticket) -> None:
        """Run the job of a ticket; a fault of the job ends in the job's row."""
        try:
            tenant = await self._tenant(ticket.tenant_id)
        except TenantNotFound:
            return  # it is gone, and its jobs with it
        began, session = perf_counter(), self._open(tenant)
        ending = Ending(session, tenant)
        job = await self._load(session, ticket)
        if job is None:
            return
        if tenant.state is State.active:
            await self._run(tenant, session, ending, job)
        else:
            await ending.postpone(job, REST, "the tenant is not active")
        self._count(ticket, ending, began)

    def _count(self, ticket: Ticket, ending: Ending, began: float) -> None:
        if ending.outcome is not None:  # else somebody else has the job
            queue, seconds = ticket.queue.value, perf_counter() - began
            self.tally.count(queue, ending.outcome, seconds)

    async def bury(self, ticket: Ticket) -> None:
        """Give a job up that took worker after worker with it."""
        try:
            tenant = await self._tenant(ticket.tenant_id)
        except TenantNotFound:
            return
        began, session = perf_counter(), self._open(tenant)
        ending = Ending(session, tenant)
        job = await self._load(session, ticket)
        if job is not None:
            await ending.give_up(job, "its workers died of it")
            self._count(ticket, ending, began)

    async def _load(self, session: Session, ticket: Ticket) -> Job | None:
        rows = await session.fetch(FIND, ticket.job_id, ticket.version)
        return _job(rows[0]) if rows else None

    async def _run(
        self, tenant: Tenant, session: Session, ending: Ending, job: Job
    ) -> None:
        task = self._engine.tasks.get(job.task)
        try:
            if task is None:
                raise TaskUnknown
            ctx = await self._context(tenant, session, task, job)
            async with asyncio.timeout(task.timeout):
                await self._do(ctx, task, ending, job)
        except _Overtaken:
            return
        except (TaskUnknown, Denied) as error:
            await self._bury(tenant, session, ending, job, error)
        except Exception as error:  # noqa: BLE001  # the worker outlives any one job
            await self._failed(tenant, session, ending, job, _told(error, task))

    async def _context(
        self, tenant: Tenant, session: Session, task: Task, job: Job
    ) -> Context:
        """The context of the originator, with the rights of this moment."""
        actor: Actor | None = Actor(
            ActorKind.system, None, tenant=tenant.id, grants=("*",)
        )
        if job.actor_kind == ActorKind.user and job.actor_id is not None:
            actor = await self._user(tenant, job.actor_id)
        if actor is None:
            raise OriginatorGone
        if task.permission is not None and not actor.may(task.permission):
            raise OriginatorMayNot
        request = job.request_id or f"job_{job.id.hex}"
        return Context(actor, tenant=tenant, session=session, request_id=request)

    async def _do(self, ctx: Context, task: Task, ending: Ending, job: Job) -> None:
        command = task.command.model_validate_json(msgspec.json.encode(job.command))
        if isinstance(task, Errand):
            await self._errand(ctx, task, ending, job, command)
        elif isinstance(task, Chunked):
            progress = Progress(job.cursor, job.done, job.total)
            run = _then(ending, job, progress, task.run, command)
            await self._commit(ctx, job, run)
        else:
            await self._commit(ctx, job, _once(ending, job, task.run, command))

    async def _errand(
        self, ctx: Context, task: Errand, ending: Ending, job: Job, command: Any
    ) -> None:
        prepared: Any = None

        async def prepare(work: WorkContext) -> None:
            nonlocal prepared
            prepared = await task.prepare(work, command)
            if prepared is None:
                await ending.done(work.transaction, job)

        await self._commit(ctx, job, prepare)
        if prepared is not None:
            result = await task.perform(prepared)
            await self._commit(ctx, job, _once(ending, job, task.run, command, result))

    async def _commit(
        self, ctx: Context, job: Job, run: Callable[[WorkContext], Awaitable[None]]
    ) -> None:
        """One transaction that holds the job's row: nobody else has it meanwhile."""
        async with self._engine.work(ctx) as work:
            if not await work.transaction.fetch(HOLD, job.id, job.version):
                raise _Overtaken
            await run(work)

    async def _failed(
        self,
        tenant: Tenant,
        session: Session,
        ending: Ending,
        job: Job,
        error: BaseException,
    ) -> None:
        task = self._engine.tasks[job.task]
        if job.attempts >= len(task.backoff):
            await self._bury(tenant, session, ending, job, error)
            return
        delay = timedelta(seconds=task.backoff[job.attempts])
        logger.warning("job.failed", **_line(tenant, job, error))
        await ending.retry(job, delay, _words(error))

    async def _bury(
        self,
        tenant: Tenant,
        session: Session,
        ending: Ending,
        job: Job,
        error: BaseException,
    ) -> None:
        """Give the job up; its task may have something to say to that."""
        task, reason = self._engine.tasks.get(job.task), _words(error)
        logger.error("job.dead", **_line(tenant, job, error))
        if task is None or task.on_dead is None:
            await ending.give_up(job, reason)
            return
        on_dead = task.on_dead
        command = task.command.model_validate_json(msgspec.json.encode(job.command))
        system = Actor(ActorKind.system, None, tenant=tenant.id, grants=("*",))
        ctx = Context(system, tenant=tenant, session=session)

        async def mourn(work: WorkContext) -> None:
            await on_dead(work, command, reason)
            await ending.dead(work.transaction, job, reason)

        await self._commit(ctx, job, mourn)


def _once(
    ending: Ending, job: Job, run: Callable[..., Awaitable[Any]], *args: Any
) -> Callable[[WorkContext], Awaitable[None]]:
    """Run, then end the job in the same transaction, or have it run again later."""

    async def step(work: WorkContext) -> None:
        try:
            await run(work, *args)
        except Again as again:
            reason = str(again)
            await ending.again(work.transaction, job, again.delay, reason)
        else:
            await ending.done(work.transaction, job)

    return step


def _then(
    ending: Ending,
    job: Job,
    progress: Progress,
    run: Callable[..., Awaitable[bool]],
    command: Any,
) -> Callable[[WorkContext], Awaitable[None]]:
    """Run one chunk; the next one waits for its turn like any job."""

    async def step(work: WorkContext) -> None:
        finished = await run(work, command, progress)
        await ending.chunk(work.transaction, job, progress, finished=finished)

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


def _line(tenant: Tenant, job: Job, error: BaseException) -> dict[str, Any]:
    return {
        "tenant_id": str(tenant.id),
        "job_id": str(job.id),
        "task": job.task,
        "attempt": job.attempts + 1,
        "error": type(error).__name__,
    }
