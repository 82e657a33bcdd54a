"""Jobs: done once, tried again as promised, with the rights of whoever asked."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Unpack

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.jobs.dispatching import Rate
from insula.kernel.resource.asking import Terms
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Again, Chunked, Errand, Progress, Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.tenancy.tenant import Tenant
from insula.server.scheduler import system_context
from tests.house import Caller, House

pytestmark = pytest.mark.anyio

JOBS = Statement(
    "SELECT * FROM home__.jobs WHERE tenant_id = $1::text::uuid"
    " AND task LIKE 'try.%' ORDER BY id"
)
PASS = Statement(
    "UPDATE home__.jobs SET run_at = run_at - $2::interval"
    " WHERE tenant_id = $1::text::uuid"
)


class Say(Command):
    """What to say."""

    word: str = "hello"


class Bench:
    """Tasks made by a test, a tenant, and what its jobs did."""

    def __init__(self, house: House, tenant: Tenant) -> None:
        self.house, self.tenant = house, tenant
        self.said: list[str] = []
        self.added: list[str] = []

    def register(self, task: Task) -> Task:
        """Have the engine know a task."""
        tasks: Any = self.house.platform.engine.tasks
        tasks[task.name] = task
        self.added.append(task.name)
        return task

    def task(self, name: str = "try.say", **more: Any) -> Task:
        """A task that says its word."""

        async def say(_: WorkContext, command: Say) -> None:
            self.said.append(command.word)

        return self.register(Task(**{"name": name, "command": Say, "run": say, **more}))

    async def ask(self, task: Task, *words: str, **terms: Unpack[Terms]) -> None:
        """Ask for a job a word."""
        platform = self.house.platform
        ctx = await system_context(platform, self.tenant.id)
        async with platform.engine.work(ctx) as work:
            for word in words or ("hello",):
                work.enqueue(task, Say(word=word), **terms)

    async def work(self) -> int:
        """Do what is due."""
        return await self.house.work(self.tenant)

    async def fetch(self, statement: Statement, *args: object) -> list[Any]:
        """Rows of the tenant."""
        session = self.house.platform.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            return list(await transaction.fetch(statement, *args))

    async def jobs(self) -> list[Any]:
        """The jobs that there are."""
        return await self.fetch(JOBS)

    async def wait(self, time: timedelta) -> None:
        """Let time pass."""
        await self.fetch(PASS, time)


@pytest.fixture(params=list(Isolation))
async def bench(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Bench]:
    """A bench in each mode of isolation."""
    made = Bench(house, await house.tenant(request.param))
    await made.work()
    yield made
    tasks: Any = house.platform.engine.tasks
    for name in made.added:
        tasks.pop(name, None)


async def test_a_job_is_done_once(bench: Bench) -> None:
    """S1-36: it enters its tenant, and leaves it."""
    await bench.ask(bench.task())
    assert [await bench.work(), await bench.work()] == [1, 0]
    (job,) = await bench.jobs()
    assert (bench.said, job["state"], job["attempts"]) == (["hello"], "done", 1)


async def test_a_job_is_tried_four_times_after_60_300_900_seconds(
    bench: Bench,
) -> None:
    """S0-62, S1-41, R23: tries and backoff; then it is a dead letter."""

    async def fail(_: WorkContext, __: Say) -> None:
        raise LookupError("on purpose")

    await bench.ask(bench.task(run=fail))
    for seconds in (60, 300, 900):
        assert await bench.work() == 1
        (job,) = await bench.jobs()
        left = job["run_at"] - now()
        assert timedelta(seconds=seconds - 5) < left <= timedelta(seconds=seconds)
        await bench.wait(timedelta(seconds=seconds))
    assert await bench.work() == 1
    (job,) = await bench.jobs()
    assert (job["state"], job["attempts"], job["error"]) == ("failed", 4, "LookupError")


async def test_what_failed_left_nothing_behind(bench: Bench) -> None:
    async def half(ctx: WorkContext, _: Say) -> None:
        ctx.enqueue(other, Say())
        await ctx.flush()
        raise LookupError("on purpose")

    other = bench.task("try.other")
    await bench.ask(bench.task(run=half))
    await bench.work()
    assert [job["task"] for job in await bench.jobs()] == ["try.say"]


async def test_a_unique_job_is_not_doubled(bench: Bench) -> None:
    task = bench.task()
    for _ in range(3):
        await bench.ask(task, unique="one")
    assert await bench.work() == 1
    await bench.ask(task, unique="one")
    assert await bench.work() == 1


async def test_a_delayed_job_waits(bench: Bench) -> None:
    await bench.ask(bench.task(), delay=timedelta(hours=1))
    assert await bench.work() == 0
    await bench.wait(timedelta(hours=1))
    assert await bench.work() == 1


async def test_a_lane_keeps_its_order_even_when_one_fails(bench: Bench) -> None:
    fails = ["b"]

    async def say(_: WorkContext, command: Say) -> None:
        if command.word in fails:
            fails.remove(command.word)
            raise LookupError("on purpose")
        bench.said.append(command.word)

    await bench.ask(bench.task(run=say), "a", "b", "c", lane="one")
    await bench.work()
    assert bench.said == ["a"]
    await bench.wait(timedelta(minutes=2))
    await bench.work()
    assert bench.said == ["a", "b", "c"]


async def test_a_bucket_keeps_to_its_rate(bench: Bench) -> None:
    task = bench.task(rate=Rate(2, timedelta(minutes=1)))
    await bench.ask(task, *"abcde", bucket="x")
    await bench.ask(task, "f", bucket="y")
    await bench.work()
    assert sorted(bench.said) == ["a", "f"]
    await bench.wait(timedelta(seconds=61))
    await bench.work()
    assert len(bench.said) == 4


async def test_an_errand_runs_outside_any_transaction(bench: Bench) -> None:
    async def prepare(_: WorkContext, command: Say) -> str:
        return command.word

    async def perform(word: str) -> str:
        (job,) = await bench.jobs()  # not locked by anybody
        assert job["state"] == "dispatched"
        return word.upper()

    async def settle(_: WorkContext, __: Say, result: str) -> None:
        bench.said.append(result)

    errand = Errand(
        name="try.errand", command=Say, prepare=prepare, perform=perform, run=settle
    )
    await bench.ask(bench.register(errand), "a")
    await bench.work()
    (job,) = await bench.jobs()
    assert (bench.said, job["state"]) == (["A"], "done")


async def test_a_job_can_ask_to_be_run_again(bench: Bench) -> None:
    async def once_more(_: WorkContext, command: Say) -> None:
        bench.said.append(command.word)
        if len(bench.said) < 2:
            raise Again(timedelta(seconds=30), "not yet")

    await bench.ask(bench.task(run=once_more))
    await bench.work()
    await bench.wait(timedelta(seconds=30))
    await bench.work()
    assert bench.said == ["hello", "hello"]


async def _count(bench: Bench, progress: Progress) -> bool:
    at = int(progress.cursor or 0)
    bench.said.append(str(at))
    progress.cursor, progress.done, progress.total = str(at + 1), at + 1, 3
    return at == 2


async def test_long_work_goes_chunk_by_chunk_and_tells_how_far(bench: Bench) -> None:
    async def run(_: WorkContext, __: Say, progress: Progress) -> bool:
        return await _count(bench, progress)

    await bench.ask(bench.register(Chunked(name="try.long", command=Say, run=run)))
    assert await bench.work() == 3
    (job,) = await bench.jobs()
    assert bench.said == ["0", "1", "2"]
    assert (job["state"], job["done_count"], job["total_count"]) == ("done", 3, 3)


async def test_long_work_can_be_paused_and_goes_on_where_it_was(
    bench: Bench,
) -> None:
    owner = await bench.house.user(bench.tenant)

    async def run(_: WorkContext, __: Say, progress: Progress) -> bool:
        finished = await _count(bench, progress)
        if len(bench.said) == 1:
            raise LookupError("on purpose")
        return finished

    await bench.ask(bench.register(Chunked(name="try.long", command=Say, run=run)))
    await bench.work()
    (job,) = await bench.jobs()
    await _act(owner, job, "pause")
    await bench.wait(timedelta(hours=1))
    assert await bench.work() == 0
    await _act(owner, job, "resume")
    assert await bench.work() == 3


async def _act(owner: Caller, job: Any, action: str) -> None:
    answer = await owner.post(f"jobs/{job['id']}/{action}")
    assert answer.status == 200, answer.body


async def test_a_dead_letter_is_seen_and_run_again(bench: Bench) -> None:
    """S0-63: what failed for good is kept, and can be replayed."""
    owner = await bench.house.user(bench.tenant)
    fails = True

    async def run(_: WorkContext, command: Say) -> None:
        if fails:
            raise LookupError("on purpose")
        bench.said.append(command.word)

    await bench.ask(bench.task(run=run, backoff=()))
    await bench.work()
    (listed,) = (await owner.get("jobs?state=failed&task=try.say")).data
    fails = False
    await _act(owner, listed, "retry")
    await bench.work()
    assert bench.said == ["hello"]


async def test_a_job_has_the_rights_of_its_originator_as_they_are_when_it_runs(
    bench: Bench, house: House
) -> None:
    task = bench.task(permission="maintenance.assets.delete")
    viewer = await house.user(bench.tenant, "viewer")
    platform = house.platform
    for user, expected in (
        (viewer, "failed"),
        (await house.user(bench.tenant), "done"),
    ):
        assert user.actor_id is not None
        actor = await platform.authenticator.user(bench.tenant, user.actor_id)
        ctx = await system_context(platform, bench.tenant.id)
        assert actor is not None
        ctx.actor = actor
        async with platform.engine.work(ctx) as work:
            work.enqueue(task, Say())
        await bench.work()
        assert (await bench.jobs())[-1]["state"] == expected
