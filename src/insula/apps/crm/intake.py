"""Intake: what happens to leads as they come in: they are scored, and go to somebody."""

from collections.abc import Sequence
from uuid import UUID

from insula.sdk import Context, StoredEvent

from .assignments import Assignment, Method
from .leads import WAITING, Lead, leads
from .scoring import score


@leads.prepare
async def take_in(ctx: Context, new: Sequence[Lead]) -> None:
    """Score new leads, and give those that are nobody's to somebody."""
    await score(ctx, new)
    rules = await ctx.select(Assignment, Assignment.active.is_(True))
    by_source = {it.source: it for it in rules}
    waiting: dict[UUID, list[Lead]] = {}
    for lead in new:
        rule = by_source.get(lead.source) or by_source.get(None)
        if rule is not None and lead.owner_id is None:
            waiting.setdefault(rule.id, []).append(lead)
    # Locked, so that two who come at once do not go to the same.
    for rule in await ctx.lock_rows(Assignment, waiting):
        await _assign(ctx, rule, waiting[rule.id])


async def _assign(ctx: Context, rule: Assignment, new: Sequence[Lead]) -> None:
    """Each goes to who has fewest: of those still open, or since the rule was said."""
    since = Lead.created_at >= rule.updated_at
    counts = Lead.state.in_(WAITING) if rule.method is Method.least_busy else since
    members = [UUID(str(it)) for it in rule.members]
    had = {it: await ctx.count(Lead, Lead.owner_id == it, counts) for it in members}
    for lead in new:
        lead.owner_id = owner = min(members, key=had.__getitem__)
        had[owner] += 1


async def on_lead_changed(ctx: Context, event: StoredEvent) -> None:
    """What is said of a lead changed: so may its score, once."""
    if event.resource_id is not None:
        await score(ctx, await ctx.lock_rows(Lead, [event.resource_id]))
