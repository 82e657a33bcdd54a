"""A saga ends done or undone, whatever happens to whoever works on it (R17, S4-48)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from insula.kernel.database.pool import Connection
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.saga import (
    Edge,
    Retreat,
    Saga,
    Step,
    StepFailed,
    StepReport,
    StepStuck,
    UndoFailed,
)
from insula.kernel.tenancy.saga_record import SagaBusy, SagaInterrupted, Work
from insula.kernel.tenancy.saga_runner import MOST_ATTEMPTS, SagaRunner

pytestmark = pytest.mark.anyio


async def nothing_else() -> None:
    """What happens meanwhile, unless a test says otherwise."""


class Trial:
    """A saga of three steps that keeps a diary, and fails where it is told to."""

    def __init__(self, control: Control, *fails: str) -> None:
        self.control, self.kind = control, f"trial.{uuid7().hex[-20:]}"
        self.fails, self.diary = set(fails), list[str]()
        self.meanwhile = nothing_else
        self.runner = self.run_by(Retreat(self._at("turn"), self._at("over")))

    def run_by(self, retreat: Retreat | None) -> SagaRunner:
        """Somebody who knows this saga, with a way back or without."""
        names = ("one", "two", "three")
        steps = tuple(Step(it, self._does(it), self._does(f"-{it}")) for it in names)
        begin, finish = Edge("begin", self._at("begin")), Edge("end", self._at("end"))
        saga = Saga(self.kind, begin, steps, finish, retreat)
        return SagaRunner(self.control, [saga])

    async def start(self, **data: Any) -> None:
        await self.runner.start(self.kind, uuid7(), data)

    async def row(self) -> dict[str, Any]:
        """What is recorded of it."""
        rows = await self.control.fetch(
            "SELECT * FROM control.sagas WHERE kind = $1", self.kind
        )
        return dict(rows[0]) if rows else {}

    def _note(self, name: str) -> None:
        self.diary.append(name)
        if name in self.fails:
            raise RuntimeError(f"no {name}")

    def _does(self, name: str) -> Callable[[Work], Awaitable[None]]:
        async def deed(work: Work) -> None:
            self._note(name)
            if name == "one":
                await self.meanwhile()

        return deed

    def _at(self, name: str) -> Callable[[Connection, Work], Awaitable[None]]:
        async def act(connection: Connection, work: Work) -> None:
            self._note(name)

        return act


async def test_all_steps_are_done_in_order_and_told_live(control: Control) -> None:
    trial, told = Trial(control), list[StepReport]()
    await trial.runner.start(trial.kind, uuid7(), {}, told.append)
    assert trial.diary == ["begin", "one", "two", "three", "end"]
    assert [(it.step, it.state) for it in told[2:6]] == [
        *(("one", "running"), ("one", "done"), ("two", "running"), ("two", "done"))
    ]
    assert (await trial.row())["state"] == "done"


async def test_a_failed_step_undoes_itself_and_all_before_it(control: Control) -> None:
    trial = Trial(control, "two")
    with pytest.raises(StepFailed, match="no two") as caught:
        await trial.start()
    assert caught.value.details["step"] == "two"  # S1-31
    assert trial.diary == ["begin", "one", "two", "turn", "-two", "-one", "over"]
    assert (await trial.row())["state"] == "undone"


async def test_a_failed_end_undoes_everything(control: Control) -> None:
    trial = Trial(control, "end")
    with pytest.raises(StepFailed, match="no end"):
        await trial.start()
    assert trial.diary[-5:] == ["turn", "-three", "-two", "-one", "over"]


async def test_nothing_is_recorded_when_it_cannot_even_begin(control: Control) -> None:
    trial = Trial(control, "begin")
    with pytest.raises(RuntimeError):
        await trial.start()
    assert await trial.row() == {}


async def test_a_failed_undo_is_kept_and_tried_again(control: Control) -> None:
    trial = Trial(control, "three", "-two")
    with pytest.raises(UndoFailed, match="no -two"):
        await trial.start()
    row = await trial.row()
    assert (row["state"], row["error"]) == ("undoing", "three: RuntimeError: no three")
    trial.fails.clear()
    trial.diary.clear()
    ended = await trial.runner.resume_all()
    assert isinstance(ended[row["id"]], StepFailed)
    assert trial.diary == ["-two", "-one", "over"]
    assert (await trial.row())["state"] == "undone"
    assert await trial.runner.resume_all() == {}


async def test_without_a_way_back_the_rest_is_tried_again(control: Control) -> None:
    trial = Trial(control, "two")
    trial.runner = trial.run_by(None)
    with pytest.raises(StepStuck, match="no two"):
        await trial.start()
    assert (await trial.row())["error"] == "two: RuntimeError: no two"
    trial.fails.clear()
    assert list((await trial.runner.resume_all()).values()) == [None]
    assert trial.diary == ["begin", "one", "two", "two", "three", "end"]


async def test_whoever_is_cancelled_leaves_it_to_a_successor(control: Control) -> None:
    trial, reached, forever = Trial(control), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        reached.set()
        await forever.wait()

    trial.meanwhile = hang
    task = asyncio.create_task(trial.start())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    forever.set()
    assert list((await trial.runner.resume_all()).values()) == [None]
    assert trial.diary == ["begin", "one", "one", "two", "three", "end"]


async def test_nobody_else_touches_a_saga_under_way(control: Control) -> None:
    trial, others = Trial(control), list[object]()

    async def meddle() -> None:
        row, second = await trial.row(), trial.run_by(None)
        others.append(await second.resume_all())
        with pytest.raises(SagaBusy):
            await second.resume(row["id"])

    trial.meanwhile = meddle
    await trial.start()
    assert others == [{}]
    assert (await trial.row())["attempts"] == 1


async def test_who_lost_the_lock_can_record_nothing_more(control: Control) -> None:
    trial = Trial(control)

    async def usurp() -> None:
        await control.fetch(
            "UPDATE control.sagas SET attempts = attempts + 1 WHERE kind = $1",
            trial.kind,
        )

    trial.meanwhile = usurp
    with pytest.raises(SagaInterrupted):
        await trial.start()
    assert trial.diary == ["begin", "one"]


async def test_what_never_gets_to_its_end_is_undone(control: Control) -> None:
    trial = Trial(control, "-two", "two")
    with pytest.raises(UndoFailed):
        await trial.start()
    trial.fails.clear()
    await control.fetch(
        "UPDATE control.sagas SET state = 'running', attempts = $2 WHERE kind = $1",
        *(trial.kind, MOST_ATTEMPTS),
    )
    (problem,) = (await trial.runner.resume_all()).values()
    assert "attempts" in str(problem)
    assert (await trial.row())["state"] == "undone"


async def test_secrets_go_when_the_saga_ends(control: Control) -> None:
    for trial in (Trial(control), Trial(control, "two")):
        with suppress(StepFailed):
            await trial.start(secret="hash")
        assert bytes((await trial.row())["data"]) == b"{}"
