"""An app that does nothing but tick, and processes that die while they do so."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from insula.kernel.database.cluster import Cluster
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.settings import Settings
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import Engine, registered_apps
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.jobs.manifest import job_service
from insula.server.platform import Platform
from insula.server.scheduler import Scheduler, run_schedule
from tests.house import work_off

PROCESSES = get_context("forkserver")
Tick = Callable[[WorkContext], Awaitable[None]]


def ticking(name: str, tick: Tick, cron: str | None = None) -> App:
    """An app with one schedule: every hour, unless told the times."""
    every = None if cron else timedelta(hours=1)
    schedules = (Schedule("tick", every, run=tick, cron=cron),)
    return App(
        name=name,
        title="Ticks",
        version="1.0.0",
        folder=Path(__file__).parent,
        resources=(),
        schedules=schedules,
    )


def another(cluster: Cluster, data_dir: Path, *apps: App) -> Platform:
    """A process of its own, as far as connections and memory go; of the services it
    has jobs alone, and none of their schedules: other tests have tenants here too.
    """
    platform = Platform(Settings(data_dir=data_dir, connections=8), cluster, apps)
    jobs = job_service(lambda: apps, platform.services.reactions)
    platform.engine = Engine(
        (replace(jobs, schedules=()), *apps),
        secret=b"",
        cache=platform.cache,
        changed=lambda _: None,
    )
    return platform


def killed(target: Callable[..., None], *args: object) -> bool:
    """Run a function in a process that may be killed; whether it was."""
    process = PROCESSES.Process(target=target, args=args)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_queueing(
    cluster: Cluster, data_dir: Path, name: str, statement: int, passed: timedelta
) -> None:
    """Queue what is due after a time, and be killed before the n-th SQL statement."""
    platform = another(cluster, data_dir, ticking(name, _nothing))
    _die_before(statement)
    asyncio.run(Scheduler(platform, lambda: now() + passed).run_due())


def die_ticking(cluster: Cluster, data_dir: Path, name: str, tenant_id: UUID) -> None:
    """Do what a tenant has to do, and be killed by it."""

    async def tick(_: WorkContext) -> None:
        _die()

    platform = another(cluster, data_dir, ticking(name, tick))
    asyncio.run(_work(platform, tenant_id))


async def _nothing(_: WorkContext) -> None:
    """What a schedule does that is only queued."""


async def _work(platform: Platform, tenant_id: UUID) -> None:
    await work_off(platform, await platform.directory.with_id(tenant_id))


def die_generating(
    cluster: Cluster, data_dir: Path, tenant_id: UUID, statement: int
) -> None:
    """Make a tenant's occurrences, and be killed before the n-th SQL statement."""
    _die_before(statement)
    asyncio.run(_generate(cluster, data_dir, tenant_id))


def _die_before(statement: int) -> None:
    left = statement

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                _die()
            return run(*args, **kwargs)

        return call

    for name in ("execute", "fetch"):
        method = getattr(asyncpg.Connection, name)
        setattr(asyncpg.Connection, name, counted(method))


async def _generate(cluster: Cluster, data_dir: Path, tenant_id: UUID) -> None:
    apps = registered_apps()
    platform = Platform(Settings(data_dir=data_dir, connections=8), cluster, apps)
    (schedule,) = next(it for it in apps if it.name == "maintenance").schedules
    await run_schedule(platform, schedule, tenant_id)
    await platform.close()
