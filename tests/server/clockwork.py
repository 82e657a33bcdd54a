"""Clockwork: an app that ticks, the processes that have it, and what they did."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.unit import WorkContext
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from insula.server.scheduler import Scheduler
from tests.house import House, work_off
from tests.server.ticking import another, ticking

RUNS = "SELECT * FROM control.schedule_runs WHERE schedule = $1 ORDER BY tenant_id"
JOBS = Statement(
    f"SELECT state, error FROM {HOME}.jobs WHERE tenant_id = $1::text::uuid"
    " AND unique_key = $2 ORDER BY id"
)


class Clockwork:
    """An app of a name of its own, processes that have it, and what they did."""

    def __init__(self, house: House, folder: Path) -> None:
        self.name, self.ticks = f"tick{uuid7().hex}", list[UUID]()
        self.cron: str | None = None
        self.broken: UUID | None = None
        self.contexts: list[WorkContext] = []
        self.house, self.folder = house, folder
        self.platforms: list[Platform] = []
        self.passed = timedelta()
        self.worker = self.platform()

    async def tick(self, ctx: WorkContext) -> None:
        """What the schedule does."""
        self.ticks.append(ctx.tenant.id)
        self.contexts.append(ctx)
        if ctx.tenant.id == self.broken:
            raise LookupError("on purpose")

    def now(self) -> datetime:
        """The time, some of which has been waited for."""
        return datetime.now(UTC) + self.passed

    def platform(self) -> Platform:
        """What another process has."""
        app = ticking(self.name, self.tick, self.cron)
        made = another(self.house.platform.cluster, self.folder, app)
        self.platforms.append(made)
        return made

    def process(self) -> Scheduler:
        """Another process with the app."""
        return Scheduler(self.platform(), self.now)

    def at(self, cron: str) -> None:
        """Have the app tick at the times of a cron line."""
        self.cron = cron
        self.worker = self.platform()

    async def tenants(self, count: int) -> list[Tenant]:
        """Tenants that have the app."""
        made = [await self.house.tenant(apps=()) for _ in range(count)]
        for tenant in made:
            await self.worker.installations.install(tenant.id, self.name)
        return made

    async def work(self, *tenants: Tenant) -> list[UUID]:
        """Do what the tenants' jobs say; answers for whom the schedule ran."""
        self.ticks.clear()
        for tenant in tenants:
            fresh = await self.worker.directory.with_id(tenant.id)
            await work_off(self.worker, fresh)
        return list(self.ticks)

    async def jobs(self, tenant: Tenant) -> list[tuple[str, str | None]]:
        """The states and errors of the schedule's jobs."""
        session = self.worker.open_session(tenant.home, tenant.id)
        async with session.transaction() as transaction:
            rows = await transaction.fetch(JOBS, f"schedule:{self.name}.tick")
        return [(row["state"], row["error"]) for row in rows]

    async def touch(self, statement: Statement, tenant: Tenant) -> None:
        """Do something to a tenant's jobs that time alone does."""
        session = self.worker.open_session(tenant.home, tenant.id)
        async with session.transaction() as transaction:
            await transaction.fetch(statement)

    async def runs(self) -> list[Any]:
        """What the platform remembers of the runs."""
        control = self.house.platform.control
        return list(await control.fetch(RUNS, f"{self.name}.tick"))
