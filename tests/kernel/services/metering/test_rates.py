"""A tenant can read how often it was asked, hour by hour, and nobody else can."""

import asyncio
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import DatabaseAway
from insula.kernel.foundation.clock import now
from insula.kernel.services.metering.manifest import service
from insula.kernel.services.metering.resource import KEPT
from insula.kernel.tenancy.signals import TenantNotFound
from insula.server.scheduler import run_schedule
from tests.house import Caller, House
from tests.kernel.services.metering.rated import HOUR, Served

pytestmark = pytest.mark.anyio
RATES = "request-rates?sort=hour"


async def rates(caller: Caller, path: str = RATES) -> list[Any]:
    """The hours that there are, the oldest first."""
    found: list[Any] = (await caller.get(path)).data
    return found


@pytest.mark.parametrize("mode", list(Isolation))
async def test_requests_are_stored_with_their_tenant(
    house: House, mode: Isolation
) -> None:
    """S4-50: in its home, whichever that is; through the application and its observer."""
    served = Served(house)
    owner = await house.user(await house.tenant(mode))
    async with served.http:
        asking = served.caller(owner)
        for path in ("maintenance/assets", "maintenance/assets?nonsense=1"):
            await asking.get(path)
    await served.meter.write()
    [row] = await rates(owner)
    assert row["type"] == "request_rate"
    assert row["hour"] == "2026-06-01T12:00:00Z"
    counted = {key: row[key] for key in ("requests", "errors", "limited", "refused")}
    assert counted == {"requests": 2, "errors": 0, "limited": 0, "refused": 1}


async def test_errors_limits_and_slowness_are_told_apart(house: House) -> None:
    """S4-50."""
    served, tenant = Served(house), await house.tenant()
    served.count(tenant, 200, 201, 304, 404, 422, 429, 500, 503, seconds=0.25)
    served.count(tenant, 200, seconds=2.0)
    await served.meter.write()
    [row] = await rates(await house.user(tenant))
    assert (row["requests"], row["errors"], row["limited"]) == (9, 2, 1)
    assert (row["refused"], row["milliseconds"], row["slow"]) == (2, 4000, 1)


async def test_processes_add_to_the_same_hour(house: House) -> None:
    """S4-50: at the same time, and none overwrites what another has written."""
    tenant, processes = await house.tenant(), [Served(house) for _ in range(4)]
    for _ in range(5):
        for served in processes:
            served.count(tenant, 200, 500)
        await asyncio.gather(*(served.meter.write() for served in processes))
    [row] = await rates(await house.user(tenant))
    assert (row["requests"], row["errors"]) == (40, 20)


async def test_hours_can_be_filtered(house: House) -> None:
    """S4-50."""
    served, tenant = Served(house), await house.tenant()
    for _ in range(3):
        served.count(tenant, 200)
        served.now += HOUR
    await served.meter.write()
    owner = await house.user(tenant)
    assert len(await rates(owner)) == 3
    path = f"{RATES}&filter=hour=ge=2026-06-01T13:00:00Z"
    hours = [row["hour"] for row in await rates(owner, path)]
    assert hours == ["2026-06-01T13:00:00Z", "2026-06-01T14:00:00Z"]


async def test_nobody_else_reads_or_writes_them(house: House) -> None:
    """S4-50: not the neighbour, not who has no right to, and nobody changes them."""
    served, mine = Served(house), await house.tenant()
    served.count(mine, 200)
    await served.meter.write()
    owner, other = await house.user(mine), await house.user(await house.tenant())
    assert await rates(other) == []
    [row] = await rates(owner)
    path = f"request-rates/{row['id']}"
    assert (await other.get(path)).status == 404
    nobody = await house.user(mine, "maintenance.technician")
    assert (await nobody.get("request-rates")).status == 403
    assert (await owner.patch(path, {"requests": 0})).status == 405


async def test_what_could_not_be_written_is_written_later(house: House) -> None:
    """S4-50."""
    served, tenant = Served(house), await house.tenant()
    served.away = DatabaseAway()
    served.count(tenant, 200)
    await served.meter.write()
    served.count(tenant, 200)
    served.away = None
    for _ in range(2):
        await served.meter.write()
    [row] = await rates(await house.user(tenant))
    assert row["requests"] == 2


async def test_a_process_that_ends_writes_what_it_has(house: House) -> None:
    """S4-50."""
    served, tenant = Served(house), await house.tenant()
    await served.meter.start()
    served.count(tenant, 200)
    await served.meter.stop()
    [row] = await rates(await house.user(tenant))
    assert row["requests"] == 1


async def test_memory_is_bounded_and_what_is_lost_is_counted(house: House) -> None:
    """S4-50: a home that is away for long fills no server's memory."""
    served, tenants = Served(house, most=1), [await house.tenant() for _ in range(2)]
    served.count(tenants[0], 200, 200)
    served.count(tenants[1], 200, 200, 200)
    assert served.meter.lost == 3
    served.away = TenantNotFound()
    await served.meter.write()
    served.away = None
    served.count(tenants[1], 200)
    await served.meter.write()
    counts = [len(await rates(await house.user(it))) for it in tenants]
    assert counts == [0, 1]


async def test_hours_are_forgotten_after_ninety_days(house: House) -> None:
    """S4-50."""
    served, tenant = Served(house), await house.tenant()
    moment = now().timestamp()
    for days in (91, 89, 0):
        served.now = moment - days * 24 * HOUR
        served.count(tenant, 200)
    await served.meter.write()
    [prune] = service.schedules
    await run_schedule(house.platform, prune, tenant.id)
    assert KEPT.days == 90
    assert len(await rates(await house.user(tenant))) == 2
