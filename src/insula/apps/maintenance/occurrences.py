"""Occurrences: the work orders of routines, made ahead of time and never twice."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from insula.sdk import Context

from .assets import Asset, AssetState
from .checklists import ChecklistItem
from .recurrence import Occurrence, Recurrence
from .routines import BasedOn, Routine
from .work_orders import PENDING, WorkKind, WorkOrder, copied

CHUNK = 500


async def generate_ahead(ctx: Context) -> None:
    """Make the orders that are due within the lead time of their routine."""
    await generate(ctx)


async def generate(ctx: Context, until: date | None = None) -> int:
    """Make the orders of all active routines up to a day; how many were new.

    Without a day, each routine's lead time counts. An order that exists, even one
    that was cancelled, is left alone, so it is safe to run this at any time.
    """
    orders: list[WorkOrder] = []
    checklists: dict[UUID | None, UUID] = {}
    async for routine in ctx.each(Routine, Routine.active.is_(True)):
        orders += [_order(routine, it) for it in await _due(ctx, routine, until)]
        if routine.checklist_id is not None:
            checklists[routine.id] = routine.checklist_id
    present = await _present(ctx, [it.asset_id for it in orders if it.asset_id])
    made = await ctx.add_missing(
        [it for it in orders if it.asset_id is None or it.asset_id in present]
    )
    wanted = {checklists[it.routine_id] for it in made if it.routine_id in checklists}
    items: dict[UUID, list[ChecklistItem]] = defaultdict(list)
    async for item in ctx.each(ChecklistItem, ChecklistItem.checklist_id.in_(wanted)):
        items[item.checklist_id].append(item)
    await ctx.add_missing(
        [
            copied(item, order)
            for order in made
            if order.routine_id in checklists
            for item in items[checklists[order.routine_id]]
        ]
    )
    return len(made)


async def _present(ctx: Context, ids: Iterable[UUID]) -> set[UUID]:
    """Those assets that are neither retired nor in the trash."""
    every, found = sorted(set(ids)), set[UUID]()
    for at in range(0, len(every), CHUNK):
        these = Asset.id.in_(every[at : at + CHUNK])
        in_use = await ctx.select(Asset, these, Asset.state != AssetState.retired)
        found.update(asset.id for asset in in_use)
    return found


def _order(routine: Routine, occurrence: Occurrence) -> WorkOrder:
    return WorkOrder(
        title=routine.title,
        kind=WorkKind.preventive,
        asset_id=routine.asset_id,
        routine_id=routine.id,
        occurrence_on=occurrence.on,
        due_at=occurrence.due_at,
    )


async def _due(ctx: Context, routine: Routine, until: date | None) -> list[Occurrence]:
    today = ctx.now.astimezone(ZoneInfo(routine.tz)).date()
    last = until or today + timedelta(days=routine.lead_days)
    recurrence = Recurrence(routine.rrule, routine.tz, routine.starts_on)
    if routine.based_on is BasedOn.schedule:
        return recurrence.due(today, last)
    return await _after_completion(ctx, routine, recurrence.due(today, last), last)


async def _after_completion(
    ctx: Context, routine: Routine, first: list[Occurrence], last: date
) -> list[Occurrence]:
    """At most one: the next is counted from the day on which the last was done."""
    mine = WorkOrder.routine_id == routine.id
    latest = WorkOrder.occurrence_on.desc()
    known = WorkOrder.occurrence_on.is_not(None)
    orders = await ctx.select(WorkOrder, mine, known, order_by=latest, limit=1)
    if not orders:
        return first[:1]
    order = orders[0]
    planned = order.occurrence_on
    assert planned is not None
    if order.state in PENDING:
        return []
    done = order.done_at
    day = planned if done is None else done.astimezone(ZoneInfo(routine.tz)).date()
    following = max(day, planned) + timedelta(days=1)
    found = Recurrence(routine.rrule, routine.tz, day).between(following, last)
    return found[:1]
