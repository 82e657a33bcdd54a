"""Following: what an app writes in the transaction of every write to a resource."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Problem


@dataclass(frozen=True, slots=True)
class Saved:
    """A row that was written: every field of a new one, what changed of another.

    Going to the trash and coming back are changes of ``deleted_at``.
    """

    id: UUID
    values: Mapping[str, Any]


Following = Callable[..., Awaitable[Mapping[UUID, Problem]]]
"""Takes the context and what was saved; answers the rows that cannot be, and why."""


class RowsRefused(Exception):
    """Some of the rows of one write cannot be: the others may be written without."""

    def __init__(self, faults: Mapping[UUID, Problem]) -> None:
        super().__init__()
        self.faults = faults


async def follow(work: Context, following: Following, saved: Sequence[Saved]) -> None:
    """Have the app write what follows; raises the problem of the first refused row."""
    for problem in (await following(work, saved)).values():
        raise problem
