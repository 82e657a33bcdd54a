"""Links: soft references to rows of any app, which may be gone when they are followed.

``crm.deals:0198…`` stands in one column of text. Whoever reads the row gets, beside it in
``meta.links``, what the link leads to as far as they may read that: its type, id, title
and path; or ``"removed"``, also for what is not theirs to see.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply, Run
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.api import ResourceApi

REMOVED = "removed"
Read = Callable[[Context, Call], Awaitable[Reply]]


def following(
    apis: Mapping[str, ResourceApi], read: Run, fields: tuple[str, ...]
) -> Run:
    """The reading of one row, with what its links lead to."""

    async def run(ctx: Context, call: Call) -> Reply:
        reply = await read(ctx, call)
        row = msgspec.json.decode(reply.data)
        found = {
            name: await follow(apis, ctx, row[name])
            for name in fields
            if row.get(name) is not None
        }
        reply.meta = {**(reply.meta or {}), "links": found}
        return reply

    return run


async def follow(
    apis: Mapping[str, ResourceApi], ctx: Context, link: str
) -> Mapping[str, Any] | str:
    """What a link leads to, for whoever asks."""
    name, _, key = link.partition(":")
    api = apis.get(name)
    if api is None or not _offered(ctx, api):
        return REMOVED
    path = f"{api.resource.address}/{key}"
    try:
        reply = await api.get(ctx, Call(path=path, key=key))
    except NotFound:
        return REMOVED
    row = msgspec.json.decode(reply.data)
    title = row.get(api.resource.title or "")
    return {"type": row["type"], "id": key, "title": title, "path": path}


def _offered(ctx: Context, api: ResourceApi) -> bool:
    resource = api.resource
    installed = not resource.app or ctx.tenant.apps.get(resource.app) == "active"
    readable = ctx.actor.reach(f"{resource.name}.read") is not None
    return installed and readable and "read" not in resource.without
