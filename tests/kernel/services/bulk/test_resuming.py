"""Resuming: killed at any line, a run goes on and does no row twice."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.tasks import Progress
from insula.kernel.services.bulk import sources
from insula.kernel.services.bulk.runs import CarryOn
from tests.kernel.services.bulk.conftest import Desk

pytestmark = pytest.mark.anyio


class Killed(BaseException):
    """The worker's process ends here."""


class Worker:
    """Carries a run on as a job does: what a chunk did and how far it came commit."""

    def __init__(self, desk: Desk, run: Any) -> None:
        self.desk, self.command = desk, CarryOn(run_id=UUID(run["id"]))
        self.kept = Progress()

    async def chunk(self) -> bool:
        """The next chunk; whether it was the last."""
        platform, tenant = self.desk.house.platform, self.desk.tenant
        actor = Actor(
            ActorKind.user, self.desk.caller.actor_id, tenant=tenant.id, grants=("*",)
        )
        session = platform.open_session(tenant.home, tenant.id)
        ctx = Context(actor, tenant=tenant, session=session, request_id="req_bulk")
        come = Progress(self.kept.cursor, self.kept.done, self.kept.total)
        carry_on: Any = platform.engine.tasks["bulk.carry_on"].run
        async with platform.engine.work(ctx) as work:
            finished: bool = await carry_on(work, self.command, come)
        self.kept = come
        return finished


@pytest.mark.parametrize("where", ["listed", "selected"])
async def test_a_run_that_is_killed_at_every_statement_writes_each_row_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    rows = await desk.assets(7, category=where)
    body: Any = {"update": [{"id": it["id"], "name": "Once"} for it in rows]}
    if where == "selected":
        body = {
            "update_where": {"filter": f"category=={where}", "set": {"name": "Once"}}
        }
    run = (await desk.ask(body)).data
    monkeypatch.setattr(sources, "CHUNK", 3)
    worker, fetch = Worker(desk, run), Transaction.fetch
    left = deaths = 0

    async def mortal(
        self: Transaction, text: Statement, *args: object
    ) -> Sequence[Any]:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return await fetch(self, text, *args)

    monkeypatch.setattr(Transaction, "fetch", mortal)
    finished, lived = False, 0
    while not finished:
        left = lived
        try:
            finished, lived = await worker.chunk(), 0
        except Killed:  # the next one lives a statement longer
            deaths, lived = deaths + 1, lived + 1
    monkeypatch.undo()
    assert deaths > 20
    assert {(await desk.asset(it))["version"] for it in rows} == {2}
    done = await desk.look(run)
    assert (done["state"], done["done"], done["failed"]) == ("done", 7, 0)
    assert [it["row"] for it in await desk.rows(run)] == list(range(7))


async def test_a_run_whose_job_is_given_up_keeps_and_undoes_what_is_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await desk.assets(4)
    run = (await desk.ask({"delete": [it["id"] for it in rows]})).data
    monkeypatch.setattr(sources, "CHUNK", 3)
    worker = Worker(desk, run)
    assert not await worker.chunk()
    platform, tenant = desk.house.platform, desk.tenant
    system = Actor(ActorKind.system, uuid7(), tenant=tenant.id, grants=("*",))
    session = platform.open_session(tenant.home, tenant.id)
    bury: Any = platform.engine.tasks["bulk.carry_on"].on_dead
    async with platform.engine.work(
        Context(system, tenant=tenant, session=session)
    ) as work:
        await bury(work, worker.command, "its workers died of it")
    dead = await desk.look(run)
    assert (dead["state"], dead["done"]) == ("failed", 3)
    assert dead["problem"] == "its workers died of it"
    monkeypatch.undo()
    back = await desk.undo(run)
    assert (back["done"], back["failed"]) == (3, 0)
    assert await desk.asset(rows[3]) == rows[3]
