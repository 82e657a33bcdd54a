"""Routines become work orders ahead of time: each occurrence once, come what may."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError

from insula.apps.maintenance.occurrences import generate
from insula.apps.maintenance.work_orders import WorkOrder
from insula.kernel.foundation.errors import Invalid
from tests.apps.maintenance.plant import Plant


class Killed(BaseException):
    """Stands for the end of the process."""


def today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


async def run(plant: Plant, until: date | None = None) -> int:
    """Generate as a schedule does."""
    async with plant.work() as work:
        return await generate(work, until)


async def generate_and_die(plant: Plant) -> None:
    """Do all the work, but be killed before the commit."""
    async with plant.work() as work:
        await generate(work)
        raise Killed


async def days(plant: Plant) -> list[str]:
    """The days of all orders, the first first."""
    orders = await plant.every("work_orders", per_page="100")
    return sorted(order["occurrence_on"] for order in orders)


async def test_orders_are_made_within_the_lead_time(plant: Plant) -> None:
    await plant.routine(rrule="FREQ=DAILY", lead_days=3)
    assert await run(plant) == 4
    expected = [str(today() + timedelta(days=it)) for it in range(4)]
    assert await days(plant) == expected


async def test_no_occurrence_is_made_twice(plant: Plant) -> None:
    await plant.routine(rrule="FREQ=DAILY", lead_days=3)
    await run(plant)
    assert await run(plant, today() + timedelta(days=5)) == 2
    assert await run(plant) == 0
    assert len(await days(plant)) == 6


async def test_a_run_that_is_killed_leaves_nothing_half_done(plant: Plant) -> None:
    checklist = await plant.checklist("No leaks", "Oil level")
    await plant.routine(rrule="FREQ=DAILY", lead_days=3, checklist_id=checklist)
    with pytest.raises(Killed):
        await generate_and_die(plant)
    assert await days(plant) == []
    await run(plant)
    assert len(await days(plant)) == 4
    assert len(await plant.every("work_items", per_page="100")) == 8


async def test_what_was_missed_is_made_up_for_once(plant: Plant) -> None:
    start = today() - timedelta(days=30)
    await plant.routine(rrule="FREQ=WEEKLY", starts_on=str(start), lead_days=0)
    await run(plant)
    assert await days(plant) == [str(start + timedelta(days=28))]


async def test_a_cancelled_occurrence_stays_cancelled(plant: Plant) -> None:
    await plant.routine(rrule="FREQ=DAILY", lead_days=0)
    await run(plant)
    (order,) = await plant.every("work_orders")
    await plant.ask("work_orders.cancel", order["id"])
    assert await run(plant) == 0


async def test_two_runs_at_once_make_no_occurrence_twice(plant: Plant) -> None:
    await plant.routine(rrule="FREQ=DAILY", lead_days=9)
    made = await asyncio.gather(run(plant), run(plant), run(plant))
    assert sorted(made) == [0, 0, 10]


async def test_what_is_in_the_trash_needs_no_work(plant: Plant) -> None:
    asset = await plant.asset()
    await plant.routine(asset_id=asset)
    await plant.ask("assets.delete", asset)
    assert await run(plant) == 0
    await plant.ask("assets.restore", asset)
    assert await run(plant) > 0


async def test_a_routine_that_is_not_active_makes_nothing(plant: Plant) -> None:
    """S1-65."""
    await plant.routine(active=False)
    assert await plant.every("routines", scope="active") == []
    assert await run(plant) == 0


async def finish(plant: Plant, order_id: str) -> None:
    """Take an order all the way."""
    await plant.ask("work_orders.schedule", order_id, due_at="2027-01-01T12:00:00Z")
    await plant.ask("work_orders.start", order_id)
    await plant.ask("work_orders.finish", order_id)


async def test_after_completion_the_next_is_counted_from_that_day(plant: Plant) -> None:
    start = today() - timedelta(days=45)
    await plant.routine(
        rrule="FREQ=DAILY;INTERVAL=10",
        starts_on=str(start),
        based_on="completion",
        lead_days=30,
    )
    await run(plant)
    assert await run(plant) == 0, "one is still to be done"
    (order,) = await plant.every("work_orders")
    await finish(plant, order["id"])
    await run(plant)
    assert await days(plant) == [
        str(start + timedelta(days=40)),
        str(today() + timedelta(days=10)),
    ]


async def test_an_order_keeps_its_copy_when_the_checklist_changes(plant: Plant) -> None:
    checklist = await plant.checklist("No leaks")
    await plant.routine(rrule="FREQ=DAILY", lead_days=0, checklist_id=checklist)
    await run(plant)
    (item,) = await plant.every("checklist_items")
    await plant.ask("checklist_items.update", item["id"], label="No drops")
    assert [it["label"] for it in await plant.every("work_items")] == ["No leaks"]


async def test_a_year_ahead_has_every_month_end(plant: Plant) -> None:
    await plant.routine(rrule="FREQ=MONTHLY;BYMONTHDAY=-1")
    year = today().year + 1
    await run(plant, date(year, 12, 31))
    found = [day for day in await days(plant) if day.startswith(str(year))]
    assert len(found) == 12


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rrule", "FREQ=SECONDLY"),
        ("rrule", "FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2"),
        ("tz", "Mars/Base"),
        ("starts_on", "0001-01-01"),
        ("lead_days", 400),
    ],
)
async def test_a_routine_that_cannot_be_followed_is_refused(
    plant: Plant, field: str, value: object
) -> None:
    with pytest.raises(ValidationError) as refused:
        await plant.routine(**{field: value})
    assert [it["loc"] for it in refused.value.errors()] == [(field,)]


async def test_a_routine_is_for_an_asset_or_a_category(plant: Plant) -> None:
    with pytest.raises(Invalid) as refused:
        await plant.routine(category=None)
    assert [it.code for it in refused.value.fields] == ["asset_or_category"]


async def test_the_database_itself_refuses_an_occurrence_twice(plant: Plant) -> None:
    await plant.routine(rrule="FREQ=DAILY", lead_days=0)
    await run(plant)
    (order,) = await plant.rows(WorkOrder)
    with pytest.raises(Invalid) as refused:
        await plant.make(
            "work_orders",
            title="Again",
            routine_id=str(order.routine_id),
            occurrence_on=str(order.occurrence_on),
        )
    assert {it.code for it in refused.value.fields} == {"occurrence_exists"}
