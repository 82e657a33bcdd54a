"""Scoring: what a lead is worth, by rules over what it says and by what it does.

What it does counts for less as time goes by. The score follows from rules, lead, events
and the day alone: to work it out again changes nothing that is right already.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.sdk import (
    Code,
    Command,
    Context,
    Holds,
    Invalid,
    Mapped,
    Progress,
    Resource,
    Saved,
    ShortText,
    TenantModel,
    column,
    ref,
)

from .leads import L, Lead

CHUNK = 200
FIRST = str(UUID(int=0))
SAID = r"^(name|email|phone|company_name|source|country|note|details\.[^.]{1,50})$"
FieldOfLead = Annotated[Code, Field(pattern=SAID, examples=["source"])]


class Operator(StrEnum):
    """How a rule looks at a field."""

    known = "known"
    equals = "equals"
    contains = "contains"
    at_least = "at_least"
    at_most = "at_most"


class ScoreRule(TenantModel):
    """Points for leads of which something is so."""

    __tablename__ = "crm_score_rules"

    name: Mapped[ShortText] = column(holds=Holds.nothing)
    field: Mapped[FieldOfLead] = column(holds=Holds.nothing)
    operator: Mapped[Operator] = column(default=Operator.known)
    value: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
    points: Mapped[int] = column(min=-1000, max=1000)
    active: Mapped[bool] = column(default=True)


class ScoreEvent(TenantModel):
    """Something that a lead did; its points halve in ``half_life_days``."""

    __tablename__ = "crm_score_events"

    lead_id: Mapped[UUID] = ref("crm.leads", part_of=True)
    kind: Mapped[Code] = column(holds=Holds.nothing)
    points: Mapped[int] = column(min=-1000, max=1000)
    half_life_days: Mapped[int] = column(default=30, min=1, max=3650)
    happened_at: Mapped[datetime | None] = column(default=None)
    cause: Mapped[Code | None] = column(
        default=None, unique=True, immutable=True, holds=Holds.nothing
    )


score_rules = Resource(
    ScoreRule, filters=(ScoreRule.active,), sort=(ScoreRule.created_at, ScoreRule.name)
)
score_events = Resource(
    ScoreEvent,
    filters=(ScoreEvent.lead_id, ScoreEvent.kind),
    sort=(ScoreEvent.created_at,),
)


async def score(ctx: Context, leads: Sequence[Lead]) -> None:
    """Work out what leads are worth now."""
    rules = await ctx.select(ScoreRule, ScoreRule.active.is_(True))
    done: defaultdict[UUID, float] = defaultdict(float)
    theirs = ScoreEvent.lead_id.in_([it.id for it in leads])
    async for event in ctx.each(ScoreEvent, theirs):
        done[event.lead_id] += decayed(event, ctx.now)
    for lead in leads:
        said = sum(it.points for it in rules if holds(it, lead))
        lead.score = round(said + done[lead.id])


def decayed(event: ScoreEvent, at: datetime) -> float:
    """What is left of an event's points."""
    days = (at - (event.happened_at or event.created_at)).total_seconds() / 86_400
    return float(event.points * 0.5 ** max(days / event.half_life_days, 0.0))


def holds(rule: ScoreRule, lead: Lead) -> bool:
    """Whether what a rule wants is so; what is unknown never is."""
    name, _, member = rule.field.partition(".")
    said = lead.details.get(member) if member else getattr(lead, name)
    text, wanted = str(said or "").casefold(), (rule.value or "").casefold()
    match rule.operator:
        case Operator.known:
            return bool(text)
        case Operator.equals:
            return bool(text) and text == wanted
        case Operator.contains:
            return bool(wanted) and wanted in text
    try:
        number, bound = float(str(said)), float(wanted)
    except ValueError:
        return False
    return number >= bound if rule.operator is Operator.at_least else number <= bound


@score_events.follow
async def score_anew(ctx: Context, saved: Sequence[Saved]) -> dict[UUID, Invalid]:
    """What a lead does changes its score with it."""
    events = await ctx.select(ScoreEvent, ScoreEvent.id.in_([it.id for it in saved]))
    await score(ctx, await ctx.lock_rows(Lead, {it.lead_id for it in events}))
    return {}


class Rescore(Command):
    """Nothing needs to be said: it is all leads that are still open."""


async def rescore(ctx: Context, _: Rescore, progress: Progress) -> bool:
    """Work out the scores of some leads; those that stay the same are not written."""
    still = Lead.state.not_in((L.converted, L.disqualified))
    behind = Lead.id > UUID(progress.cursor or FIRST)
    found = await ctx.select(Lead, still, behind, limit=CHUNK)
    await score(ctx, found)
    progress.done += len(found)
    progress.cursor = str(found[-1].id) if found else progress.cursor
    return len(found) < CHUNK
