"""Days of sign-ins: counted at night, read with today's, and counted again."""

from datetime import timedelta
from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.services.analytics.days import KEPT_FOR
from insula.kernel.services.analytics.statements import COUNT, KEPT, RECORD, USERS
from insula.server.scheduler import run_schedule
from tests.house import House
from tests.kernel.services.analytics.people import EVENTS, NIGHTLY, People

pytestmark = pytest.mark.anyio
MARCH = "?from=2026-03-02&to=2026-03-08"
SPOIL = Statement(
    "UPDATE home__.login_daily SET logins = 99, methods = '{}'"
    " WHERE tenant_id = $1::text::uuid"
)
INVENT = Statement(
    "INSERT INTO home__.login_daily (tenant_id, id, created_at, day, logins, users,"
    " failures, methods, reasons, hours) VALUES ($1::text::uuid, gen_random_uuid(),"
    " now(), $2, 7, 7, 7, '{}', '{}', '{}')"
)


async def a_week(people: People) -> None:
    """Sign-ins from Monday, 2 March 2026, on, in UTC."""
    ada, bob = people.ada, people.owner.actor_id
    await people.add("2026-03-02T08:00:00+00:00", ada)
    await people.add("2026-03-02T08:59:59+00:00", ada, "hwk")
    await people.add("2026-03-02T20:00:00+00:00", bob)
    await people.add("2026-03-02T23:30:00+00:00", ada, reason="wrong_password")
    await people.add("2026-03-04T23:30:00+00:00", bob, "mail")
    await people.add("2026-03-05T00:00:00+00:00", None, reason="unknown")


async def test_the_night_counts_the_days_that_are_over(house: House) -> None:
    """S4-25: today's are not over yet."""
    people = await People.of(house)
    await a_week(people)
    await people.night()
    days = await people.days()
    counted = {
        it["day"].isoformat(): (it["logins"], it["users"], it["failures"])
        for it in days
    }
    assert counted == {
        "2026-03-02": (3, 2, 1),
        "2026-03-04": (1, 1, 0),
        "2026-03-05": (0, 0, 1),
    }


async def test_days_that_are_counted_again_are_the_same(house: House) -> None:
    """S4-26: the events are the truth, whatever has become of the counts."""
    people = await People.of(house, "Europe/Berlin")
    await a_week(people)
    await people.night()
    before = await people.days()
    await people.rows(SPOIL)
    assert await people.days() != before
    answer = await people.owner.post("analytics/logins/rebuild")
    assert answer.status == 202
    await house.work(people.tenant)
    assert await people.days() == before
    assert len(before) == 3


async def test_counting_again_keeps_days_whose_events_are_gone(house: House) -> None:
    """S4-26: events are kept for 400 days, counts for ever."""
    people = await People.of(house)
    long_ago = now() - KEPT_FOR - timedelta(days=2)
    await people.add((long_ago + timedelta(days=3)).isoformat(), people.ada)
    await people.add(long_ago.isoformat(), people.ada)
    await people.rows(INVENT, long_ago.date())
    await people.night()
    await people.owner.post("analytics/logins/rebuild")
    await house.work(people.tenant)
    kept = {it["day"]: it["logins"] for it in await people.days()}
    assert kept[long_ago.date()] == 7
    assert kept[(long_ago + timedelta(days=3)).date()] == 1
    times = [it["created_at"] for it in await people.rows(EVENTS)]
    assert min(times) > long_ago


async def test_a_late_event_is_counted_the_night_after(house: House) -> None:
    """S4-25: it belongs to a day that was counted already."""
    people, yesterday = await People.of(house), now() - timedelta(days=1)
    await people.add(yesterday.isoformat(), people.ada)
    await people.night()
    await people.add(yesterday.isoformat(), people.ada)
    await people.night()
    [day] = [it for it in await people.days() if it["day"] == yesterday.date()]
    assert day["logins"] == 2


async def test_a_day_is_told_as_it_was(house: House) -> None:
    """S4-27: days, people, reasons and methods, with zeros where nothing happened."""
    people = await People.of(house)
    await a_week(people)
    for _ in range(2):  # counted as it is asked for, then as it was kept
        daily = await people.told("daily", MARCH)
        assert (daily["first"], daily["last"]) == ("2026-03-02", "2026-03-08")
        assert [it["logins"] for it in daily["days"]] == [3, 0, 1, 0, 0, 0, 0]
        assert [it["users"] for it in daily["days"]] == [2, 0, 1, 0, 0, 0, 0]
        assert [it["failures"] for it in daily["days"]] == [1, 0, 0, 1, 0, 0, 0]
        failures = await people.told("failures", MARCH)
        assert failures["failures"] == 2
        assert failures["reasons"] == {"wrong_password": 1, "unknown": 1}
        methods = await people.told("methods", MARCH)
        assert methods["methods"] == {"pwd": 2, "hwk": 1, "mail": 1}
        await people.night()


