"""Interactions: what was said and written between a contact and the tenant."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from insula.sdk import (
    Code,
    Context,
    Count,
    Holds,
    LongText,
    Mapped,
    Month,
    Resource,
    ShortText,
    TenantModel,
    column,
    maker,
    ref,
)


class InteractionKind(StrEnum):
    """How people met."""

    call = "call"
    meeting = "meeting"
    email = "email"
    message = "message"
    visit = "visit"
    note = "note"


class Interaction(TenantModel):
    """A call, a meeting, a letter: one moment with a contact, and what it was about."""

    __tablename__ = "people_interactions"

    contact_id: Mapped[UUID] = ref("people.contacts", part_of=True)
    kind: Mapped[InteractionKind] = column()
    channel: Mapped[Code | None] = column(default=None, holds=Holds.nothing)
    subject: Mapped[ShortText] = column(holds=Holds.text)
    content: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    at: Mapped[datetime | None] = column(default=None)
    created_by: Mapped[UUID | None] = maker()


interactions = Resource(
    Interaction,
    filters=(
        Interaction.contact_id,
        Interaction.kind,
        Interaction.channel,
        Interaction.at,
    ),
    sort=(Interaction.created_at,),
    search=(Interaction.subject, Interaction.content),
    include=(Interaction.contact_id,),
    title=Interaction.subject,
    measures=(Count(),),
    dimensions=(Interaction.kind, Interaction.channel, Month(Interaction.at)),
)


@interactions.prepare
async def happened_now(ctx: Context, rows: Sequence[Interaction]) -> None:
    """What does not say when it was is of this moment."""
    for row in rows:
        row.at = row.at or ctx.now
