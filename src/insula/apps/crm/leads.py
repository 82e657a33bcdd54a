"""Leads: who might want something, and how they become customers: at once or not."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.sdk import (
    PERSON,
    About,
    Average,
    Check,
    Code,
    Command,
    Conflict,
    ContactRef,
    Context,
    Count,
    Email,
    Holds,
    Json,
    LongText,
    Mapped,
    Month,
    Ratio,
    Resource,
    ShortText,
    TenantModel,
    column,
    state,
)

from .deals import Deal
from .moving import begin
from .pipelines import OtherCurrency


class LeadState(StrEnum):
    """How far somebody has looked into a lead."""

    new = "new"
    working = "working"
    qualified = "qualified"
    converted = "converted"
    disqualified = "disqualified"


L = LeadState
WAITING = (L.new, L.working)


class Lead(TenantModel):
    """Somebody who may buy: what they said of themselves, and what it is worth.

    ``external_id`` is what a form or another system knows it by: it comes in once.
    """

    __tablename__ = "crm_leads"
    __table_args__ = ({"info": {PERSON: About("contact_id")}},)

    name: Mapped[ShortText] = column(holds=Holds.name)
    email: Mapped[Email | None] = column(default=None, holds=Holds.email)
    phone: Mapped[Code | None] = column(default=None, holds=Holds.phone)
    company_name: Mapped[ShortText | None] = column(default=None, holds=Holds.text)
    source: Mapped[Code | None] = column(default=None, holds=Holds.text)
    country: Mapped[Code | None] = column(default=None, holds=Holds.text)
    note: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    details: Mapped[Json] = column(default={}, holds=Holds.text)
    external_id: Mapped[Code | None] = column(
        default=None, unique=True, immutable=True, holds=Holds.nothing
    )
    owner_id: Mapped[UUID | None] = column(default=None)
    score: Mapped[int] = column(default=0, read_only=True)
    contact_id: Mapped[ContactRef | None] = column(default=None, read_only=True)
    state: Mapped[LeadState] = state(
        L.new,
        {
            L.new: (L.working, L.qualified, L.disqualified),
            L.working: (L.qualified, L.disqualified),
            L.qualified: (L.converted, L.disqualified),
            L.disqualified: (L.working,),
        },
        announced=(L.qualified, L.converted),
    )


CONVERTED = Count(where=Lead.state == L.converted, name="converted")
MEASURES = (
    Count(),
    CONVERTED,
    Ratio(CONVERTED, Count(), name="conversion"),
    Average(Lead.score),
)
leads = Resource(
    Lead,
    owner=Lead.owner_id,
    filters=(Lead.state, Lead.owner_id, Lead.source, Lead.score, Lead.email),
    sort=(Lead.score, Lead.created_at, Lead.name),
    search=(Lead.name, Lead.company_name, Lead.email),
    include=(Lead.contact_id,),
    title=Lead.name,
    tags=True,
    comments=True,
    timeline=True,
    aliases={Lead.external_id: ("Prospect ID",), Lead.email: ("E-Mail",)},
    measures=MEASURES,
    dimensions=(Lead.state, Lead.source, Lead.owner_id, Month(Lead.created_at)),
    rules=(
        Check(
            "converted_to_somebody",
            (Lead.state == L.converted) == Lead.contact_id.is_not(None),
            field=Lead.contact_id,
            code="converted_to_somebody",
        ),
    ),
    moves={"work": L.working, "qualify": L.qualified, "disqualify": L.disqualified},
)

Title = Annotated[str, Field(min_length=1, max_length=255)]


class PossibleDuplicates(Conflict):
    """There are contacts like this: say which of them it is, or that it is a new one."""

    code = "crm.possible_duplicates"
    told = ("candidates",)


class ConvertLead(Command):
    """What becomes of it; without a contact one is made, ``as_new`` even beside others."""

    contact_id: UUID | None = None
    company_id: UUID | None = None
    as_new: bool = False
    deal_title: Title | None = None
    amount_minor: Annotated[int, Field(ge=0, le=10**15)] | None = None
    currency: OtherCurrency | None = None
    pipeline_id: UUID | None = None


@leads.action("convert", raises=(PossibleDuplicates,))
async def convert(ctx: Context, lead: Lead, command: ConvertLead) -> Deal:
    """Make a contact, a company and a deal of a qualified lead; answers the deal."""
    if command.contact_id is None and not command.as_new:
        await _refuse_duplicates(ctx, lead)
    company_id = command.company_id or await _company(ctx, lead)
    contact_id = command.contact_id or await _contact(ctx, lead, company_id)
    ctx.move(lead, L.converted)
    lead.contact_id = contact_id
    deal = Deal(
        title=command.deal_title or lead.company_name or lead.name,
        contact_id=contact_id,
        company_id=company_id,
        lead_id=lead.id,
        owner_id=lead.owner_id,
        source=lead.source,
        pipeline_id=command.pipeline_id,
        currency=command.currency,
        amount_minor=command.amount_minor,
    )
    await begin(ctx, [deal])
    return await ctx.add(deal)


async def _refuse_duplicates(ctx: Context, lead: Lead) -> None:
    said = {"name": lead.name, "email": lead.email, "phone": lead.phone}
    found = await ctx.request("people.find_duplicates", **said)
    if found["candidates"]:
        raise PossibleDuplicates(candidates=found["candidates"])


async def _contact(ctx: Context, lead: Lead, company_id: UUID | None) -> UUID:
    made = await ctx.request(
        "people.contacts.create",
        name=lead.name,
        email=lead.email,
        phone=lead.phone,
        company_id=company_id,
        source=lead.source,
        owner_id=lead.owner_id,
    )
    return UUID(str(made["id"]))


async def _company(ctx: Context, lead: Lead) -> UUID | None:
    """The company of that name, a new one if there is none."""
    if lead.company_name is None:
        return None
    found = await ctx.request("people.find_company", name=lead.company_name)
    if found["id"] is None:
        name, owner = lead.company_name, lead.owner_id
        found = await ctx.request("people.companies.create", name=name, owner_id=owner)
    return UUID(str(found["id"]))
