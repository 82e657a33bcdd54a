"""The scheduler: everything that is due is done, once, whoever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from insula.kernel.access.actor import ActorKind
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.unit import WorkContext
from insula.kernel.tenancy.tenant import Tenant
from insula.server.platform import Platform
from insula.server.scheduler import Scheduler
from tests.house import Caller, House
from tests.server.ticking import (
    Tick,
    another,
    die_generating,
    die_ticking,
    killed,
    ticking,
)

pytestmark = pytest.mark.anyio
PASSES = """
UPDATE control.schedule_runs
   SET ran_at = ran_at - $2::interval, claimed_until = claimed_until - $2::interval
 WHERE schedule = $1"""
RUNS = "SELECT * FROM control.schedule_runs WHERE schedule = $1 ORDER BY tenant_id"
LINES = Statement(
    f"WITH {CONTEXT} SELECT (SELECT count(*) FROM {HOME}.maintenance_work_items i"
    f" WHERE i.tenant_id = ctx.tenant_id), (SELECT count(*) FROM {HOME}.audit_log a"
    " WHERE a.tenant_id = ctx.tenant_id AND a.action = 'maintenance.work_orders.create'"
    f"), (SELECT count(*) FROM {HOME}.outbox o WHERE o.tenant_id = ctx.tenant_id"
    " AND o.name = 'maintenance.work_order.created') FROM ctx"
)
HOUR, LEASE = timedelta(hours=1), timedelta(minutes=1)


class Clockwork:
    """An app of a name of its own, processes that have it, and what they did."""

    def __init__(self, house: House, folder: Path) -> None:
        self.name, self.ticks = f"tick{uuid7().hex}", list[UUID]()
        self.broken: UUID | None = None
        self.contexts: list[WorkContext] = []
        self.house, self.folder = house, folder
        self.platforms: list[Platform] = []

    async def tick(self, ctx: WorkContext) -> None:
        """What the schedule does."""
        self.ticks.append(ctx.tenant.id)
        self.contexts.append(ctx)
        await asyncio.sleep(0.005)
        if ctx.tenant.id == self.broken:
            raise LookupError("on purpose")

    def process(self, tick: Tick | None = None) -> Scheduler:
        """Another process with the app."""
        app = ticking(self.name, tick or self.tick)
        platform = another(self.house.platform.cluster, self.folder, app)
        self.platforms.append(platform)
        return Scheduler(platform)

    async def tenants(self, count: int) -> list[Tenant]:
        """Tenants that have the app."""
        made = [await self.house.tenant(apps=()) for _ in range(count)]
        installations = another(
            self.house.platform.cluster, self.folder, ticking(self.name, self.tick)
        )
        self.platforms.append(installations)
        for tenant in made:
            await installations.installations.install(tenant.id, self.name)
        return made

    async def wait(self, time: timedelta) -> None:
        """Let a time pass since all that was done."""
        control = self.house.platform.control
        await control.fetch(PASSES, f"{self.name}.tick", time)

    async def runs(self) -> list[Any]:
        """What the platform remembers of the runs."""
        control = self.house.platform.control
        return list(await control.fetch(RUNS, f"{self.name}.tick"))


@pytest.fixture
async def clockwork(house: House, tmp_path: Path) -> AsyncIterator[Clockwork]:
    """An app that ticks every hour."""
    made = Clockwork(house, tmp_path)
    yield made
    for platform in made.platforms:
        await platform.close()


async def test_what_is_due_is_done_once_an_interval(clockwork: Clockwork) -> None:
    tenants = {it.id for it in await clockwork.tenants(3)}
    scheduler = clockwork.process()
    assert (await scheduler.run_due(), await scheduler.run_due()) == (3, 0)
    assert sorted(clockwork.ticks) == sorted(tenants)
    await clockwork.wait(HOUR - timedelta(seconds=9))
    assert await scheduler.run_due() == 0
    await clockwork.wait(timedelta(seconds=10))
    assert (await scheduler.run_due(), await scheduler.run_due()) == (3, 0)


async def test_it_is_the_system_that_acts(clockwork: Clockwork) -> None:
    (tenant,) = await clockwork.tenants(1)
    await clockwork.process().run_due()
    (ctx,) = clockwork.contexts
    assert (ctx.actor.kind, ctx.actor.id) == (ActorKind.system, None)
    assert (ctx.tenant.id, ctx.request_id[:4]) == (tenant.id, "run_")


async def test_many_processes_do_everything_once(clockwork: Clockwork) -> None:
    """More than a batch of tenants, three processes at once."""
    tenants = [it.id for it in await clockwork.tenants(25)]
    processes = [clockwork.process() for _ in range(3)]
    for _ in range(2):
        await asyncio.gather(*(it.run_due() for it in processes))
    assert sorted(clockwork.ticks) == sorted(tenants)


async def test_what_waits_in_a_slow_batch_is_not_done_twice(
    clockwork: Clockwork,
) -> None:
    """The first process is so slow that its leases end while it works."""
    tenants = sorted(it.id for it in await clockwork.tenants(3))
    fast = clockwork.process()

    async def overtaken(ctx: WorkContext) -> None:
        await clockwork.wait(LEASE)
        await fast.run_due()
        await clockwork.tick(ctx)

    assert await clockwork.process(overtaken).run_due() == 1
    assert clockwork.ticks == [*tenants, tenants[0]]


async def test_what_died_is_repeated_when_its_lease_is_over(
    clockwork: Clockwork, house: House, tmp_path: Path
) -> None:
    """Promise 4: kill -9 in the middle of a run."""
    (tenant,) = await clockwork.tenants(1)
    assert killed(die_ticking, house.platform.cluster, tmp_path, clockwork.name)
    scheduler = clockwork.process()
    assert await scheduler.run_due() == 0
    await clockwork.wait(LEASE)
    assert await scheduler.run_due() == 1
    assert clockwork.ticks == [tenant.id]
    (run,) = await clockwork.runs()
    assert run["ran_at"] is not None


async def test_one_tenants_fault_is_no_others(clockwork: Clockwork) -> None:
    first, broken, last = sorted(it.id for it in await clockwork.tenants(3))
    clockwork.broken = broken
    scheduler = clockwork.process()
    with capture_logs() as logs:
        await scheduler.run_due()
    assert clockwork.ticks == [first, broken, last]
    (told,) = [it for it in logs if it["event"] == "schedule.failed"]
    assert (told["tenant_id"], told["error"]) == (str(broken), "LookupError")
    assert [it["error"] for it in await clockwork.runs()] == [None, "LookupError", None]
    clockwork.broken = None
    assert await scheduler.run_due() == 0
    await clockwork.wait(LEASE)
    assert await scheduler.run_due() == 1
    assert [it["error"] for it in await clockwork.runs()] == [None] * 3


async def test_who_is_suspended_or_without_the_app_is_left_alone(
    clockwork: Clockwork, house: House
) -> None:
    working, suspended, without = await clockwork.tenants(3)
    await house.platform.provisioning.suspend(suspended.id, "unpaid")
    app = clockwork.name
    await house.platform.installations.uninstall(without.id, app)
    assert await clockwork.process().run_due() == 1
    assert clockwork.ticks == [working.id]


YEAR = 366
ROUTINE = {"title": "Oil", "rrule": "FREQ=DAILY", "lead_days": YEAR, "category": "c"}


async def orders(owner: Caller) -> list[dict[str, Any]]:
    """All work orders."""
    path = "/api/v1/maintenance/work-orders?per_page=100&fields=occurrence_on,version"
    found: list[dict[str, Any]] = []
    while path:
        page = (await owner.get(path)).body
        found += page["data"]
        path = page["links"]["next"]
    return found


async def test_a_years_occurrences_are_whole_whoever_is_killed(
    house: House, tmp_path: Path
) -> None:
    """Promise 4: lost = duplicated = 0 under kill -9 before any statement."""
    tenant = await house.tenant()
    owner, cluster = await house.user(tenant), house.platform.cluster
    today = datetime.now(UTC).date()
    items = "maintenance/checklists"
    checklist = (await owner.create(items, name="Round"))["id"]
    item = {"checklist_id": checklist, "label": "Look", "kind": "tick"}
    await owner.create("maintenance/checklist-items", **item)
    routine = {**ROUTINE, "starts_on": str(today), "checklist_id": checklist}
    await owner.create("maintenance/routines", **routine)
    deaths = 0
    for statement in (4, 9, 10, 40):
        deaths += killed(die_generating, cluster, tmp_path, tenant.id, statement)
        assert len(await orders(owner)) in (0, YEAR + 1)
    assert deaths == 3
    days = [it["occurrence_on"] for it in await orders(owner)]
    expected = [str(today + timedelta(days=at)) for at in range(YEAR + 1)]
    assert sorted(days) == expected
    lines = await house.platform.open_session(tenant.home, tenant.id).fetch(LINES)
    assert [tuple(it) for it in lines] == [(YEAR + 1, YEAR + 1, YEAR + 1)]
