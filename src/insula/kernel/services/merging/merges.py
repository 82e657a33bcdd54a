"""Merges as callers see them: looked at, and forgotten when their time is over."""

from datetime import timedelta

from insula.kernel.database.session import HOME, Statement
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.merging.models import Merge

KEPT = timedelta(days=30)
"""How long a merge can be undone; then what it knows of the rows is forgotten."""

merges = Resource(
    Merge,
    kernel=True,
    filters=(Merge.resource, Merge.survivor_id, Merge.merged_id, Merge.created_by),
    sort=(Merge.created_at,),
    hidden=(Merge.filled,),
    without=("create", "update", "delete"),
)

PRUNE = Statement(
    f"""WITH old AS (SELECT id FROM {HOME}.merges WHERE tenant_id = $1::text::uuid
     AND undo_until < $2::timestamptz ORDER BY undo_until LIMIT 100),
 moves AS (DELETE FROM {HOME}.merge_moves WHERE tenant_id = $1::text::uuid
     AND merge_id IN (SELECT id FROM old))
DELETE FROM {HOME}.merges WHERE tenant_id = $1::text::uuid
   AND id IN (SELECT id FROM old)"""  # noqa: S608  # our names
)


async def prune(ctx: WorkContext) -> None:
    """Forget merges whose time is over, a hundred a night."""
    await ctx.transaction.fetch(PRUNE, ctx.now)
