"""A process starts in six phases, tells its state, and ends in good order."""

import asyncio
import time

import pytest

from insula.kernel.operations.lifecycle import (
    PHASES,
    Lifecycle,
    Outcome,
    Phase,
    StartFailed,
    State,
    Step,
)


class Diary:
    """Phases that write down when they start and stop."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, word: str) -> Step:
        async def say() -> None:
            self.said.append(word)

        return say

    def phase(
        self, number: int, start: Step | None = None, *, critical: bool = True
    ) -> Phase:
        return Phase(
            number,
            PHASES[number - 1],
            start or self.step(f"start {number}"),
            self.step(f"stop {number}"),
            critical=critical,
        )


async def refuse() -> None:
    raise ConnectionError("nobody there")


async def test_the_six_phases_start_in_order_and_stop_in_reverse() -> None:
    """S2-58 to S2-63, S2-78."""
    diary = Diary()
    life = Lifecycle([diary.phase(number) for number in range(1, 7)])
    await life.start()
    assert life.state is State.ready
    await life.stop()
    numbers = range(1, 7)
    assert diary.said == [
        *(f"start {number}" for number in numbers),
        *(f"stop {number}" for number in reversed(numbers)),
    ]


async def test_the_phases_are_timed() -> None:
    """S2-64: their own cost is far below 0.10 s."""
    diary = Diary()
    life = Lifecycle([diary.phase(number) for number in range(1, 7)])
    await life.start()
    assert 0 < life.seconds < 0.1
    assert all(it.outcome is Outcome.started for it in life.reports)


async def test_a_critical_failure_aborts_the_start_and_stops_what_had_started() -> None:
    """S2-65."""
    diary = Diary()
    life = Lifecycle(
        [diary.phase(1), diary.phase(2), diary.phase(3, refuse), diary.phase(4)]
    )
    with pytest.raises(
        StartFailed, match="phase 3, cache and middleware: nobody there"
    ):
        await life.start()
    assert life.state is State.failed
    assert diary.said == ["start 1", "start 2", "stop 2", "stop 1"]
    assert life.reports[3].outcome is Outcome.pending


async def test_a_failure_that_is_not_critical_degrades_and_is_reported() -> None:
    """S2-65."""
    diary = Diary()
    life = Lifecycle([diary.phase(1), diary.phase(5, refuse, critical=False)])
    await life.start()
    assert life.accepts
    assert life.reports[1].outcome is Outcome.degraded
    await life.stop()
    assert diary.said == ["start 1", "stop 1"]


async def test_a_phase_that_does_not_stop_holds_up_no_other() -> None:
    diary = Diary()
    stubborn = Phase(2, "stubborn", diary.step("start 2"), refuse)
    life = Lifecycle([diary.phase(1), stubborn])
    await life.start()
    await life.stop()
    assert diary.said == ["start 1", "start 2", "stop 1"]


async def test_health_moves_the_state_there_and_back() -> None:
    """S2-66, S2-67."""
    life = Lifecycle([])
    seen = [str(life.state)]
    await life.start()
    for healthy in (True, False, True):
        seen.append(str(life.state))
        life.judge(healthy=healthy)
    life.begin_shutdown()
    life.judge(healthy=True)
    seen.append(str(life.state))
    assert seen == ["Starting", "Ready", "Healthy", "Unhealthy", "ShuttingDown"]


async def test_the_end_waits_for_the_requests_in_flight() -> None:
    """S2-76, S2-77: readiness is red at once, the phases stop last."""
    diary = Diary()
    life = Lifecycle([diary.phase(1)])
    await life.start()
    life.enter()
    ending = asyncio.create_task(life.stop())
    await asyncio.sleep(0.01)
    assert not life.accepts
    assert diary.said == ["start 1"]
    life.leave()
    await ending
    assert diary.said == ["start 1", "stop 1"]


async def test_the_wait_for_requests_has_an_end() -> None:
    life = Lifecycle([])
    life.enter()
    began = time.monotonic()
    assert await life.drain(0.05) == 1
    assert time.monotonic() - began < 1


async def test_an_end_ordered_during_the_start_leaves_the_process_unready() -> None:
    life: Lifecycle

    async def interrupt() -> None:
        life.begin_shutdown()

    life = Lifecycle([Phase(1, PHASES[0], interrupt)])
    await life.start()
    assert life.state is State.shutting_down


def test_phases_out_of_order_are_refused() -> None:
    diary = Diary()
    with pytest.raises(ValueError, match="out of order"):
        Lifecycle([diary.phase(2), diary.phase(1)])
