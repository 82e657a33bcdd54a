"""Activities: calls, meetings and tasks around leads and deals, done or to be done."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from insula.sdk import (
    ContactRef,
    Context,
    Count,
    Holds,
    LongText,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)


class ActivityKind(StrEnum):
    """What is done."""

    call = "call"
    meeting = "meeting"
    task = "task"
    note = "note"
    email = "email"


class Activity(TenantModel):
    """Something that is done for a lead or a deal, by its owner, until a time."""

    __tablename__ = "crm_activities"

    kind: Mapped[ActivityKind] = column(default=ActivityKind.task)
    subject: Mapped[ShortText] = column(holds=Holds.text)
    body: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    lead_id: Mapped[UUID | None] = ref("crm.leads", default=None)
    deal_id: Mapped[UUID | None] = ref("crm.deals", default=None)
    contact_id: Mapped[ContactRef | None] = column(default=None)
    owner_id: Mapped[UUID | None] = column(default=None)
    due_at: Mapped[datetime | None] = column(default=None)
    done_at: Mapped[datetime | None] = column(default=None, read_only=True)


activities = Resource(
    Activity,
    owner=Activity.owner_id,
    filters=(
        *(Activity.kind, Activity.owner_id, Activity.due_at, Activity.done_at),
        *(Activity.lead_id, Activity.deal_id, Activity.contact_id),
    ),
    sort=(Activity.created_at,),
    search=(Activity.subject,),
    include=(Activity.deal_id, Activity.lead_id, Activity.contact_id),
    title=Activity.subject,
    measures=(Count(),),
    dimensions=(Activity.kind, Activity.owner_id),
)


@activities.action("finish")
async def finish(ctx: Context, activity: Activity) -> Activity:
    """Say that it is done; once is enough."""
    activity.done_at = activity.done_at or ctx.now
    return activity
