"""Reminders: who has deals that rest, and activities that are overdue, is told of them."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from insula.sdk import Context, Message, NotificationKind, notify

from .activities import Activity
from .deals import Deal
from .pipelines import D, Stage

STALE = NotificationKind(
    "crm.deals_stale",
    {"en": "Deals rest", "de": "Geschäfte ruhen", "ar": "صفقات راكدة"},
)
OVERDUE = NotificationKind(
    "crm.activities_overdue",
    {
        "en": "Activities are overdue",
        "de": "Aktivitäten sind überfällig",
        "ar": "أنشطة متأخرة",
    },
)


async def remind(ctx: Context) -> None:
    """Tell everybody once a week what rests, and once a day what is overdue."""
    resting: Counter[UUID] = Counter()
    for stage in await ctx.select(Stage, Stage.stale_days.is_not(None)):
        since = ctx.now - timedelta(days=stage.stale_days or 0)
        here = Deal.stage_id == stage.id, Deal.state == D.open
        async for deal in ctx.each(Deal, *here, Deal.entered_at < since):
            resting.update([deal.owner_id] if deal.owner_id else [])
    overdue: Counter[UUID] = Counter()
    undone = Activity.done_at.is_(None), Activity.due_at < ctx.now
    async for activity in ctx.each(Activity, *undone):
        overdue.update([activity.owner_id] if activity.owner_id else [])
    await _tell(ctx, STALE, resting, "/crm/deals", f"{ctx.now:%G-W%V}")
    await _tell(ctx, OVERDUE, overdue, "/crm/activities", f"{ctx.now:%Y-%m-%d}")


async def _tell(
    ctx: Context, kind: NotificationKind, many: Counter[UUID], link: str, when: str
) -> None:
    for owner, number in many.items():
        cause = f"{kind.name}:{owner}:{when}"
        message = Message(title=kind.titles, body=str(number), link=link, cause=cause)
        await notify(ctx, [owner], kind, message)
