"""Demonstration data: a small sales team in the middle of its year."""

from datetime import timedelta
from typing import NamedTuple

from insula.sdk import Context

from .activities import Activity, ActivityKind
from .deals import Deal, DealLine, LostReason
from .leads import L, Lead, LeadState
from .moving import begin
from .pipelines import D, Pipeline, Stage
from .scoring import Operator, ScoreRule, score

STAGES = (
    ("Qualified", D.open, 10, 30),
    ("Visited", D.open, 30, 30),
    ("Offered", D.open, 60, 14),
    ("Agreed", D.open, 90, 7),
    ("Won", D.won, 100, None),
    ("Lost", D.lost, 0, None),
)
CUSTOMERS = (
    "Alder Brewery",
    "Bright Dental",
    "City Gardens",
    "Delta Freight",
    "Elm School",
    "Fjord Fisheries",
)
PRODUCTS = (("Oven", 480_000), ("Mixer", 95_000), ("Service, a year", 36_000))
SOURCES = ("website", "fair", "referral", "phone")


class Story(NamedTuple):
    """How a lead came, and how far it has come."""

    name: str
    company: str
    source: str
    states: tuple[LeadState, ...]


LEADS = (
    Story("Maya Okafor", "Harbour Hotel", "website", ()),
    Story("Jonas Lind", "Lind & Sons", "fair", (L.working,)),
    Story("Farah Haddad", "Cedar Cafe", "referral", (L.working, L.qualified)),
    Story("Tom Becker", "Becker Bau", "phone", (L.disqualified,)),
    Story("Ines Prado", "Prado Foods", "website", (L.working,)),
    Story("Kenji Mori", "Mori Bakery", "fair", (L.qualified,)),
)
RULES = (
    ("Came on a recommendation", "source", Operator.equals, "referral", 30),
    ("Was at the fair", "source", Operator.equals, "fair", 15),
    ("Can be called", "phone", Operator.known, None, 10),
    ("Has many ovens", "details.ovens", Operator.at_least, "3", 25),
)


async def demo(ctx: Context) -> None:
    """Fill an empty tenant; does nothing where there are pipelines."""
    if await ctx.exists(Pipeline):
        return
    pipeline = Pipeline(name="Bakery equipment")
    stages = [
        Stage(
            pipeline_id=pipeline.id,
            name=name,
            kind=kind,
            probability=probability,
            stale_days=stale_days,
        )
        for name, kind, probability, stale_days in STAGES
    ]
    await ctx.add_missing([pipeline])
    await ctx.add_missing(stages)
    rules = [
        ScoreRule(name=name, field=field, operator=operator, value=value, points=points)
        for name, field, operator, value, points in RULES
    ]
    await ctx.add_missing(rules)
    await _add_deals(ctx, stages)
    await _add_leads(ctx)


async def _add_deals(ctx: Context, stages: list[Stage]) -> None:
    """Thirty deals that began in the last ten months."""
    deals = [_deal(ctx, number, stages) for number in range(30)]
    await begin(ctx, deals)
    await ctx.add_missing(deals)
    lines = [_line(deal, number) for number, deal in enumerate(deals)]
    await ctx.add_missing(lines)
    due = ctx.now + timedelta(days=2)
    calls = [
        Activity(
            kind=ActivityKind.call if number % 2 else ActivityKind.meeting,
            subject=f"{deal.title}: talk about the offer",
            deal_id=deal.id,
            due_at=due - timedelta(days=number % 5),
        )
        for number, deal in enumerate(deals)
        if deal.closed_at is None
    ]
    await ctx.add_missing(calls)


def _deal(ctx: Context, number: int, stages: list[Stage]) -> Deal:
    stage = stages[number % len(stages)]
    product, price = PRODUCTS[number % 3]
    began = ctx.now - timedelta(days=300 - 10 * number)
    deal = Deal(
        title=f"{product} for {CUSTOMERS[number * 5 % 6]}",
        source=SOURCES[number % 4],
        stage_id=stage.id,
        amount_minor=price * (1 + number % 3),
        expected_close_on=(ctx.now + timedelta(days=7 * (number % 9))).date(),
    )
    deal.opened_at = began
    if stage.kind is not D.open:
        deal.closed_at = min(began + timedelta(days=20 + number), ctx.now)
    if stage.kind is D.lost:
        deal.lost_reason = list(LostReason)[number % 5]
    return deal


def _line(deal: Deal, number: int) -> DealLine:
    product, price = PRODUCTS[number % 3]
    return DealLine(
        deal_id=deal.id, product=product, quantity=1 + number % 3, price_minor=price
    )


async def _add_leads(ctx: Context) -> None:
    leads = [
        Lead(
            name=it.name,
            company_name=it.company,
            source=it.source,
            email=f"{it.name.split()[0].lower()}@example.com",
            phone=f"+49 30 5550 {100 + at}" if at % 2 else None,
            details={"ovens": at},
        )
        for at, it in enumerate(LEADS)
    ]
    for lead, story in zip(leads, LEADS, strict=True):
        for wanted in story.states:
            ctx.move(lead, wanted)
    await score(ctx, leads)
    await ctx.add_missing(leads)
