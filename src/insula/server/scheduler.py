"""The scheduler: what is done again and again, for the apps and for the platform.

It goes on with what a crash left half done, removes tenants whose grace is over, and
does the apps' recurring work for every tenant that has the app.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session
from insula.kernel.foundation.faults import describe
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.app import App, Schedule
from insula.server.platform import Platform

LEASE = timedelta(minutes=1)
"""How long a run may be silent before another process takes it over."""
PAUSE = 5.0
"""Seconds between looks at what is due."""
BATCH = 20

CLAIM = """
INSERT INTO control.schedule_runs (id, tenant_id, schedule, claimed_until)
SELECT gen_random_uuid(), t.id, $1::varchar, now() + $4::interval
  FROM control.tenants t
  JOIN control.app_installations i ON i.tenant_id = t.id AND i.app_name = $2
 WHERE t.state = 'active' AND i.status = 'active'
   AND NOT EXISTS (SELECT FROM control.schedule_runs r
                    WHERE r.tenant_id = t.id AND r.schedule = $1
                      AND (r.ran_at > now() - $3::interval OR r.claimed_until > now()))
 ORDER BY t.id LIMIT $5
ON CONFLICT (tenant_id, schedule) DO UPDATE SET claimed_until = excluded.claimed_until
 WHERE schedule_runs.claimed_until <= now()
   AND (schedule_runs.ran_at IS NULL OR schedule_runs.ran_at <= now() - $3::interval)
RETURNING tenant_id, claimed_until"""
KEEP = """
UPDATE control.schedule_runs SET claimed_until = now() + $4::interval
 WHERE tenant_id = $1 AND schedule = $2 AND claimed_until = $3 RETURNING 1"""
DONE = """
UPDATE control.schedule_runs SET ran_at = now(), claimed_until = now(), error = NULL
 WHERE tenant_id = $1 AND schedule = $2"""
FAILED = """
UPDATE control.schedule_runs SET error = $3 WHERE tenant_id = $1 AND schedule = $2"""

logger: structlog.stdlib.BoundLogger = structlog.get_logger()


class Scheduler:
    """Runs what is due; any number of processes may have one.

    A run is claimed before and marked after it: one that is killed in between is
    repeated when its lease is over, so schedules are safe to repeat.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
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
            await asyncio.sleep(PAUSE)

    async def _try(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # the loop outlives any one fault
            logger.error("scheduler.failed", error=describe(error))

    async def run_due(self) -> int:
        """Run everything that is due now; answers how many runs there were."""
        done = 0
        for app in self._platform.engine.apps.values():
            for schedule in app.schedules:
                while claimed := await self._claim(app, schedule):
                    for tenant_id, until in claimed:
                        if await self._keep(app, schedule, tenant_id, until):
                            await self._run(app, schedule, tenant_id)
                            done += 1
        return done

    async def _claim(self, app: App, schedule: Schedule) -> Sequence[Record]:
        """Some tenants for whom nobody else will do the work until their lease ends."""
        return await self._platform.control.fetch(
            CLAIM, _name(app, schedule), app.name, schedule.every, LEASE, BATCH
        )

    async def _keep(
        self, app: App, schedule: Schedule, tenant_id: UUID, until: datetime
    ) -> bool:
        """Begin the lease anew, unless it ended while others of the batch had theirs."""
        name = _name(app, schedule)
        kept = await self._platform.control.fetch(KEEP, tenant_id, name, until, LEASE)
        return bool(kept)

    async def _run(self, app: App, schedule: Schedule, tenant_id: UUID) -> None:
        control, name = self._platform.control, _name(app, schedule)
        try:
            await run_schedule(self._platform, schedule, tenant_id)
        except Exception as error:  # noqa: BLE001  # one tenant's fault is no other's
            await control.fetch(FAILED, tenant_id, name, type(error).__name__)
            logger.error(
                "schedule.failed",
                tenant_id=str(tenant_id),
                schedule=name,
                error=type(error).__name__,
            )
        else:
            await control.fetch(DONE, tenant_id, name)


def _name(app: App, schedule: Schedule) -> str:
    return f"{app.name}.{schedule.name}"


async def run_schedule(platform: Platform, schedule: Schedule, tenant_id: UUID) -> None:
    """Do a schedule's work for one tenant now, as the system."""
    await platform.engine.run(await system_context(platform, tenant_id), schedule)


async def system_context(platform: Platform, tenant_id: UUID) -> Context:
    """A context in which the platform itself acts for a tenant."""
    tenant = await platform.directory.with_id(tenant_id)
    return Context(
        Actor(ActorKind.system, None, tenant=tenant_id, grants=("*",)),
        tenant=tenant,
        session=Session(platform.pools, tenant.home, tenant_id),
        request_id=f"run_{uuid7().hex}",
    )
