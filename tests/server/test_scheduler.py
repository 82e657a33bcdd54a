"""The scheduler: everything that is due is done, once, whoever dies meanwhile."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from insula.kernel.access.actor import ActorKind
from insula.kernel.database.session import HOME, Statement
from insula.server.scheduler import BATCH
from tests.house import House
from tests.server.clockwork import Clockwork
from tests.server.ticking import die_queueing, die_ticking, killed

pytestmark = pytest.mark.anyio
RECLAIM = Statement(
    f"UPDATE {HOME}.jobs SET dispatched_at = now() - interval '1 hour'"
    " WHERE tenant_id = $1::text::uuid AND state = 'dispatched'"
)
FORGET = Statement(f"DELETE FROM {HOME}.jobs WHERE tenant_id = $1::text::uuid")
HURRY = Statement(
    f"UPDATE {HOME}.jobs SET run_at = now() WHERE tenant_id = $1::text::uuid"
    " AND state = 'queued'"
)
HOUR, LEASE = timedelta(hours=1), timedelta(minutes=1)


async def test_what_is_due_is_done_once_an_interval(clockwork: Clockwork) -> None:
    """S1-43: by jobs of the tenants' own."""
    tenants = await clockwork.tenants(3)
    scheduler = clockwork.process()
    assert (await scheduler.run_due(), await scheduler.run_due()) == (3, 0)
    assert await clockwork.work(*tenants) == [it.id for it in tenants]
    clockwork.passed = HOUR - timedelta(seconds=9)
    assert await scheduler.run_due() == 0
    clockwork.passed = HOUR + timedelta(seconds=9)
    assert (await scheduler.run_due(), await scheduler.run_due()) == (3, 0)
    assert await clockwork.work(*tenants) == [it.id for it in tenants]
    assert await clockwork.work(*tenants) == []


async def test_it_is_the_system_that_acts(clockwork: Clockwork) -> None:
    (tenant,) = await clockwork.tenants(1)
    await clockwork.process().run_due()
    await clockwork.work(tenant)
    (ctx,) = clockwork.contexts
    assert (ctx.actor.kind, ctx.actor.id) == (ActorKind.system, None)
    assert (ctx.tenant.id, ctx.request_id[:4]) == (tenant.id, "job_")


async def test_many_processes_do_everything_once(clockwork: Clockwork) -> None:
    """More than a batch of tenants, three processes at once."""
    tenants = await clockwork.tenants(BATCH + 5)
    processes = [clockwork.process() for _ in range(3)]
    asked = await asyncio.gather(*(it.run_due() for it in processes for _ in range(2)))
    assert sum(asked) == len(tenants)
    assert await clockwork.work(*tenants) == [it.id for it in tenants]


async def test_what_waits_in_a_slow_batch_is_not_done_twice(
    clockwork: Clockwork,
) -> None:
    """The first process is so slow that its leases end while it works."""
    tenants = sorted(await clockwork.tenants(3), key=lambda it: it.id)
    slow, fast = clockwork.process(), clockwork.process()
    queue = slow._queue

    async def overtaken(tenant_id: UUID, name: str) -> None:
        clockwork.passed += LEASE
        assert await fast.run_due() == 3
        await clockwork.work(*tenants)
        await queue(tenant_id, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slow, "_queue", overtaken)
        assert await slow.run_due() == 1
    done = [len(await clockwork.jobs(it)) for it in tenants]
    assert done == [2, 1, 1]  # the one under way is repeated, and no other


async def test_whoever_dies_queueing_doubles_and_forgets_nothing(
    clockwork: Clockwork, house: House, tmp_path: Path
) -> None:
    """Promise 4: kill -9 before any statement."""
    (tenant,) = await clockwork.tenants(1)
    scheduler, deaths = clockwork.process(), 0
    cluster, name = house.platform.cluster, clockwork.name
    for statement in range(1, 16, 2):
        time = clockwork.passed
        deaths += killed(die_queueing, cluster, tmp_path, name, statement, time)
        clockwork.passed += LEASE
        await scheduler.run_due()
        assert await clockwork.jobs(tenant) == [("queued", None)]
        await clockwork.touch(FORGET, tenant)
        clockwork.passed += HOUR
    assert 3 < deaths < 8


