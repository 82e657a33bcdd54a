"""``insula jobs``: what waits, runs and has failed; and running it again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from insula.cli.command import AsJson, perform
from insula.cli.output import Output
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.jobs.models import Job, JobState, Queue
from insula.kernel.services.jobs.control import revive
from insula.kernel.tenancy.signals import TenantNotFound
from insula.server.platform import Platform
from insula.server.scheduler import system_context

app = typer.Typer(help="See tenants' jobs, and run failed ones again.")

OF_TENANT = "tenant-"
"""What the queue of one tenant is called; it is a filter, for queues are classes of work."""
MOST = 200

Tenant = Annotated[
    str, typer.Argument(help="A slug or an id; or the tenant's queue, tenant-<id>.")
]


@dataclass(frozen=True, slots=True)
class Line:
    """A job; what it says is not shown."""

    id: UUID
    task: str
    queue: str
    state: str
    run_at: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Revived:
    """How many jobs will run again."""

    jobs: int


@app.callback()
def root() -> None:
    """See tenants' jobs, and run failed ones again."""


async def _find(platform: Platform, name: str) -> UUID:
    if name.startswith(OF_TENANT):
        found = parse_uuid(name.removeprefix(OF_TENANT))
        if found is None:
            raise TenantNotFound
        return found
    return (await platform.provisioning.find(name)).id


@app.command("list")
def list_(
    context: typer.Context,
    tenant: Tenant,
    state: Annotated[JobState | None, typer.Option(help="Only these.")] = None,
    queue: Annotated[Queue | None, typer.Option(help="Only of this class.")] = None,
    as_json: AsJson = False,
) -> None:
    """List a tenant's jobs, the newest first, at most two hundred."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> list[Line]:
        ctx = await system_context(platform, await _find(platform, tenant))
        table = Job.__table__.c
        wanted = [table.state == state] if state else []
        wanted += [table.queue == queue] if queue else []
        async with platform.engine.work(ctx) as work:
            order = table.id.desc()
            jobs = await work.select(Job, *wanted, order_by=order, limit=MOST)
        return [
            Line(it.id, it.task, it.queue, it.state, it.run_at, it.attempts, it.error)
            for it in jobs
        ]

    columns = ("id", "task", "queue", "state", "run_at", "attempts", "error")
    output.many(perform(context, output, work), columns)


@app.command()
def retry(
    context: typer.Context,
    tenant: Tenant,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a tenant's failed jobs again, from their first attempt."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Revived:
        ctx = await system_context(platform, await _find(platform, tenant))
        async with platform.engine.work(ctx) as work:
            return Revived(await revive(work.transaction, task, None, None, now()))

    output.one(perform(context, output, work))
