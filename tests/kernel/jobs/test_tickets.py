"""Tickets: each is good for one run of one job, however many there are of it."""

import asyncio
from datetime import timedelta

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.settings import Settings
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.tickets import Ticket
from insula.kernel.resource.tasks import Again, Task
from insula.kernel.resource.unit import WorkContext
from insula.server.worker import make_runner
from tests.kernel.jobs.test_jobs import Bench, Say, bench

__all__ = ["bench"]

pytestmark = pytest.mark.anyio

LOCK = Statement(
    "SELECT 1 FROM home__.jobs WHERE tenant_id = $1::text::uuid FOR UPDATE"
)


async def ticket_for(bench: Bench) -> Ticket:
    """A ticket for the only job, as the relay would issue it now."""
    (job,) = await bench.jobs()
    return Ticket(bench.tenant.id, job["id"], job["version"], Queue.default)


async def test_a_ticket_of_an_earlier_run_does_nothing(bench: Bench) -> None:
    """Its worker was thought dead; what waits for its time is not run before it."""

    async def later(_: WorkContext, command: Say) -> None:
        bench.said.append(command.word)
        raise Again(timedelta(hours=1), "not yet")

    await bench.ask(bench.task(run=later))
    ticket, runner = await ticket_for(bench), make_runner(bench.house.platform)
    for _ in range(2):
        await runner.handle(ticket)
    assert bench.said == ["hello"]
    await runner.handle(await ticket_for(bench))
    assert bench.said == ["hello", "hello"]


async def test_a_ticket_that_comes_before_the_commit_waits_for_it(
    bench: Bench,
) -> None:
    """Else it would be lost, and its job would wait for minutes."""
    await bench.ask(bench.task())
    ticket, runner = await ticket_for(bench), make_runner(bench.house.platform)
    session = bench.house.platform.open_session(bench.tenant.home, bench.tenant.id)
    async with session.transaction() as relay:
        await relay.fetch(LOCK)
        running = asyncio.create_task(runner.handle(ticket))
        await asyncio.wait([running], timeout=0.2)
        assert bench.said == []
    await running
    assert bench.said == ["hello"]


async def test_two_tickets_of_one_run_are_one_run(bench: Bench) -> None:
    await bench.ask(bench.task())
    ticket, runner = await ticket_for(bench), make_runner(bench.house.platform)
    await asyncio.gather(*(runner.handle(ticket) for _ in range(3)))
    assert bench.said == ["hello"]


async def test_a_job_that_takes_too_long_is_cut_off_and_tried_again(
    bench: Bench,
) -> None:
    """S1-42: after 60 seconds unless its task says otherwise; workers have nice 0."""

    async def hang(_: WorkContext, __: Say) -> None:
        await asyncio.sleep(30)

    assert Task(name="try.it", command=Say, run=hang).timeout == 60
    assert Settings().worker_nice == 0
    await bench.ask(bench.task(run=hang, timeout=0.1))
    assert await bench.work() == 1
    (job,) = await bench.jobs()
    assert (job["state"], job["attempts"]) == ("queued", 1)
    assert "longer than 0.1 seconds" in job["error"]
