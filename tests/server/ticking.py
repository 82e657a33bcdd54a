"""An app that does nothing but tick, and processes that die while they do so."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from insula.kernel.database.cluster import Cluster
from insula.kernel.foundation.settings import Settings
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import registered_apps
from insula.kernel.resource.unit import WorkContext
from insula.server.platform import Platform
from insula.server.scheduler import Scheduler, run_schedule

PROCESSES = get_context("forkserver")
Tick = Callable[[WorkContext], Awaitable[None]]


def ticking(name: str, tick: Tick, every: timedelta = timedelta(hours=1)) -> App:
    """An app with one schedule."""
    schedules = (Schedule("tick", every, run=tick),)
    return App(
        name=name,
        title="Ticks",
        version="1.0.0",
        folder=Path(__file__).parent,
        resources=(),
        schedules=schedules,
    )


def another(cluster: Cluster, data_dir: Path, *apps: App) -> Platform:
    """A process of its own, as far as connections and memory go."""
    return Platform(Settings(data_dir=data_dir, connections=8), cluster, apps)


def killed(target: Callable[..., None], *args: object) -> bool:
    """Run a function in a process that may be killed; whether it was."""
    process = PROCESSES.Process(target=target, args=args)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_ticking(cluster: Cluster, data_dir: Path, name: str) -> None:
    """Do what is due, and be killed by it."""

    async def tick(_: WorkContext) -> None:
        _die()

    platform = another(cluster, data_dir, ticking(name, tick))
    asyncio.run(_run_due(platform))


async def _run_due(platform: Platform) -> None:
    await Scheduler(platform).run_due()


def die_generating(
    cluster: Cluster, data_dir: Path, tenant_id: UUID, statement: int
) -> None:
    """Make a tenant's occurrences, and be killed before the n-th SQL statement."""
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
    asyncio.run(_generate(cluster, data_dir, tenant_id))


async def _generate(cluster: Cluster, data_dir: Path, tenant_id: UUID) -> None:
    apps = registered_apps()
    platform = another(cluster, data_dir, *apps)
    (schedule,) = next(it for it in apps if it.name == "maintenance").schedules
    await run_schedule(platform, schedule, tenant_id)
    await platform.close()
