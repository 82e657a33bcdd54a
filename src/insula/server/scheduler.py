"""The scheduler: what is done again and again, for the apps and for the platform.

It goes on with what a crash left half done, removes tenants whose grace is over, and
has the apps' recurring work queued for every tenant when it is due.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.pool import Record
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.throttle import OperatorBook
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.resource.app import App, Schedule
from insula.kernel.services.audit.checking import AuditCheck
from insula.kernel.services.audit.upkeep import AuditUpkeep
from insula.kernel.services.jobs.manifest import RECUR
from insula.kernel.services.timeline.models import TimelineEntry
from insula.server.platform import WORK, Platform

LEASE = timedelta(minutes=1)
"""How long a claim may be silent before another process takes it over."""
PAUSE = 5.0
"""Seconds between looks at what is due."""
BATCH = 50

# A tenant that has just come has no row: it is due at once, or from its first time on.
CLAIM = """
WITH due AS (
    SELECT t.id, t.settings->>'timezone' AS zone, r.next_at
      FROM control.tenants t
      LEFT JOIN control.schedule_runs r ON r.tenant_id = t.id AND r.schedule = $1
     WHERE t.state = 'active'
       AND ($2::varchar IS NULL OR EXISTS (
            SELECT FROM control.app_installations i WHERE i.tenant_id = t.id
               AND i.app_name = $2 AND i.status = 'active'))
       AND (r.id IS NULL OR (COALESCE(r.next_at, $3) <= $3 AND r.claimed_until <= $3))
     ORDER BY t.id LIMIT $5),
claimed AS (
    INSERT INTO control.schedule_runs (id, tenant_id, schedule, claimed_until)
    SELECT gen_random_uuid(), due.id, $1::varchar, $3 + $4::interval FROM due
    ON CONFLICT (tenant_id, schedule) DO UPDATE
       SET claimed_until = excluded.claimed_until
     WHERE schedule_runs.claimed_until <= $3
       AND COALESCE(schedule_runs.next_at, $3) <= $3
    RETURNING tenant_id)
SELECT due.* FROM due JOIN claimed ON claimed.tenant_id = due.id"""
DONE = """
UPDATE control.schedule_runs SET claimed_until = $3, next_at = $4, error = NULL,
       ran_at = CASE WHEN $5 THEN $3 ELSE ran_at END
 WHERE tenant_id = $1 AND schedule = $2"""
FAILED = """
UPDATE control.schedule_runs SET error = $3 WHERE tenant_id = $1 AND schedule = $2"""
DAILY = """
INSERT INTO control.settings (id, key, value) VALUES ($1, $2, $3)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
 WHERE (settings.value->>'at')::timestamptz < $4 RETURNING 1"""
MAINTENANCE = "maintenance"
EVERY = timedelta(hours=20)

logger: structlog.stdlib.BoundLogger = structlog.get_logger()


class Scheduler:
    """Queues what is due; any number of processes may have one.

    The job is in the tenant's home before the next time is noted, and of one schedule
    at most one job is live: whoever dies in between doubles nothing and forgets
    nothing.
    """

    def __init__(self, platform: Platform, clock: Clock = now) -> None:
        self._platform, self._clock = platform, clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for what is due."""
        self._task = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        """End at once; what was under way is repeated by whoever comes next."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _loop(self) -> None:
        provisioning = self._platform.provisioning
        while True:
            await self._try(provisioning.resume_all)
            await self._try(provisioning.purge_due)
            await self._try(self.run_due)
            await self._try(self.maintain)
            await asyncio.sleep(PAUSE)

    async def _try(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # the loop outlives any one fault
            logger.error("scheduler.failed", error=describe(error))

    async def maintain(self) -> bool:
        """What the platform itself does once a day; whether it was due."""
        platform, moment = self._platform, self._clock()
        claim = MAINTENANCE, {"at": moment}, moment - EVERY
        if not await platform.control.fetch(DAILY, uuid7(), *claim):
            return False
        months = platform.settings.audit_keep_months
        await AuditCheck(platform.control, platform.homes).log_heads()
        place = platform.control, platform.homes, months, self._clock
        await AuditUpkeep(*place, (TimelineEntry.__tablename__,)).roll()
        await OperatorBook(platform.control).prune(self._clock())
        return True

    async def run_due(self) -> int:
        """Queue everything that is due now; answers how many jobs were asked for."""
        asked = 0
        for app in self._platform.engine.apps.values():
            for schedule in app.schedules:
                asked += await self._run_all(app, schedule)
        return asked

    async def _run_all(self, app: App, schedule: Schedule) -> int:
        """Queue one schedule for a minute at most: then others may have claimed it."""
        asked, until = 0, self._clock() + LEASE
        while claimed := await self._claim(app, schedule):
            for row in claimed:
                if self._clock() >= until:
                    return asked
                asked += await self._see_to(app, schedule, row)
        return asked

    async def _claim(self, app: App, schedule: Schedule) -> Sequence[Record]:
        """Some tenants to whom nobody else will see until their lease ends."""
        wanted = None if app.always else app.name
        terms = wanted, self._clock(), LEASE, BATCH
        return await self._platform.control.fetch(CLAIM, _name(app, schedule), *terms)

    async def _see_to(self, app: App, schedule: Schedule, row: Record) -> bool:
        """Queue the run, unless this only tells when the first one will be."""
        control, name = self._platform.control, _name(app, schedule)
        tenant_id, moment = row["id"], self._clock()
        is_due = row["next_at"] is not None or schedule.every is not None
        following = schedule.following(moment, _zone(row["zone"]))
        try:
            if is_due:
                await self._queue(tenant_id, name)
        except Exception as error:  # noqa: BLE001  # one tenant's fault is no other's
            await control.fetch(FAILED, tenant_id, name, type(error).__name__)
            kind, tenant = type(error).__name__, str(tenant_id)
            logger.error("schedule.failed", tenant_id=tenant, schedule=name, error=kind)
            return False
        await control.fetch(DONE, tenant_id, name, moment, following, is_due)
        return is_due

    async def _queue(self, tenant_id: UUID, name: str) -> None:
        platform = self._platform
        tenant = await platform.directory.with_id(tenant_id)
        session = platform.open_session(tenant.home, tenant_id)
        async with session.transaction() as transaction:
            job = NewJob(RECUR, {"schedule": name}, unique_key=f"schedule:{name}")
            await insert_jobs(transaction, [job])
        platform.bus.mention(WORK, tenant_id)


def _zone(name: str | None) -> ZoneInfo:
    """The zone of that name; work goes on in UTC where there is none such."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        logger.warning("schedule.zone_unknown", zone=name)
        return ZoneInfo("UTC")


def _name(app: App, schedule: Schedule) -> str:
    return f"{app.name}.{schedule.name}"


async def run_schedule(platform: Platform, schedule: Schedule, tenant_id: UUID) -> None:
    """Do a schedule's work for one tenant now, as the system."""
    async with platform.engine.work(await system_context(platform, tenant_id)) as work:
        await schedule.run(work)


async def system_context(platform: Platform, tenant_id: UUID) -> Context:
    """A context in which the platform itself acts for a tenant."""
    tenant = await platform.directory.with_id(tenant_id)
    return Context(
        Actor(ActorKind.system, None, tenant=tenant_id, grants=("*",)),
        tenant=tenant,
        session=platform.open_session(tenant.home, tenant_id),
        request_id=f"run_{uuid7().hex}",
    )
