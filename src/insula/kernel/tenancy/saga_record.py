"""The record of a saga: how far it is, so that a successor knows where to go on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Connection
from insula.kernel.foundation.errors import Conflict, Unavailable
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control


class SagaState(StrEnum):
    """Which way a saga goes, or went."""

    running = "running"
    undoing = "undoing"
    done = "done"
    undone = "undone"


class StepState(StrEnum):
    """How far a step is."""

    pending = "pending"
    running = "running"
    done = "done"
    failed = "failed"
    undoing = "undoing"
    undone = "undone"


@dataclass(frozen=True, slots=True)
class Work:
    """What the steps of one saga are given: for whom, and with which data.

    The data may hold secrets and names; it is dropped when the saga ends.
    """

    saga_id: UUID
    tenant_id: UUID
    data: Mapping[str, Any]


Act = Callable[[Connection, Work], Awaitable[None]]
"""Something done in the very transaction that begins, turns or ends a record."""


class SagaBusy(Conflict):
    """Somebody is at work on this already."""

    code = "IN_PROGRESS"


class SagaInterrupted(Unavailable):
    """The database went away: what was begun is finished as soon as it is back."""

    code = "INTERRUPTED"


OPEN = """
WITH saga AS (
    INSERT INTO control.sagas (id, kind, tenant_id, state, data)
    VALUES ($1, $2, $3, 'running', $4)
)
INSERT INTO control.saga_steps (id, saga_id, position, name, state)
SELECT s.id, $1, s.position, s.name, 'pending'
  FROM unnest($5::uuid[], $6::bigint[], $7::text[]) AS s(id, position, name)
"""
CLAIM = """
UPDATE control.sagas SET attempts = attempts + 1
 WHERE id = $1 AND finished_at IS NULL
RETURNING kind, tenant_id, state, data, attempts, error
"""
STEPS = "SELECT state FROM control.saga_steps WHERE saga_id = $1 ORDER BY position"
MARK = """
WITH mine AS MATERIALIZED (
    SELECT id FROM control.sagas WHERE id = $1 AND attempts = $2 FOR UPDATE
)
UPDATE control.saga_steps AS s
   SET state = $4::text, error = $5,
       started_at = CASE WHEN $4 = 'running' THEN now() ELSE s.started_at END,
       finished_at = CASE WHEN $4 IN ('done', 'undone') THEN now() END
  FROM mine WHERE s.saga_id = mine.id AND s.position = $3
RETURNING s.id
"""
SET_STATE = """
UPDATE control.sagas SET state = $3, error = COALESCE($4, error)
 WHERE id = $1 AND attempts = $2 AND finished_at IS NULL RETURNING id
"""
END = """
UPDATE control.sagas SET state = $3, finished_at = now(), data = '{}'
 WHERE id = $1 AND attempts = $2 AND finished_at IS NULL RETURNING id
"""


@dataclass(slots=True)
class Record:
    """The rows of one saga, as the attempt that holds its lock may write them."""

    control: Control
    kind: str
    work: Work
    state: SagaState = SagaState.running
    attempt: int = 1
    error: str = ""

    @classmethod
    async def claim(cls, control: Control, saga_id: UUID) -> "Record | None":
        """Begin another attempt at a saga; None when it has ended."""
        rows = await control.fetch(CLAIM, saga_id)
        if not rows:
            return None
        row = rows[0]
        work = Work(saga_id, row["tenant_id"], msgspec.json.decode(row["data"]))
        state, error = SagaState(row["state"]), row["error"] or ""
        return cls(control, row["kind"], work, state, row["attempts"], error)

    async def open(self, begin: Act, steps: Sequence[str]) -> None:
        """Write the saga's rows together with what ``begin`` does, or neither."""
        ids = [uuid7() for _ in steps]
        places = list(range(len(steps)))
        work = self.work
        async with self.control.transaction() as connection:
            await begin(connection, work)
            saga = work.saga_id, self.kind, work.tenant_id, work.data
            await connection.execute(OPEN, *saga, ids, places, list(steps))

    async def steps(self) -> list[StepState]:
        """How far each step is."""
        rows = await self.control.fetch(STEPS, self.work.saga_id)
        return [StepState(row["state"]) for row in rows]

    async def mark(self, at: int, state: StepState, error: str | None = None) -> None:
        """Write down how far a step is; an error says what became of it."""
        mine = self.work.saga_id, self.attempt
        if not await self.control.fetch(MARK, *mine, at, state, error):
            raise SagaInterrupted

    async def stick(self, error: str) -> None:
        """Write down why the saga cannot go forward at present."""
        await self.control.fetch(
            SET_STATE, self.work.saga_id, self.attempt, self.state, error
        )

    async def turn(self, act: Act, error: str) -> None:
        """Have the saga go back from now on, whoever works on it."""
        self.state, self.error = SagaState.undoing, error
        await self._write(SET_STATE, act, error)

    async def end(self, state: SagaState, act: Act) -> None:
        """Close the record together with what ``act`` does, or neither."""
        self.state = state
        await self._write(END, act)

    async def _write(self, statement: str, act: Act, *args: object) -> None:
        async with self.control.transaction() as connection:
            mine = self.work.saga_id, self.attempt
            if not await connection.fetch(statement, *mine, self.state, *args):
                raise SagaInterrupted
            await act(connection, self.work)
