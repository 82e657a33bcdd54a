"""Followers: a write of rows, and in its transaction what an app has follow from it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.following import RowsRefused, Saved
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.writers import Writers

After = Callable[[Transaction, Sequence[Record]], Awaitable[None]]
"""Done in the transaction of a statement, with what it answered."""


class Follower:
    """Writes rows of one resource, and what follows from them."""

    def __init__(self, resource: Resource[Any], writers: Writers) -> None:
        self._resource, self._writers = resource, writers

    async def fetch(
        self, ctx: Context, statement: Statement, args: Sequence[Any], saved: Saved
    ) -> Sequence[Record]:
        """Run the statement that writes one row; raises what the app raises."""
        if self._resource.following is None:
            return await ctx.session.fetch(statement, *args)
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(statement, *args)
            if rows and rows[0].get("id", saved.id) is not None:
                work = WorkContext(ctx, transaction, self._writers)
                await work.follow(self._writers[self._resource.model], saved)
        return rows

    def after(self, ctx: Context, saved: Sequence[Saved]) -> After | None:
        """What is done after many rows were written; it raises ``RowsRefused``.

        The statement answers the ids of those that were, or no id if it is of one.
        """
        following = self._resource.following
        if following is None:
            return None

        async def run(transaction: Transaction, rows: Sequence[Record]) -> None:
            written = {row.get("id", None) for row in rows}
            work = WorkContext(ctx, transaction, self._writers)
            if its := [it for it in saved if written & {it.id, None}]:
                if faults := await following(work, its):
                    raise RowsRefused(faults)
                await work.flush()

        return run
