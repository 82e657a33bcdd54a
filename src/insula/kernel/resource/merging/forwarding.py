"""Forwarding: whoever asks for a row that was merged is told where it went.

The answer stays 404, because there is no such row any more: a redirection would have a
program read another row under an id that it believes to know. The error says its id.
"""

from functools import partial
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import Call, Reply, Run
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.merging.declaring import MERGED_INTO
from insula.kernel.resource.merging.errors import MergedAway
from insula.kernel.resource.statements import Numbers


def forwards(api: ResourceApi) -> bool:
    """Whether rows of a resource say what they were merged into."""
    return api.resource.merge is not None and MERGED_INTO in api.shape.facets


def forwarding(api: ResourceApi, read: Run) -> Run:
    """The reading of one row, which knows of those that were merged."""
    wheres = {reach: _where(api, reach) for reach in Reach}
    scoping = api.writer.scoping

    async def went(ctx: Context, key: UUID) -> UUID | None:
        scope = scoping.of(ctx.actor, "read")
        reach, args = (Reach.all, ()) if scope is None else scope
        rows = await ctx.session.fetch(wheres[reach], key, *args)
        return rows[0]["id"] if rows else None

    async def run(ctx: Context, call: Call) -> Reply:
        try:
            return await read(ctx, call)
        except NotFound:
            found = await went(ctx, row_id(call))
            if found is None:
                raise
        path = f"{api.resource.address}/{found}"
        raise MergedAway(merged_into=str(found), path=path)

    return run


def _where(api: ResourceApi, reach: Reach) -> Statement:
    """Where a row went, for whoever reaches the one that stayed."""
    within = partial(api.writer.scoping.sql, reach=reach)
    table = f"{HOME}.{api.resource.table.name}"
    return Statement(
        f"WITH {CONTEXT} SELECT r.id FROM ctx CROSS JOIN LATERAL (SELECT c.id"  # noqa: S608  # our names
        f" FROM {table} old JOIN {table} c ON c.tenant_id = old.tenant_id"
        f" AND c.id = old.{MERGED_INTO} WHERE old.tenant_id = ctx.tenant_id"
        " AND old.id = $2::uuid AND old.deleted_at IS NOT NULL"
        f" AND c.deleted_at IS NULL{within(Numbers(used=2))} LIMIT 1) r"
    )
