"""Reaching: whether somebody may do something to a row, for what hangs on rows.

Comments, tags and the timeline of a row are for whoever reaches the row itself.
"""

from functools import partial
from typing import Any
from uuid import UUID

from insula.kernel.access.actor import Actor
from insula.kernel.access.grants import Reach
from insula.kernel.database.session import Session, Transaction
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import getting, locking
from insula.kernel.resource.writing import Writer


class Reaching:
    """Looks for rows of one resource as far as somebody reaches them."""

    def __init__(self, writer: Writer) -> None:
        self._scoping = writer.scoping
        shape, table = writer.shape, writer.resource.table.name
        title = shape.facets.get(writer.resource.title or "id", shape.facets["id"])
        shown: tuple[Facet, ...] = (shape.facets["id"], title)
        self._finding, self._locking = (
            {
                reach: form(
                    table,
                    shown,
                    trashable=shape.trashable,
                    within=partial(writer.scoping.sql, reach=reach),
                )
                for reach in Reach
            }
            for form in (getting, locking)
        )

    async def title(self, where: Session | Transaction, actor: Actor, key: UUID) -> Any:
        """What the row is called, for whoever may read it; raises ``NotFound``."""
        scope = self._scoping.of(actor, "read")
        reach, args = (Reach.all, ()) if scope is None else scope
        rows = await where.fetch(self._finding[reach], key, *args)
        if not rows:
            raise NotFound
        return rows[0][1]

    async def lock(
        self, where: Transaction, actor: Actor, key: UUID, *actions: str
    ) -> Any:
        """The same, and nobody purges or changes it before the transaction's end.

        Whoever has not all of these permissions for it does not find it.
        """
        scope = self._scoping.of(actor, "read", *actions)
        reach, args = (Reach.all, ()) if scope is None else scope
        rows = await where.fetch(self._locking[reach], [key], *args)
        if not rows:
            raise NotFound
        return rows[0][1]
