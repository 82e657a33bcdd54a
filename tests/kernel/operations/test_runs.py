"""A job that is run is counted, by its queue and by what became of it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from insula.kernel.jobs.dispatching import Dispatcher
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.tally import tallies_of
from insula.kernel.jobs.tickets import Ticket
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Again, Chunked, Progress, Task
from insula.kernel.resource.unit import WorkContext
from insula.server.scheduler import system_context
from insula.server.worker import Worker, make_relay
from tests.house import House

pytestmark = pytest.mark.anyio


class Nothing(Command):
    """Nothing to be said."""


async def _run(_: WorkContext, __: Nothing) -> None:
    """Do nothing, successfully."""


async def _fail(_: WorkContext, __: Nothing) -> None:
    raise LookupError


async def _again(_: WorkContext, __: Nothing) -> None:
    raise Again(delay=timedelta(hours=1), reason="not yet")


async def _chunk(_: WorkContext, __: Nothing, progress: Progress) -> bool:
    progress.done += 1
    return progress.done > 1


def _task(run: Callable[..., Awaitable[Any]], **more: Any) -> Task:
    kind = Chunked if run is _chunk else Task
    return kind(
        name="count.it",
        command=Nothing,
        run=run,
        queue=Queue.sync,
        backoff=(60,),
        **more,
    )


@pytest.fixture
def tasks(house: House) -> Iterator[dict[str, Task]]:
    """The engine's tasks, to which a test may add its own."""
    known: Any = house.platform.engine.tasks
    yield known
    known.pop("count.it", None)


async def turn(house: House, worker: Worker, task: Task) -> dict[tuple[str, str], int]:
    """Ask for a job, run what is due once; the tally of the worker."""
    tenant, platform = await house.tenant(), house.platform
    async with platform.engine.work(await system_context(platform, tenant.id)) as work:
        work.enqueue(task, Nothing())
    issued: list[Ticket] = []

    async def issue(tickets: Sequence[Ticket], _: int) -> None:
        issued.extend(it for it in tickets if it.queue is Queue.sync)

    relay = make_relay(platform, Dispatcher({}, issue))
    await relay.turn(platform.open_session(tenant.home, tenant.id), tenant.id)
    for ticket in issued:
        await worker._handle(ticket)
    return {
        it: times.count for it, times in tallies_of(worker.figures().items()).items()
    }


@pytest.mark.parametrize(
    ("run", "outcome"),
    [(_run, "done"), (_fail, "failed"), (_again, "again"), (_chunk, "again")],
)
async def test_a_run_is_counted_by_what_became_of_it(
    house: House, tasks: dict[str, Task], run: Callable[..., Any], outcome: str
) -> None:
    """S0-66: the worker's figures are what it beats into its row."""
    task = tasks["count.it"] = _task(run)
    found = await turn(house, Worker(house.platform), task)
    assert found == {("sync", outcome): 1}


async def test_a_dead_letter_is_counted(house: House, tasks: dict[str, Task]) -> None:
    """S0-66: who may not is not tried again."""
    task = tasks["count.it"] = Task(
        name="count.it", command=Nothing, run=_fail, queue=Queue.sync, backoff=()
    )
    assert await turn(house, Worker(house.platform), task) == {("sync", "dead"): 1}
