"""Consents: what people agreed to be told, through which channel, and when they ended it.

Rows are only added. For a channel and a purpose the newest counts; a withdrawal is for
the purpose, whatever the channel, and counts at once.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field
from sqlalchemy import or_

from insula.sdk import (
    Code,
    Command,
    Context,
    Count,
    Event,
    FieldError,
    Holds,
    Invalid,
    Json,
    Mapped,
    Month,
    Resource,
    TenantRow,
    Words,
    column,
    maker,
    ref,
)

from .contacts import Contact, contacts
from .handles import Handle, HandleKind, HandleStatus


class Channel(StrEnum):
    """How people are reached."""

    email = "email"
    sms = "sms"
    phone = "phone"
    post = "post"
    push = "push"


class ConsentState(StrEnum):
    """What somebody said."""

    granted = "granted"
    withdrawn = "withdrawn"


HANDLE_OF = {
    Channel.email: HandleKind.email,
    Channel.sms: HandleKind.phone,
    Channel.phone: HandleKind.phone,
}
"""The kind of handle that a channel needs."""


class Consent(TenantRow):
    """One thing that somebody said; what was said before stays as it is."""

    __tablename__ = "people_consents"

    contact_id: Mapped[UUID] = ref("people.contacts", part_of=True)
    channel: Mapped[Channel | None] = column(default=None)
    purpose: Mapped[Code] = column(holds=Holds.nothing)
    state: Mapped[ConsentState] = column()
    evidence: Mapped[Json] = column(default={}, holds=Holds.text)
    at: Mapped[datetime] = column()
    created_by: Mapped[UUID | None] = maker()


consents = Resource(
    Consent,
    filters=(
        Consent.contact_id,
        Consent.purpose,
        Consent.channel,
        Consent.state,
        Consent.at,
    ),
    sort=(Consent.created_at,),
    measures=(Count(),),
    dimensions=(Consent.state, Consent.purpose, Consent.channel, Month(Consent.at)),
)


class ConsentChanged(Event):
    """Somebody agreed to something, or does not any more."""

    name: ClassVar[str] = "people.consent.changed"
    consent_id: UUID
    contact_id: UUID
    purpose: str
    channel: Channel | None
    state: ConsentState


def short(evidence: dict[str, str]) -> dict[str, str]:
    """Evidence as it is kept; raises ``ValueError`` for a document of another sort."""
    if len(evidence) > MOST_EVIDENCE:
        raise ValueError(Words("this is too much"))
    return evidence


MOST_EVIDENCE = 20
PURPOSE = r"^[a-z][a-z0-9_.-]{0,63}$"
Purpose = Annotated[str, Field(pattern=PURPOSE, examples=["newsletter"])]
Said = Annotated[str, Field(max_length=1000)]
Evidence = Annotated[dict[str, Said], AfterValidator(short)]


class GrantConsent(Command):
    """To what somebody agreed, how it is known, and when it was said."""

    channel: Annotated[Channel, Field(strict=False)]
    purpose: Purpose
    evidence: Evidence = Field(default_factory=dict)
    at: AwareDatetime | None = None


class WithdrawConsent(Command):
    """To what somebody does not agree any more."""

    purpose: Purpose
    evidence: Evidence = Field(default_factory=dict)


class CurrentConsent(BaseModel):
    """What counts now for a channel and a purpose."""

    channel: Channel
    purpose: str
    state: ConsentState
    at: datetime


class CurrentConsents(BaseModel):
    """What counts now of all that a contact said."""

    consents: list[CurrentConsent]


@contacts.action("grant-consent", raises=(Invalid,))
async def grant_consent(
    ctx: Context, contact: Contact, command: GrantConsent
) -> Consent:
    """Note that a contact agreed to something."""
    at = command.at or ctx.now
    if at > ctx.now:
        words = Words("The {field} field lies in the future.", field="at")
        raise Invalid(FieldError("at", "in_the_future", words))
    granted = ConsentState.granted
    return await _note(ctx, contact, command, granted, (command.channel, at))


@contacts.action("withdraw-consent")
async def withdraw_consent(
    ctx: Context, contact: Contact, command: WithdrawConsent
) -> Consent:
    """Note that a contact does not agree to something any more, in whatever channel."""
    withdrawn = ConsentState.withdrawn
    return await _note(ctx, contact, command, withdrawn, (None, ctx.now))


async def _note(
    ctx: Context,
    contact: Contact,
    command: GrantConsent | WithdrawConsent,
    state: ConsentState,
    when: tuple[Channel | None, datetime],
) -> Consent:
    channel, at = when
    consent = Consent(
        contact_id=contact.id,
        channel=channel,
        purpose=command.purpose,
        state=state,
        evidence=command.evidence,
        at=at,
    )
    await ctx.add(consent)
    its = {"consent_id": consent.id, "contact_id": contact.id}
    said = {"purpose": consent.purpose, "channel": channel, "state": state}
    ctx.emit(ConsentChanged.model_validate(its | said))
    return consent


@contacts.question("consents")
async def current_consents(ctx: Context, contact: Contact) -> CurrentConsents:
    """Tell what counts now of all that a contact said."""
    granted: dict[tuple[Channel, str], datetime] = {}
    ended: dict[str, datetime] = {}
    async for row in ctx.each(Consent, Consent.contact_id == contact.id):
        if row.channel is None:
            ended[row.purpose] = max(row.at, ended.get(row.purpose, row.at))
        else:
            key = row.channel, row.purpose
            granted[key] = max(row.at, granted.get(key, row.at))
    return CurrentConsents(
        consents=[
            _current(channel, purpose, at, ended.get(purpose))
            for (channel, purpose), at in sorted(granted.items())
        ]
    )


def _current(
    channel: Channel, purpose: str, at: datetime, ended: datetime | None
) -> CurrentConsent:
    withdrawn = ended is not None and ended >= at
    return CurrentConsent(
        channel=channel,
        purpose=purpose,
        state=ConsentState.withdrawn if withdrawn else ConsentState.granted,
        at=ended if ended is not None and withdrawn else at,
    )


async def may_send(
    ctx: Context, contact_id: UUID, channel: Channel, purpose: str
) -> bool:
    """Whether something may be sent: it was agreed to, and there is where to send it."""
    about = Consent.contact_id == contact_id, Consent.purpose == purpose
    anyhow = or_(Consent.channel == channel, Consent.channel.is_(None))
    newest = await ctx.select(
        Consent, *about, anyhow, order_by=Consent.__table__.c.at.desc(), limit=2
    )
    if not newest or newest[0].state is not ConsentState.granted:
        return False
    if newest[-1].at == newest[0].at and newest[-1].channel is None:
        return False  # both in one moment: whoever takes it back is believed
    kind = HANDLE_OF.get(channel)
    if kind is None:
        return True
    first = Handle.contact_id == contact_id, Handle.is_primary.is_(True)
    good = Handle.status == HandleStatus.ok
    return await ctx.exists(Handle, *first, good, Handle.kind == kind)
