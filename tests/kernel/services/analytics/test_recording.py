"""Every sign-in is one event, and so is every one that failed."""

import asyncio
from datetime import timedelta

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.services.analytics.manifest import service
from insula.kernel.services.analytics.recording import (
    RECORD_FAILED,
    RECORD_LOGIN,
    RecordFailures,
    RecordLogin,
)
from insula.server.scheduler import run_schedule, system_context
from tests.house import House
from tests.kernel.services.analytics.people import EVENTS, People

pytestmark = pytest.mark.anyio
JOBS = Statement(
    "SELECT command, state FROM home__.jobs WHERE tenant_id = $1::text::uuid"
    " AND task = $2"
)
USER = Statement(
    "SELECT last_login_at, login_count FROM home__.users"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
ATTEMPTS = Statement(
    "SELECT id FROM home__.sign_in_throttles WHERE tenant_id = $1::text::uuid"
)
AGE = Statement(
    "UPDATE home__.sign_in_throttles SET failed_at = failed_at - $2::interval"
    " WHERE tenant_id = $1::text::uuid"
)
SESSIONS = Statement("SELECT id FROM home__.sessions WHERE tenant_id = $1::text::uuid")
SESSION = Statement(
    "SELECT id FROM home__.sessions WHERE tenant_id = $1::text::uuid"
    " AND user_id = $2 ORDER BY id DESC LIMIT 1"
)
CLIENTS_OWN = Statement(
    "UPDATE home__.sessions SET client_id = $2 WHERE tenant_id = $1::text::uuid"
)


async def record_failures(people: People) -> None:
    """Do the job now, which waits for others to fail."""
    platform = people.house.platform
    ctx = await system_context(platform, people.tenant.id)
    async with platform.engine.work(ctx) as work:
        await RECORD_FAILED.run(work, RecordFailures())


async def test_a_sign_in_becomes_one_event_by_a_job(house: House) -> None:
    """S4-23, S4-24: with who, how, when and from where; the user's row counts it."""
    people = await People.of(house)
    [before] = await people.rows(USER, people.ada)
    assert (await people.sign_in()).status == 200
    [user] = await people.rows(USER, people.ada)
    assert user["login_count"] == before["login_count"] + 1
    assert user["last_login_at"] > before["last_login_at"]
    assert len(await people.rows(EVENTS)) == 0  # a job does it
    await house.work(people.tenant)
    [event] = await people.rows(EVENTS)
    [session] = await people.rows(SESSION, people.ada)
    assert event["id"] == session["id"]
    assert (event["user_id"], event["succeeded"]) == (people.ada, True)
    assert (event["method"], event["reason"]) == ("pwd", None)
    assert event["created_at"] == user["last_login_at"]
    assert event["client"]


async def test_a_job_that_runs_again_writes_nothing_more(house: House) -> None:
    """S4-24: exactly once, whatever happens to the job."""
    people = await People.of(house)
    await people.sign_in()
    await house.work(people.tenant)
    [job] = await people.rows(JOBS, RECORD_LOGIN.name)
    [event] = await people.rows(EVENTS)
    platform = house.platform
    ctx = await system_context(platform, people.tenant.id)
    for _ in range(2):
        async with platform.engine.work(ctx) as work:
            await RECORD_LOGIN.run(work, RecordLogin(session=event["id"]))
    await people.night()
    ours = [it for it in await people.rows(EVENTS) if it["user_id"] == people.ada]
    assert job["state"] == "done"
    assert len([it for it in ours if it["id"] == event["id"]]) == 1


async def test_failures_are_recorded_together_and_once_each(house: House) -> None:
    """S4-24: with the reason that nobody was told; a flood of them is one job."""
    people = await People.of(house)
    await asyncio.gather(*(people.sign_in("wrong") for _ in range(4)))
    await people.sign_in("wrong", "nobody@acme.test")
    assert len(await people.rows(JOBS, RECORD_FAILED.name)) == 1
    for _ in range(3):
        await record_failures(people)
    events = await people.rows(EVENTS)
    assert {it["succeeded"] for it in events} == {False}
    told = sorted((it["reason"], it["user_id"]) for it in events)
    assert told == [("unknown", None)] + [("wrong_password", people.ada)] * 4
    await people.sign_in("wrong")
    await record_failures(people)
    assert len(await people.rows(EVENTS)) == 6


async def test_what_a_dying_process_lost_is_found_at_night(house: House) -> None:
    """S4-24: a session that was opened without its job, and a failure."""
    people = await People.of(house)  # whose sessions were opened without any
    await people.sign_in("wrong")
    assert not await people.rows(EVENTS)
    await people.night()
    events = await people.rows(EVENTS)
    opened = {it["id"] for it in await people.rows(SESSIONS)}
    assert {it["id"] for it in events if it["succeeded"]} == opened
    assert len(events) == len(opened) + 1
    await people.night()
    assert len(await people.rows(EVENTS)) == len(events)


async def test_what_a_client_does_for_somebody_is_no_sign_in(house: House) -> None:
    """S4-24: an application that acts for its user has sessions, too."""
    people = await People.of(house)
    await people.rows(CLIENTS_OWN, uuid7())
    await people.night()
    assert not await people.rows(EVENTS)


async def test_attempts_that_count_no_more_are_forgotten(house: House) -> None:
    """S4-13: every six hours; those that count stay."""
    people = await People.of(house)
    for email in ("", "x@acme.test"):
        await people.sign_in("wrong", email)
    for gone, left in ((timedelta(), 2), (timedelta(minutes=31), 0)):
        await people.rows(AGE, gone)
        await run_schedule(house.platform, service.schedules[1], people.tenant.id)
        assert len(await people.rows(ATTEMPTS)) == left
