"""Work items: an order's checklist, answered line by line while the work is done."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.sdk import Command, Context, FieldError, Invalid, Resource, Words

from .attachments import Attachment
from .checklists import ItemKind
from .work_orders import PENDING, OrderClosed, WorkItem, WorkKind, WorkOrder

work_items = Resource(
    WorkItem,
    filters=(WorkItem.work_order_id,),
    sort=(WorkItem.position,),
    include=(WorkItem.work_order_id, WorkItem.corrective_id),
    without=("create", "update", "delete"),
)


Value = bool | float | Annotated[str, Field(min_length=1, max_length=10_000)]


class AnswerItem(Command):
    """True or false, a number, a text, or the id of an attachment for a photo."""

    value: Value


@work_items.action("answer", raises=(OrderClosed, Invalid))
async def answer(ctx: Context, item: WorkItem, command: AnswerItem) -> WorkItem:
    """Answer an item; a number out of range raises a corrective order, once."""
    order = await ctx.lock(WorkOrder, item.work_order_id)
    if order.state not in PENDING:
        raise OrderClosed
    item.answer = await _checked(ctx, item, command.value)
    item.answered_at, item.answered_by = ctx.now, ctx.actor.id
    item.out_of_range = _is_out_of_range(item, command.value)
    if item.out_of_range and item.corrective_id is None:
        item.corrective_id = (await ctx.add(_corrective(order, item))).id
    return item


def _is_out_of_range(item: WorkItem, value: Value) -> bool:
    if not isinstance(value, float):
        return False
    lowest, highest = item.minimum, item.maximum
    return (lowest is not None and value < lowest) or (
        highest is not None and value > highest
    )


async def _checked(ctx: Context, item: WorkItem, value: Value) -> str | None:
    match item.kind, value:
        case ItemKind.tick, bool():
            return "yes" if value else None
        case ItemKind.number, float():
            return str(value)
        case ItemKind.text, str():
            return value
        case ItemKind.photo, str() if await _is_attached(ctx, item, value):
            return value
    words = Words(
        "The {field} field must answer an item of kind {kind}.",
        field="value",
        kind=item.kind.value,
    )
    raise Invalid(FieldError("value", "wrong_kind", words))


async def _is_attached(ctx: Context, item: WorkItem, value: str) -> bool:
    try:
        wanted = UUID(value)
    except ValueError:
        return False
    here = Attachment.work_order_id == item.work_order_id
    return await ctx.exists(Attachment, here, Attachment.id == wanted)


def _corrective(order: WorkOrder, item: WorkItem) -> WorkOrder:
    return WorkOrder(
        title=f"Out of range ({item.answer}): {item.label}"[:255],
        kind=WorkKind.corrective,
        priority=2,
        asset_id=order.asset_id,
    )
