"""Times of the day: where the tenant is, and once after a long absence."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.house import House
from tests.server.clockwork import Clockwork
from tests.server.ticking import ticking

pytestmark = pytest.mark.anyio
ZONE = """
UPDATE control.tenants SET settings = settings || jsonb_build_object('timezone', $2::text)
 WHERE id = $1"""
NIGHTLY = "0 3 * * *"


async def test_a_cron_line_is_in_the_tenants_time_zone(
    clockwork: Clockwork, house: House
) -> None:
    """Three in the night, where the tenant is; a zone that is none counts as UTC."""
    clockwork.at(NIGHTLY)
    zones: list[str | None] = [
        "Pacific/Auckland",
        "America/New_York",
        "Nowhere/Atall",
        None,
    ]
    tenants = sorted(await clockwork.tenants(4), key=lambda it: it.id)
    for tenant, zone in zip(tenants, zones, strict=True):
        if zone is not None:
            await house.platform.control.fetch(ZONE, tenant.id, zone)
    assert await clockwork.process().run_due() == 0
    nexts = [it["next_at"] for it in await clockwork.runs()]
    there = [
        ZoneInfo(it) for it in ("Pacific/Auckland", "America/New_York", "UTC", "UTC")
    ]
    local = [at.astimezone(zone) for at, zone in zip(nexts, there, strict=True)]
    assert [(it.hour, it.minute) for it in local] == [(3, 0)] * 4
    day = timedelta(days=1)
    assert all(timedelta() < at - clockwork.now() <= day for at in nexts)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2027-03-27T12:00+01:00", "2027-03-28T01:00Z"),  # the clock goes forward at 2
        ("2027-10-30T12:00+02:00", "2027-10-31T02:00Z"),  # and back at 3
        ("2027-07-01T03:00+02:00", "2027-07-02T01:00Z"),
    ],
)
def test_a_cron_line_keeps_its_hour_when_the_clock_changes(
    after: str, expected: str
) -> None:
    schedule = ticking("tick", Clockwork.tick, NIGHTLY).schedules[0]  # type: ignore[arg-type]  # never run
    moment = datetime.fromisoformat(after)
    found = schedule.following(moment, ZoneInfo("Europe/Berlin"))
    assert found == datetime.fromisoformat(expected)


async def test_a_long_absence_is_made_up_for_by_one_run(clockwork: Clockwork) -> None:
    clockwork.at(NIGHTLY)
    (tenant,) = await clockwork.tenants(1)
    scheduler = clockwork.process()
    assert await scheduler.run_due() == 0
    clockwork.passed = timedelta(days=30)
    assert (await scheduler.run_due(), await scheduler.run_due()) == (1, 0)
    assert await clockwork.work(tenant) == [tenant.id]
    clockwork.passed += timedelta(days=1)
    assert await scheduler.run_due() == 1
