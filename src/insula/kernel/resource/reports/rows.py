"""Rows: what a query of an app's own finds, walled in like everything else."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Alias, FromClause, Join, Select, Table

from insula.kernel.resource.binding import bind
from insula.kernel.resource.unit import WorkContext


async def rows_of(ctx: WorkContext, query: Select[Any]) -> Sequence[Any]:
    """What a query finds in joined tables: the tenant's rows, none of the trash.

    For reports that group and join; whose rows they are tells ``ctx.visible``.
    """
    first, *others = (
        leaf for it in query.get_final_froms() for leaf in _leaves(query, it)
    )
    mine = query.where(*(it.c.tenant_id == first.c.tenant_id for it in others))
    for each in (first, *others):
        if "deleted_at" in each.c:
            mine = mine.where(each.c.deleted_at.is_(None))
    statement, values = bind(mine, first.c.tenant_id)
    return await ctx.transaction.fetch(statement, *values)


def _leaves(query: Select[Any], source: FromClause) -> Iterator[FromClause]:
    """The tables of a join; raises ``TypeError`` for what no wall can be put around."""
    if isinstance(source, Join) and not source.isouter and not source.full:
        yield from _leaves(query, source.left)
        yield from _leaves(query, source.right)
    elif isinstance(source, Table | Alias) and "tenant_id" in source.c:
        yield source
    else:
        raise TypeError(f"only joined tables are read in a report: {query}")
