"""Rehearsing: a write is carried out to the last check, and then undone.

It takes the very path of the real one, inside of a transaction that is never committed:
whatever would be refused is refused, and what is answered is what would be answered.
"""

from collections.abc import Mapping

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import BadRequest

DRY_RUN = "dry_run"
SAID = {"true": True, "false": False}


class BadDryRun(BadRequest):
    """dry_run is 'true' or 'false'."""

    code = "INVALID_QUERY"


class NoDryRun(BadRequest):
    """This cannot be done as a dry run: nothing was done."""

    code = "DRY_RUN_NOT_OFFERED"


class _Undone(Exception):
    """Carries the answer out of the transaction that it undoes."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def rehearsed(operation: Operation, query: Mapping[str, str]) -> bool:
    """Whether the caller wants a write to be tried only.

    Raises ``NoDryRun`` where that cannot be had: to do it in earnest would be the one
    thing that the caller did not ask for.
    """
    said = query.get(DRY_RUN)
    if said is None or not operation.writes:
        return False
    if not operation.rehearsable:
        if any(it.name == DRY_RUN for it in operation.parameters):
            return False  # it has a way of its own
        raise NoDryRun
    if said not in SAID:
        raise BadDryRun
    return SAID[said]


async def rehearse(operation: Operation, ctx: Context, call: Call) -> Reply:
    """What the operation would answer; nothing of what it did is left.

    An idempotency key is not remembered with it: the real one may still come.
    """
    try:
        async with ctx.session.joint() as joint:
            raise _Undone(await operation.run(ctx.within(joint), call))
    except _Undone as undone:
        reply = undone.reply
    # What would have been made has no address, and no version that anybody could match.
    reply.status, reply.location, reply.etag = 200, None, None
    reply.meta = {**(reply.meta or {}), DRY_RUN: True}
    return reply