async def test_people_are_counted_once_and_the_most_frequent_named(
    house: House,
) -> None:
    """S4-27: unique over the whole time, which days cannot tell."""
    people = await People.of(house)
    await a_week(people)
    told = await people.told("users", MARCH)
    assert told["unique_users"] == 2
    assert [(it["id"], it["logins"]) for it in told["users"]] == [
        (str(it), 2) for it in sorted((people.ada, people.owner.actor_id), key=str)
    ]
    assert all(it["name"] for it in told["users"])


@pytest.mark.parametrize(
    ("zone", "busy"),
    [
        (None, {(0, 8): 2, (0, 20): 1, (2, 23): 1}),
        ("Europe/Berlin", {(0, 9): 2, (0, 21): 1, (3, 0): 1}),
        ("Pacific/Auckland", {(0, 21): 2, (1, 9): 1, (3, 12): 1}),
        ("No/Where", {(0, 8): 2, (0, 20): 1, (2, 23): 1}),
    ],
)
async def test_the_hours_of_a_week_are_those_of_the_tenant(
    house: House, zone: str | None, busy: dict[tuple[int, int], int]
) -> None:
    """S4-27: rows from Monday on, in its own time zone; kept, or counted just now."""
    people = await People.of(house, zone)
    await a_week(people)
    for _ in range(2):
        told = await people.told("hours", MARCH)
        hours = {
            (day, hour): number
            for day, row in enumerate(told["hours"])
            for hour, number in enumerate(row)
            if number
        }
        assert hours == busy
        assert told["logins"] == 4
        await people.night()


async def test_the_last_thirty_days_are_told_unless_said_otherwise(
    house: House,
) -> None:
    """S4-27: today among them, though its night has not come."""
    people = await People.of(house)
    await people.sign_in()
    await house.work(people.tenant)
    await people.night()
    daily = await people.told("daily")
    assert len(daily["days"]) == 30
    assert daily["days"][-1]["logins"] >= 1


async def test_nobody_reads_the_sign_ins_of_others(house: House) -> None:
    """S4-27: not another tenant, nor who may not."""
    people, others = await People.of(house), await People.of(house)
    await a_week(people)
    member = await house.user(people.tenant, "member")
    for path in ("daily", "users", "failures", "methods", "hours"):
        theirs = await others.told(path, MARCH)
        counted = (theirs.get(it) for it in ("logins", "failures", "unique_users"))
        assert not any(counted)
        assert not any(it["logins"] for it in theirs.get("days", ()))
        assert (await member.get(f"analytics/logins/{path}")).status == 403
    assert (await member.post("analytics/logins/rebuild")).status == 403


@pytest.mark.parametrize(
    "query",
    [
        "?from=yesterday",
        "?from=2026-03-08&to=2026-03-02",
        "?from=2024-01-01&to=2026-01-01",
        "?to=9999-12-31",
        "?from=0001-01-01",
        "?from=",
        "?to=2026-02-30",
        "?from=1999-01-01&to=1999-02-01",
    ],
)
async def test_days_that_make_no_sense_are_refused(house: House, query: str) -> None:
    """Never a fault."""
    owner = await house.user(await house.tenant(apps=()))
    for path in ("daily", "users"):
        answer = await owner.get(f"analytics/logins/{path}{query}")
        assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_statements_read_no_more_than_they_tell_of(house: House) -> None:
    """S4-27: by indexes, however many events there are of other tenants and days."""
    people = await People.of(house)
    many = Statement(
        "INSERT INTO home__.login_events (tenant_id, id, created_at, succeeded, method)"
        " SELECT $1::text::uuid, gen_random_uuid(),"
        " '2025-10-01T00:00:00Z'::timestamptz + n * interval '20 minutes', true, 'pwd'"
        " FROM generate_series(1, 8000) n"
    )
    await people.rows(many)
    await a_week(people)
    first = (await people.rows(EVENTS))[0]["created_at"].date()
    span = ("UTC", first + timedelta(days=3), first + timedelta(days=4))
    asked: list[tuple[Statement, tuple[Any, ...]]] = [
        (COUNT, span),
        (USERS, (*span, 100)),
        (KEPT, span[1:]),
        (RECORD, (uuid7(),)),
    ]
    for statement, args in asked:
        explain = Statement(f"EXPLAIN (COSTS OFF) {statement.text}")
        plan = "\n".join(row[0] for row in await people.rows(explain, *args))
        assert "Seq Scan on login_" not in plan, plan
        assert "Index" in plan
    assert NIGHTLY.cron is not None
    await run_schedule(house.platform, NIGHTLY, people.tenant.id)
