"""Runs: who may look at them, stop them, and undo them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from insula.kernel.foundation.errors import Conflict
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.bulk.deeds import PERMISSIONS, REVERSE, MayNot
from insula.kernel.resource.declaration import Command, Event, Resource
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.bulk.models import BulkRun, BulkSource, BulkState
from insula.kernel.services.bulk.statements import COUNT_DONE, PRUNE, UNTIE

KEPT = timedelta(days=30)
"""How long a run can be looked at and undone; then it is forgotten with its rows."""

bulk_runs = Resource(
    BulkRun,
    kernel=True,
    filters=(BulkRun.state, BulkRun.resource, BulkRun.created_by),
    sort=(BulkRun.created_at,),
    hidden=(BulkRun.command,),
    without=("create", "update", "delete"),
)


class BulkEnded(Conflict):
    """The run has ended already."""

    code = "BULK_ENDED"


class BulkLives(Conflict):
    """The run has not ended yet: cancel it, or wait."""

    code = "BULK_NOT_ENDED"


class NotUndone(Conflict):
    """This cannot be undone: {verb} has no way back, nothing was done, or it is too late."""

    code = "BULK_NOT_UNDONE"


class UndoneAlready(Conflict):
    """This was undone already."""

    code = "BULK_UNDONE_ALREADY"


class BulkRunEnded(Event):
    """A bulk run has ended."""

    name: ClassVar[str] = "bulk.run.ended"
    run_id: UUID
    state: str
    done: int
    failed: int


class CarryOn(Command):
    """Which run to carry on with."""

    run_id: UUID


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is done by, for whoever asks for it."""

    name: str = "bulk.carry_on"
    command: type[Command] = CarryOn
    queue: Queue = Queue.default


WORK = Work()


def _reverse(ctx: WorkContext, run: BulkRun) -> str:
    """What undoes a run; raises why it cannot be had."""
    verb = REVERSE.get(run.verb)
    if run.ended_at is None:
        raise BulkLives
    if run.undone_by is not None:
        raise UndoneAlready
    if verb is None or run.undo_until is None or run.undo_until < ctx.now:
        raise NotUndone(verb=run.verb)
    permission = f"{run.resource}.{PERMISSIONS[verb]}"
    if ctx.actor.reach(permission) is None:
        raise MayNot(permission=permission)
    return verb


@bulk_runs.action("undo", raises=(BulkLives, NotUndone, UndoneAlready, MayNot))
async def undo(ctx: WorkContext, run: BulkRun) -> BulkRun:
    """Write back what a run has changed, but for rows that were changed since."""
    verb = _reverse(ctx, run)
    counted = await ctx.transaction.fetch(COUNT_DONE, run.id)
    back = BulkRun(
        resource=run.resource,
        verb=verb,
        source=BulkSource.undone,
        total=counted[0]["rows"],
        undoes=run.id,
    )
    run.undone_by = back.id
    ctx.enqueue(WORK, CarryOn(run_id=back.id))
    return await ctx.add(back)


@bulk_runs.action("cancel", raises=(BulkEnded,))
async def cancel(ctx: WorkContext, run: BulkRun) -> BulkRun:
    """Leave the rows that are not done yet as they are."""
    if run.ended_at is not None:
        raise BulkEnded
    run.state, run.ended_at = BulkState.cancelled, ctx.now
    if run.verb in REVERSE and run.done:
        run.undo_until = ctx.now + KEPT
    if run.undoes is not None:
        await ctx.flush()
        await ctx.transaction.fetch(UNTIE, run.id, run.undoes)
    return run


async def prune(ctx: WorkContext) -> None:
    """Forget runs whose time is over, a hundred a night."""
    await ctx.transaction.fetch(PRUNE, ctx.now - KEPT)
