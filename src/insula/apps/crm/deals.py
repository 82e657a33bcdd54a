"""Deals: what may be sold, to whom, for how much, and how it went stage by stage."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, cast, func

from insula.sdk import (
    Average,
    Check,
    Code,
    ContactRef,
    Count,
    Currency,
    Elapsed,
    Holds,
    Mapped,
    Month,
    NoOverlap,
    Quarter,
    Ratio,
    Resource,
    ShortText,
    Sum,
    TenantModel,
    Weighted,
    column,
    computed,
    money,
    ranked,
    ref,
    state,
)

from .pipelines import D, DealState


class LostReason(StrEnum):
    """Why nothing came of a deal."""

    price = "price"
    competitor = "competitor"
    timing = "timing"
    no_need = "no_need"
    no_answer = "no_answer"
    other = "other"
    unknown = "unknown"


class Deal(TenantModel):
    """Something that may be sold; its currency, once said, stays."""

    __tablename__ = "crm_deals"

    title: Mapped[ShortText] = column(holds=Holds.text)
    external_id: Mapped[Code | None] = column(
        default=None, unique=True, immutable=True, holds=Holds.nothing
    )
    contact_id: Mapped[ContactRef | None] = column(default=None)
    company_id: Mapped[UUID | None] = ref("people.companies", default=None)
    lead_id: Mapped[UUID | None] = ref("crm.leads", default=None, immutable=True)
    owner_id: Mapped[UUID | None] = column(default=None)
    source: Mapped[Code | None] = column(default=None, holds=Holds.text)
    pipeline_id: Mapped[UUID | None] = ref(
        "crm.pipelines", default=None, immutable=True
    )
    stage_id: Mapped[UUID | None] = ref("crm.stages", default=None, immutable=True)
    currency: Mapped[Currency | None] = column(default=None, immutable=True)
    amount_minor: Mapped[int | None] = money(
        default=None, min=0, max=10**15, frozen_in=(D.won, D.lost)
    )
    expected_close_on: Mapped[date | None] = column(default=None, holds=Holds.nothing)
    state: Mapped[DealState] = state(
        D.open,
        {D.open: (D.won, D.lost), D.won: (D.open,), D.lost: (D.open,)},
        announced=(D.won, D.lost),
    )
    position: Mapped[str] = ranked("stage_id")
    probability: Mapped[int] = column(default=0, read_only=True, min=0, max=100)
    opened_at: Mapped[datetime | None] = column(default=None, read_only=True)
    entered_at: Mapped[datetime | None] = column(default=None, read_only=True)
    closed_at: Mapped[datetime | None] = column(default=None, read_only=True)
    lost_reason: Mapped[LostReason | None] = column(default=None, read_only=True)
    rate: Mapped[float | None] = column(
        default=None, read_only=True, holds=Holds.nothing
    )
    value_minor: Mapped[int | None] = computed(
        lambda row: cast(func.round(row["amount_minor"] * row["rate"]), BigInteger)
    )


class DealStageSpan(TenantModel):
    """The time that a deal spent in a stage; it has no end while it is there."""

    __tablename__ = "crm_deal_stage_spans"

    deal_id: Mapped[UUID] = ref("crm.deals", part_of=True)
    stage_id: Mapped[UUID] = ref("crm.stages")
    owner_id: Mapped[UUID | None] = column(default=None)
    started_at: Mapped[datetime] = column()
    ended_at: Mapped[datetime | None] = column(default=None)
    forward: Mapped[bool | None] = column(default=None)


class DealLine(TenantModel):
    """One thing that is offered in a deal, at a price in the deal's currency."""

    __tablename__ = "crm_deal_lines"

    deal_id: Mapped[UUID] = ref("crm.deals", part_of=True)
    product: Mapped[ShortText] = column(holds=Holds.text)
    quantity: Mapped[int] = column(default=1, min=1, max=10**6)
    price_minor: Mapped[int] = column(default=0, min=0, max=10**12)
    total_minor: Mapped[int] = computed(
        lambda row: row["quantity"] * row["price_minor"]
    )


ALIKE = (
    *(Deal.pipeline_id, Deal.stage_id, Deal.state),
    *(Deal.owner_id, Deal.company_id, Deal.source),
)
WON, LOST = Count(where=Deal.state == D.won, name="won"), Deal.state == D.lost
WIN_RATE = Ratio(WON, Count(where=Deal.state != D.open, name="closed"), name="win_rate")
WON_VALUE = Sum(Deal.value_minor, where=Deal.state == D.won, name="won_value")
WEIGHTED = Weighted(Deal.value_minor, by=Deal.probability)
CYCLE = Average(Elapsed(Deal.opened_at, Deal.closed_at))
WENT_ON = Ratio(
    Count(where=DealStageSpan.forward.is_(True), name="went_on"),
    Count(where=DealStageSpan.ended_at.is_not(None), name="left"),
    name="conversion",
)
IN_STAGE = Average(Elapsed(DealStageSpan.started_at, DealStageSpan.ended_at))

deal_lines = Resource(
    DealLine,
    filters=(DealLine.deal_id, DealLine.product),
    sort=(DealLine.created_at,),
    measures=(Sum(DealLine.quantity), Sum(DealLine.total_minor)),
    dimensions=(DealLine.product,),
)
deal_stage_spans = Resource(
    DealStageSpan,
    owner=DealStageSpan.owner_id,
    filters=(DealStageSpan.deal_id, DealStageSpan.stage_id),
    sort=(DealStageSpan.started_at,),
    include=(DealStageSpan.stage_id,),
    measures=(WENT_ON, IN_STAGE),
    dimensions=(DealStageSpan.stage_id, DealStageSpan.owner_id),
    rules=(
        NoOverlap(
            DealStageSpan.deal_id,
            start=DealStageSpan.started_at,
            end=DealStageSpan.ended_at,
        ),
    ),
    without=("create", "update", "delete"),
)
deals = Resource(
    Deal,
    owner=Deal.owner_id,
    filters=(*ALIKE, Deal.contact_id, Deal.expected_close_on, Deal.closed_at),
    sort=(Deal.position, Deal.created_at, Deal.title),
    search=(Deal.title, Deal.external_id),
    include=(Deal.contact_id, Deal.company_id, Deal.stage_id, Deal.lead_id),
    title=Deal.title,
    tags=True,
    comments=True,
    timeline=True,
    measures=(
        Sum(Deal.amount_minor),
        Sum(Deal.value_minor),
        Average(Deal.value_minor),
        WEIGHTED,
        WON_VALUE,
        WIN_RATE,
        CYCLE,
    ),
    dimensions=(
        *ALIKE,
        Deal.lost_reason,
        Month(Deal.expected_close_on),
        Month(Deal.closed_at),
        Quarter(Deal.closed_at),
    ),
    rules=(
        Check(
            "closed_when_closed",
            (Deal.state == D.open) == Deal.closed_at.is_(None),
            field=Deal.closed_at,
            code="closed_when_closed",
        ),
        Check(
            "lost_for_a_reason",
            Deal.lost_reason.is_not(None) == LOST,
            field=Deal.lost_reason,
            code="lost_for_a_reason",
        ),
    ),
    children=(deal_lines,),
)
