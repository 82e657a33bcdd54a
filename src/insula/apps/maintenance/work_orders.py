"""Work orders: every execution of a routine and every repair, from open to verified."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from insula.sdk import (
    Average,
    Check,
    Command,
    Conflict,
    Context,
    Count,
    Event,
    Holds,
    LongText,
    Mapped,
    Max,
    Month,
    Resource,
    ShortText,
    TenantModel,
    Unique,
    Week,
    Year,
    column,
    ref,
    state,
)

from .checklists import Checklist, ChecklistItem, Line


class WorkKind(StrEnum):
    """Why there is work to do."""

    preventive = "preventive"
    corrective = "corrective"
    install = "install"


class WorkState(StrEnum):
    """How far the work is."""

    open = "open"
    scheduled = "scheduled"
    in_progress = "in_progress"
    on_hold = "on_hold"
    done = "done"
    verified = "verified"
    cancelled = "cancelled"


W = WorkState
PENDING = (W.open, W.scheduled, W.in_progress, W.on_hold)


class WorkOrder(TenantModel):
    """Something to be done, by somebody, until a time."""

    __tablename__ = "maintenance_work_orders"

    title: Mapped[ShortText] = column(holds=Holds.text)
    kind: Mapped[WorkKind] = column(default=WorkKind.corrective)
    priority: Mapped[int] = column(default=3, min=1, max=5)
    assignee_id: Mapped[UUID | None] = column(default=None)
    asset_id: Mapped[UUID | None] = ref("maintenance.assets", default=None)
    routine_id: Mapped[UUID | None] = ref("maintenance.routines", default=None)
    occurrence_on: Mapped[date | None] = column(default=None, holds=Holds.nothing)
    due_at: Mapped[datetime | None] = column(default=None)
    done_at: Mapped[datetime | None] = column(default=None, read_only=True)
    subject: Mapped[ShortText | None] = column(default=None, holds=Holds.text)
    state: Mapped[WorkState] = state(
        W.open,
        {
            W.open: (W.scheduled, W.cancelled),
            W.scheduled: (W.in_progress, W.cancelled),
            W.in_progress: (W.on_hold, W.done, W.cancelled),
            W.on_hold: (W.in_progress, W.cancelled),
            W.done: (W.verified,),
        },
    )


class WorkItem(Line):
    """One line of an order's own checklist, and what was answered."""

    __tablename__ = "maintenance_work_items"

    work_order_id: Mapped[UUID] = ref("maintenance.work_orders", part_of=True)
    answer: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    answered_at: Mapped[datetime | None] = column(default=None)
    answered_by: Mapped[UUID | None] = column(default=None)
    out_of_range: Mapped[bool] = column(default=False)
    corrective_id: Mapped[UUID | None] = ref("maintenance.work_orders", default=None)


work_orders = Resource(
    WorkOrder,
    owner=WorkOrder.assignee_id,
    filters=(
        WorkOrder.state,
        WorkOrder.kind,
        WorkOrder.assignee_id,
        WorkOrder.asset_id,
        WorkOrder.routine_id,
        WorkOrder.due_at,
    ),
    sort=(WorkOrder.created_at, WorkOrder.priority),
    search=(WorkOrder.title, WorkOrder.subject),
    include=(WorkOrder.asset_id, WorkOrder.routine_id),
    measures=(Count(), Average(WorkOrder.priority), Max(WorkOrder.done_at)),
    dimensions=(
        WorkOrder.state,
        WorkOrder.kind,
        WorkOrder.priority,
        WorkOrder.assignee_id,
        WorkOrder.asset_id,
        Week(WorkOrder.due_at),
        Month(WorkOrder.due_at),
        Month(WorkOrder.done_at),
        Year(WorkOrder.occurrence_on),
    ),
    title=WorkOrder.title,
    tags=True,
    comments=True,
    timeline=True,
    rules=(
        Unique(WorkOrder.routine_id, WorkOrder.occurrence_on, code="occurrence_exists"),
        Check(
            "done_has_time",
            (WorkOrder.state != W.done) | WorkOrder.done_at.is_not(None),
            field=WorkOrder.done_at,
            code="needs_time",
        ),
    ),
    moves={
        "start": W.in_progress,
        "hold": W.on_hold,
        "verify": W.verified,
        "cancel": W.cancelled,
    },
    without=("delete",),  # an occurrence that was thrown away would be made again
)
work_orders.scope("pending", WorkOrder.state, *PENDING)


class ChecklistOpen(Conflict):
    """Required checklist items are still open."""

    code = "maintenance.checklist_open"


class OutOfRange(Conflict):
    """A measured number is out of its range: put it right and measure again."""

    code = "maintenance.out_of_range"


class OrderClosed(Conflict):
    """The work order is closed: its checklist stays as it is."""

    code = "maintenance.order_closed"


class WorkOrderDone(Event):
    """The work of an order was done."""

    name: ClassVar[str] = "maintenance.work_order.done"
    work_order_id: UUID
    asset_id: UUID | None


class ScheduleWork(Command):
    """Until when the work is due, and who does it."""

    due_at: AwareDatetime
    assignee_id: UUID | None = None


class ApplyChecklist(Command):
    """Which checklist."""

    checklist_id: UUID


@work_orders.action("schedule")
async def schedule(ctx: Context, order: WorkOrder, command: ScheduleWork) -> WorkOrder:
    """Say when the work is due, and who does it."""
    ctx.move(order, W.scheduled)
    order.due_at, order.assignee_id = command.due_at, command.assignee_id
    return order


@work_orders.action("finish", raises=(ChecklistOpen, OutOfRange))
async def finish(ctx: Context, order: WorkOrder) -> WorkOrder:
    """Say that the work is done; its checklist must be complete."""
    ctx.move(order, W.done)
    mine = WorkItem.work_order_id == order.id
    unanswered = WorkItem.required.is_(True), WorkItem.answer.is_(None)
    if await ctx.exists(WorkItem, mine, *unanswered):
        raise ChecklistOpen
    if await ctx.exists(WorkItem, mine, WorkItem.out_of_range.is_(True)):
        raise OutOfRange
    order.done_at = ctx.now
    ctx.emit(WorkOrderDone(work_order_id=order.id, asset_id=order.asset_id))
    return order


@work_orders.action("apply-checklist", raises=(OrderClosed,))
async def apply_checklist(
    ctx: Context, order: WorkOrder, command: ApplyChecklist
) -> WorkOrder:
    """Copy the items of a checklist to an order."""
    if order.state not in PENDING:
        raise OrderClosed
    checklist = await ctx.get(Checklist, command.checklist_id)
    theirs = ChecklistItem.checklist_id == checklist.id
    async for item in ctx.each(ChecklistItem, theirs):
        await ctx.add(copied(item, order))
    return order


def copied(item: ChecklistItem, order: WorkOrder) -> WorkItem:
    """A line of a checklist as a line of an order, which later changes leave alone."""
    return WorkItem(
        work_order_id=order.id,
        position=item.position,
        label=item.label,
        kind=item.kind,
        required=item.required,
        minimum=item.minimum,
        maximum=item.maximum,
    )
