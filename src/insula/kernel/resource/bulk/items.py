"""Items: one row of a bulk write, and what became of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.database.session import JointSession, Statement, Transaction
from insula.kernel.foundation.errors import FieldError, Problem
from insula.kernel.foundation.languages import Catalog, told


@dataclass(frozen=True, slots=True)
class Item:
    """One row to write: which, as of which version, and with which JSON body."""

    number: int
    row_id: UUID | None = None
    version: int | None = None
    body: bytes = b"{}"


@dataclass(slots=True)
class Outcome:
    """What became of one row; ``before`` is what undoing it would write back."""

    number: int
    row_id: UUID | None
    version: int | None = None
    before: bytes | None = None
    errors: Sequence[FieldError] = ()


def spoken(problem: Problem, catalog: Catalog | None) -> tuple[FieldError, ...]:
    """A problem as the errors of a row, in a language."""
    if problem.fields:
        return tuple(
            FieldError(it.field, it.code, told(it.message, catalog))
            for it in problem.fields
        )
    words = problem.message if catalog is None else catalog.problem(problem)
    return (FieldError("", problem.code, words),)


class Within(JointSession):
    """A session whose statements run in a transaction as they are.

    A part for each would be two round trips more; here whoever runs the rows opens
    parts around many of them.
    """

    async def fetch(self, statement: Statement, *args: object) -> Sequence[Record]:
        """Run one statement in the transaction."""
        return await self.whole.fetch(statement, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """The transaction that is open already."""
        yield self.whole
