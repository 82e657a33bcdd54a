"""Sagas: long work in recorded steps, each with an undo, safe to interrupt."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from insula.kernel.foundation.errors import Problem
from insula.kernel.tenancy.saga_record import Act, StepState, Work

Deed = Callable[[Work], Awaitable[None]]


async def nothing(_: Work) -> None:
    """The undo of a step whose effects the undo of an earlier one takes away."""


@dataclass(frozen=True, slots=True)
class Step:
    """One deed and its undo; both may be repeated, and find their work half done."""

    name: str
    do: Deed
    undo: Deed = nothing


@dataclass(frozen=True, slots=True)
class Edge:
    """What a saga does in the transaction in which its record begins or ends."""

    name: str
    act: Act


@dataclass(frozen=True, slots=True)
class Retreat:
    """What belongs to going back: ``turn`` when it begins, ``end`` when it is over."""

    turn: Act
    end: Act


@dataclass(frozen=True, slots=True)
class Saga:
    """A kind of work; without a ``retreat`` it can only go forward."""

    kind: str
    begin: Edge
    steps: tuple[Step, ...]
    finish: Edge
    retreat: Retreat | None = None


@dataclass(frozen=True, slots=True)
class StepReport:
    """What just became of a step."""

    step: str
    state: StepState
    seconds: float = 0.0
    error: str | None = None


OnStep = Callable[[StepReport], None]


class StepFailed(Problem):
    """The step “{step}” failed, and all before it was undone. {reason}"""

    code = "STEP_FAILED"


class UndoFailed(Problem):
    """Undoing “{step}” failed, and is tried again. {reason} (after {first})"""

    code = "UNDO_FAILED"


class StepStuck(Problem):
    """The step “{step}” failed, and is tried again. {reason}"""

    code = "STEP_STUCK"


def reason(error: BaseException) -> str:
    """What went wrong, in a line for the operator.

    Of a database's error only the message: its detail may quote the row.
    """
    if isinstance(error, Problem):
        return error.message
    quoted = error.args[0] if isinstance(error, asyncpg.PostgresError) else error
    return " ".join(f"{type(error).__name__}: {quoted}".split())
