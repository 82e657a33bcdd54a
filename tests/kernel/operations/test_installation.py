"""What no process knows by itself: the queues, and what all worker processes have done."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.roster import DEPARTED, Roster, read_roster
from insula.kernel.jobs.tally import Outcome, Tally
from insula.kernel.jobs.tickets import Issuer, Ticket, install
from insula.kernel.operations.installation import Installation
from insula.kernel.operations.metrics import Metrics
from insula.server.platform import Platform
from tests.kernel.operations.scraped import Scraped

pytestmark = pytest.mark.anyio


class Fleet:
    """The figures of the tests' installation, and worker processes made by a test."""

    def __init__(self, platform: Platform) -> None:
        self.fetch = platform.control.fetch
        self.metrics = Metrics(version="1")
        self.metrics.ask(Installation(self.fetch, 2).families)

    async def page(self) -> Scraped:
        """What Prometheus is told now."""
        return Scraped((await self.metrics.read())[1])

    async def worker(self, **figures: float) -> Roster:
        """A worker process that has done so much."""
        roster = Roster(self.fetch, uuid7(), "here", 1)
        await roster.beat(figures)
        return roster


@pytest.fixture
async def fleet(platform: Platform) -> AsyncIterator[Fleet]:
    """A fleet without any process yet."""
    await platform.control.fetch("DELETE FROM control.workers")
    yield Fleet(platform)
    await platform.control.fetch("DELETE FROM control.workers")


@pytest.fixture
async def tickets(platform: Platform) -> AsyncIterator[Issuer]:
    """The queue engine's door, with nothing in the queues."""
    cluster = platform.cluster
    async with opened(cluster.owner(cluster.control)) as owner:
        await install(owner, cluster.roles.app)
    await platform.control.fetch("DELETE FROM queue.pgqueuer")
    issuer = Issuer(cluster.app(cluster.control))
    yield issuer
    issuer.close()
    await platform.control.fetch("DELETE FROM queue.pgqueuer")


def tally(*runs: tuple[Queue, Outcome, float]) -> dict[str, float]:
    """The figures of a process that has run these."""
    made = Tally()
    for queue, outcome, seconds in runs:
        made.count(queue.value, outcome, seconds)
    return made.figures()


async def test_the_depth_of_each_queue_and_the_age_of_its_oldest(
    fleet: Fleet, tickets: Issuer, platform: Platform
) -> None:
    """S0-66, S2-131: queues without a ticket say 0."""
    await tickets.issue([Ticket(uuid7(), uuid7(), 1, Queue.email) for _ in range(3)])
    await platform.control.fetch(
        "UPDATE queue.pgqueuer SET created = created - interval '90 seconds'"
        " WHERE id = (SELECT min(id) FROM queue.pgqueuer)"
    )
    page = await fleet.page()
    assert page.value("queue_tickets", queue="email", state="queued") == 3
    assert page.value("queue_tickets", queue="sync", state="queued") == 0
    assert page.value("queue_tickets", queue="email", state="picked") == 0
    age = page.value("queue_oldest_seconds", queue="email", state="queued")
    assert 90 <= age < 150
    assert page.value("queues_readable") == 1


async def test_the_processing_time_of_jobs_is_that_of_all_workers(fleet: Fleet) -> None:
    """S0-66: by queue and outcome, and the dead letters among them."""
    done, dead = (Queue.email, Outcome.done), (Queue.email, Outcome.dead)
    await fleet.worker(**tally((*done, 0.2), (*done, 20.0), (*dead, 3.0)))
    await fleet.worker(**tally((*done, 0.2), (Queue.sync, Outcome.failed, 1.0)))
    page, name = await fleet.page(), "job_duration_seconds"
    assert page.value(f"{name}_count", queue="email", outcome="done") == 3
    assert page.value(f"{name}_sum", queue="email", outcome="done") == pytest.approx(
        20.4
    )
    assert 10 < page.quantile(0.99, name, queue="email", outcome="done") <= 30
    assert page.value(f"{name}_count", queue="sync", outcome="failed") == 1
    assert page.value("jobs_dead_total", queue="email") == 1
    assert page.value("jobs_dead_total", queue="sync") == 0
    assert page.value("workers_alive") == 2


async def test_what_a_worker_did_outlives_it(fleet: Fleet) -> None:
    """S0-66: a sum that fell would look to Prometheus like many new jobs."""
    figures = tally((Queue.sync, Outcome.done, 0.3))
    for _ in range(3):
        await (await fleet.worker()).leave(figures)
    await fleet.worker(**figures)
    page, name = await fleet.page(), "job_duration_seconds"
    assert page.value(f"{name}_count", queue="sync", outcome="done") == 4
    assert page.value(f"{name}_sum", queue="sync", outcome="done") == pytest.approx(1.2)
    assert page.value("workers_alive") == 1


async def test_a_worker_that_fell_silent_is_counted_out_by_the_next_that_goes(
    fleet: Fleet, platform: Platform
) -> None:
    await fleet.worker(**tally((Queue.sync, Outcome.done, 0.3)))
    silence = "UPDATE control.workers SET seen_at = now() - interval '2 hours'"
    await platform.control.fetch(silence)
    assert (await fleet.page()).value("workers_alive") == 0
    for _ in range(2):
        await (await fleet.worker()).leave({})
    rows = await platform.control.fetch("SELECT id FROM control.workers")
    assert [row["id"] for row in rows] == [DEPARTED]
    count = "job_duration_seconds_count"
    assert (await fleet.page()).value(count, queue="sync", outcome="done") == 1


async def test_slow_statements_of_jobs_are_told_by_tenant_and_never_too_many(
    fleet: Fleet,
) -> None:
    """S0-68, R28: two tenants may have a label here, and the departed have none."""
    one, two, three = sorted(str(uuid7()) for _ in range(3))
    workers = [await fleet.worker(**{f"slow|{it}": 2}) for it in (one, two, three)]
    await fleet.worker(**{f"slow|{one}": 3})
    await workers[2].leave({f"slow|{three}": 2})
    page, name = await fleet.page(), "worker_slow_queries_total"
    found = {
        it: page.value(name, tenant_id=it) for it in page.labels(name, "tenant_id")
    }
    assert found == {one: 5, two: 2, "other": 2}


async def test_a_beat_without_news_keeps_the_figures(fleet: Fleet) -> None:
    figures = tally((Queue.sync, Outcome.done, 0.3))
    roster = await fleet.worker(**figures)
    assert await roster.beat(dict(figures)) == 1
    assert dict((await read_roster(fleet.fetch)).figures) == figures


async def test_the_page_is_there_when_the_control_database_is_not() -> None:
    async def away(*_: object) -> Any:
        raise asyncpg.CannotConnectNowError

    metrics = Metrics(version="1")
    metrics.ask(Installation(away).families)
    page = Scraped((await metrics.read())[1])
    assert page.value("queues_readable") == 0
    assert page.value("insula_build_info", version="1") == 1
