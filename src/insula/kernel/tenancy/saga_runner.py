"""Running sagas: forward step by step, back when one fails, on after a crash.

Whoever works on a saga holds an advisory lock in an open transaction on a connection
of its own: the server lets go of it the moment that the process dies, so that another
may go on at once. Every record also carries the number of the attempt, so that one who
lost the lock without noticing cannot write over its successor's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from uuid import UUID

import asyncpg

from insula.kernel.database.pool import Connection, DatabaseAway
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.saga import (
    Deed,
    Edge,
    OnStep,
    Saga,
    StepFailed,
    StepReport,
    StepStuck,
    UndoFailed,
    reason,
)
from insula.kernel.tenancy.saga_record import (
    Act,
    Record,
    SagaBusy,
    SagaInterrupted,
    SagaState,
    StepState,
    Work,
)

LOST = (
    OSError,
    DatabaseAway,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
)
"""What a connection raises once its server has gone."""

MOST_ATTEMPTS = 5
"""Attempts after which a saga that never gets to its end is undone instead."""

HOLD = """
SELECT set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('tcp_keepalives_idle', '10', true),
       set_config('tcp_keepalives_interval', '5', true),
       set_config('tcp_keepalives_count', '3', true),
       pg_try_advisory_xact_lock(hashtextextended('insula.saga:' || $1, 0)) AS mine
"""
"""The lock lasts as long as this process; keepalives notice if its machine is gone."""

LEFT = """
SELECT id FROM control.sagas
 WHERE finished_at IS NULL AND kind = ANY($1::text[]) ORDER BY id