async def test_what_died_is_repeated(
    clockwork: Clockwork, house: House, tmp_path: Path
) -> None:
    """Promise 4: kill -9 in the middle of a run; another has its job next."""
    (tenant,) = await clockwork.tenants(1)
    await clockwork.process().run_due()
    cluster, name = house.platform.cluster, clockwork.name
    assert killed(die_ticking, cluster, tmp_path, name, tenant.id)
    assert await clockwork.jobs(tenant) == [("dispatched", None)]
    await clockwork.touch(RECLAIM, tenant)
    assert await clockwork.work(tenant) == [tenant.id]
    assert await clockwork.jobs(tenant) == [("done", None)]


async def test_one_tenants_fault_is_no_others(clockwork: Clockwork) -> None:
    first, broken, last = await clockwork.tenants(3)
    clockwork.broken = broken.id
    await clockwork.process().run_due()
    with capture_logs() as logs:
        done = await clockwork.work(first, broken, last)
    assert done == [first.id, broken.id, last.id]
    (told,) = [it for it in logs if it["event"] == "job.failed"]
    assert (told["tenant_id"], told["error"]) == (str(broken.id), "LookupError")
    assert await clockwork.jobs(broken) == [("queued", "LookupError")]
    assert await clockwork.jobs(last) == [("done", None)]
    clockwork.broken = None
    await clockwork.touch(HURRY, broken)
    assert await clockwork.work(first, broken, last) == [broken.id]


async def test_a_home_that_is_away_is_no_other_tenants_fault(
    clockwork: Clockwork,
) -> None:
    """What cannot be queued is tried again when the lease is over."""
    first, broken, last = sorted(await clockwork.tenants(3), key=lambda it: it.id)
    scheduler = clockwork.process()
    queue = scheduler._queue

    async def fail(tenant_id: UUID, name: str) -> None:
        if tenant_id == broken.id:
            raise ConnectionError("away")
        await queue(tenant_id, name)

    with pytest.MonkeyPatch.context() as patch, capture_logs() as logs:
        patch.setattr(scheduler, "_queue", fail)
        assert await scheduler.run_due() == 2
    (told,) = [it for it in logs if it["event"] == "schedule.failed"]
    assert (told["tenant_id"], told["error"]) == (str(broken.id), "ConnectionError")
    errors = [it["error"] for it in await clockwork.runs()]
    assert errors == [None, "ConnectionError", None]
    clockwork.passed = LEASE
    assert (await scheduler.run_due(), await scheduler.run_due()) == (1, 0)
    assert [it["error"] for it in await clockwork.runs()] == [None] * 3
    done = await clockwork.work(first, broken, last)
    assert done == [first.id, broken.id, last.id]


async def test_who_is_suspended_or_without_the_app_is_left_alone(
    clockwork: Clockwork, house: House
) -> None:
    working, suspended, without = await clockwork.tenants(3)
    await house.platform.provisioning.suspend(suspended.id, "unpaid")
    app = clockwork.name
    await house.platform.installations.uninstall(without.id, app)
    assert await clockwork.process().run_due() == 1
    assert await clockwork.work(working, suspended, without) == [working.id]


async def test_who_leaves_while_the_job_waits_is_left_alone(
    clockwork: Clockwork, house: House
) -> None:
    suspended, without = await clockwork.tenants(2)
    assert await clockwork.process().run_due() == 2
    await house.platform.provisioning.suspend(suspended.id, "unpaid")
    await house.platform.installations.uninstall(without.id, clockwork.name)
    assert await clockwork.work(suspended, without) == []
    assert await clockwork.jobs(suspended) == [("queued", "the tenant is not active")]
