"""The life of a server process: its six phases of start, its states, its orderly end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import structlog

from insula.kernel.foundation.faults import describe

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

PHASES = (
    "database and observability",
    "row-level security and tenant checks",
    "cache and middleware",
    "authentication and rate limits",
    "websockets and events",
    "health and readiness",
)
"""The phases in their order; the first has number 1 (S2-58 to S2-63)."""
GRACE = 30.0
"""Seconds that requests may take to end once the process is told to (S2-77)."""

Step = Callable[[], Awaitable[None]]


class State(StrEnum):
    """Where a process is in its life (S2-66)."""

    starting = "Starting"
    initializing = "Initializing"
    ready = "Ready"
    healthy = "Healthy"
    unhealthy = "Unhealthy"
    shutting_down = "ShuttingDown"
    failed = "Failed"


MOVES: Mapping[State, frozenset[State]] = {
    State.starting: frozenset({State.initializing, State.shutting_down}),
    State.initializing: frozenset({State.ready, State.failed, State.shutting_down}),
    State.ready: frozenset({State.healthy, State.unhealthy, State.shutting_down}),
    State.healthy: frozenset({State.unhealthy, State.shutting_down}),
    State.unhealthy: frozenset({State.healthy, State.shutting_down}),
    State.shutting_down: frozenset({State.failed}),
    State.failed: frozenset(),
}
ACCEPTING = frozenset({State.ready, State.healthy})
RUNNING = ACCEPTING | {State.unhealthy}


class Outcome(StrEnum):
    """What became of a phase."""

    pending = "pending"
    started = "started"
    degraded = "degraded"
    failed = "failed"


class StartFailed(RuntimeError):
    """A phase without which the process cannot serve did not start."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of the start, and what undoes it at the end.

    A process whose critical phase fails does not start; without another it runs on,
    with less (S2-65).
    """

    number: int
    name: str
    start: Step
    stop: Step | None = None
    critical: bool = True


@dataclass(slots=True)
class Report:
    """How a phase's start went."""

    phase: Phase
    outcome: Outcome = Outcome.pending
    seconds: float = 0.0


class Lifecycle:
    """Starts the phases in order, counts the requests in flight, stops in reverse."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        numbers = [phase.number for phase in phases]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"phases out of order: {numbers}")
        self.state = State.starting
        self.in_flight = 0
        self._drained: asyncio.Event | None = None
        self.reports = tuple(Report(phase) for phase in phases)

    @property
    def accepts(self) -> bool:
        """Whether a balancer should send requests here."""
        return self.state in ACCEPTING

    @property
    def running(self) -> bool:
        """Whether the start is done and the end has not begun."""
        return self.state in RUNNING

    @property
    def seconds(self) -> float:
        """How long the phases took together (S2-64)."""
        return sum(report.seconds for report in self.reports)

    def enter(self) -> None:
        """A request begins."""
        self.in_flight += 1

    def leave(self) -> None:
        """A request has ended."""
        self.in_flight -= 1
        if self._drained is not None and not self.in_flight:
            self._drained.set()

    async def start(self) -> None:
        """Start every phase; raises ``StartFailed`` when a critical one cannot."""
        self._move(State.initializing)
        for report in self.reports:
            await self._start_phase(report)
        if self.state is State.initializing:  # else the end was ordered meanwhile
            self._move(State.ready)
        milliseconds = round(self.seconds * 1000, 1)
        logger.info("lifecycle.started", milliseconds=milliseconds)

    async def _start_phase(self, report: Report) -> None:
        phase, began = report.phase, time.perf_counter()
        try:
            await phase.start()
            report.outcome = Outcome.started
        except Exception as error:
            report.outcome = Outcome.failed if phase.critical else Outcome.degraded
            words = {
                "phase": phase.number,
                "name": phase.name,
                "error": describe(error),
            }
            if not phase.critical:
                logger.warning("phase.degraded", **words)
                return
            logger.critical("phase.failed", **words)
            await self._stop_phases()
            self._move(State.failed)
            place = f"phase {phase.number}, {phase.name}"
            raise StartFailed(
                f"{place}: {str(error) or type(error).__name__}"
            ) from error
        finally:
            report.seconds = time.perf_counter() - began

    def judge(self, *, healthy: bool) -> None:
        """Take note of what the health checks found (S2-67)."""
        state = State.healthy if healthy else State.unhealthy
        if self.running and self.state is not state:
            self._move(state)

    def begin_shutdown(self) -> None:
        """Turn readiness off, before anything else ends (S2-76)."""
        if State.shutting_down in MOVES[self.state]:
            self._move(State.shutting_down)

    async def drain(self, timeout: float = GRACE) -> int:
        """Wait for the requests in flight; answers how many were left (S2-77)."""
        if self.in_flight:
            self._drained = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), timeout)
        if self.in_flight:
            logger.warning("lifecycle.undrained", requests=self.in_flight)
        return self.in_flight

    async def stop(self, timeout: float = GRACE) -> None:
        """Drain, then stop the phases in reverse: cache, then database (S2-78)."""
        self.begin_shutdown()
        await self.drain(timeout)
        await self._stop_phases()
        logger.info("lifecycle.stopped")

    async def _stop_phases(self) -> None:
        for report in reversed(self.reports):
            stop = report.phase.stop
            if report.outcome is not Outcome.started or stop is None:
                continue
            report.outcome = Outcome.pending
            try:
                await stop()
            except Exception as error:  # noqa: BLE001  # the other phases must end too
                logger.error(
                    "phase.unstopped", phase=report.phase.number, error=describe(error)
                )

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise ValueError(f"a process cannot go from {self.state} to {state}")
        logger.info("lifecycle.state", was=self.state.value, state=state.value)
        self.state = state