"""


class SagaRunner:
    """Starts sagas, and goes on with those that were left.

    At most ``parallel`` run at a time in this process: each keeps a connection to the
    control database busy, and its steps need another.
    """

    def __init__(
        self, control: Control, sagas: Iterable[Saga], *, parallel: int = 2
    ) -> None:
        self._control = control
        self._sagas = {saga.kind: saga for saga in sagas}
        self._gate = asyncio.Semaphore(parallel)

    async def start(
        self,
        kind: str,
        tenant_id: UUID,
        data: Mapping[str, Any],
        on_step: OnStep | None = None,
        also: Act | None = None,
    ) -> None:
        """Begin a saga and see it through.

        ``also`` is done first, in the transaction that begins it. Nothing is recorded
        if that raises. What a step raises is raised again once
        all is undone: a problem with the step's name in its details, anything else as
        ``StepFailed``.
        """
        record = Record(self._control, kind, Work(uuid7(), tenant_id, data))
        async with self._gate, self._hold(record.work.saga_id) as keeper:
            saga = _with(self._sagas[kind], also)
            await _Attempt(saga, record, keeper, on_step or _silent).begin()

    async def resume(self, saga_id: UUID, on_step: OnStep | None = None) -> None:
        """Go on with a saga that was left; harmless when it has ended meanwhile.

        Raises ``SagaBusy`` when somebody is at work on it.
        """
        async with self._gate, self._hold(saga_id) as keeper:
            record = await Record.claim(self._control, saga_id)
            if record is None:
                return
            saga = self._sagas[record.kind]
            await _Attempt(saga, record, keeper, on_step or _silent).catch_up()

    async def resume_all(self) -> Mapping[UUID, Problem | None]:
        """Go on with every saga that was left; how each ended, None for well."""
        rows = await self._control.fetch(LEFT, list(self._sagas))
        ended: dict[UUID, Problem | None] = {}
        for row in rows:
            try:
                await self.resume(row["id"])
                ended[row["id"]] = None
            except SagaBusy:
                continue
            except Problem as problem:
                ended[row["id"]] = problem
        return ended

    @asynccontextmanager
    async def _hold(self, saga_id: UUID) -> AsyncIterator[Connection]:
        over = False
        try:
            async with self._control.transaction() as keeper:
                row = await keeper.fetchrow(HOLD, str(saga_id))
                if row is None or not row["mine"]:
                    raise SagaBusy
                yield keeper
                over = True
        except LOST as error:
            if not over:
                raise SagaInterrupted from error


@dataclass(slots=True)
class _Attempt:
    """One attempt at one saga, by whoever holds its lock."""

    saga: Saga
    record: Record
    keeper: Connection
    tell: OnStep

    async def begin(self) -> None:
        """Open the record, and do all steps."""
        edge = self.saga.begin
        with self._told(edge.name, StepState.running, StepState.done):
            await self.record.open(edge.act, [step.name for step in self.saga.steps])
        await self._forward(0)

    async def catch_up(self) -> None:
        """Find how far the last attempt got, and go on from there."""
        states = await self.record.steps()
        if self.record.state is SagaState.undoing:
            await self._back(states)
            step, _, text = self.record.error.partition(": ")
            raise StepFailed(step=step, reason=text)
        left = [at for at, it in enumerate(states) if it is not StepState.done]
        first = left[0] if left else len(states)
        if self.record.attempt > MOST_ATTEMPTS and self.saga.retreat is not None:
            at = min(first, len(states) - 1)
            error = TimeoutError(f"not done in {MOST_ATTEMPTS} attempts")
            await self._fail(at, self.saga.steps[at].name, error)
        await self._forward(first)

    async def _forward(self, first: int) -> None:
        for at, step in enumerate(self.saga.steps[first:], first):
            try:
                await self._take(at, step.do, StepState.running, StepState.done)
            except Exception as error:  # noqa: BLE001  # whatever it is, undo it
                await self._fail(at, step.name, error)
        edge = self.saga.finish
        try:
            with self._told(edge.name, StepState.running, StepState.done):
                await self.record.end(SagaState.done, edge.act)
        except Exception as error:  # noqa: BLE001  # the same
            await self._fail(len(self.saga.steps) - 1, edge.name, error)

    async def _fail(self, at: int, name: str, error: Exception) -> NoReturn:
        """Go back from the step that failed, if that is still ours to do."""
        await self.keeper.fetchval("SELECT 1")
        text = reason(error)
        self.tell(StepReport(name, StepState.failed, error=text))
        await self.record.mark(at, StepState.failed, text)
        if self.saga.retreat is None:
            await self.record.stick(f"{name}: {text}")
            raise StepStuck(step=name, reason=text) from error
        await self.record.turn(self.saga.retreat.turn, f"{name}: {text}")
        await self._back([StepState.done] * at + [StepState.failed])
        if isinstance(error, Problem):
            error.details["step"] = name
            raise error
        raise StepFailed(step=name, reason=text) from error

    async def _back(self, states: Sequence[StepState]) -> None:
        assert self.saga.retreat is not None
        for at, state in reversed(list(enumerate(states))):
            if state in (StepState.pending, StepState.undone):
                continue
            step = self.saga.steps[at]
            try:
                await self._take(at, step.undo, StepState.undoing, StepState.undone)
            except Exception as error:
                await self.keeper.fetchval("SELECT 1")
                await self.record.mark(at, StepState.undoing, reason(error))
                raise UndoFailed(
                    step=step.name, reason=reason(error), first=self.record.error
                ) from error
        await self.record.end(SagaState.undone, self.saga.retreat.end)

    async def _take(
        self, at: int, deed: Deed, before: StepState, after: StepState
    ) -> None:
        with self._told(self.saga.steps[at].name, before, after):
            await self.record.mark(at, before)
            await deed(self.record.work)
            await self.record.mark(at, after)

    @contextmanager
    def _told(self, name: str, before: StepState, after: StepState) -> Iterator[None]:
        self.tell(StepReport(name, before))
        began = time.perf_counter()
        yield
        self.tell(StepReport(name, after, time.perf_counter() - began))


def _with(saga: Saga, also: Act | None) -> Saga:
    """The saga, with something more to do in the transaction that begins it."""
    if also is None:
        return saga
    first, then = also, saga.begin.act

    async def both(connection: Connection, work: Work) -> None:
        await first(connection, work)
        await then(connection, work)

    return replace(saga, begin=Edge(saga.begin.name, both))


def _silent(_: StepReport) -> None:
    """Nobody watches."""
