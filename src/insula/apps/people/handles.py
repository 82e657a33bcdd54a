"""Handles: by what a person is reached, and told from all others."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from insula.sdk import (
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    Unique,
    column,
    ref,
)


class HandleKind(StrEnum):
    """What sort of address it is."""

    email = "email"
    phone = "phone"
    mastodon = "mastodon"
    other = "other"


class HandleStatus(StrEnum):
    """Whether what is sent there arrives."""

    ok = "ok"
    bounced = "bounced"
    complained = "complained"
    invalid = "invalid"
    dropped = "dropped"
    """Somebody took it away: it does not come back with its contact."""


class Handle(TenantModel):
    """An address, a number, a name elsewhere: it leads to one contact.

    ``value_norm`` is what all spellings of one handle have in common.
    """

    __tablename__ = "people_handles"

    contact_id: Mapped[UUID] = ref("people.contacts", part_of=True)
    kind: Mapped[HandleKind] = column(immutable=True)
    value_raw: Mapped[ShortText] = column(immutable=True, holds=Holds.text)
    value_norm: Mapped[ShortText] = column(read_only=True, holds=Holds.text)
    is_primary: Mapped[bool] = column(default=False, read_only=True)
    verified_at: Mapped[datetime | None] = column(default=None, read_only=True)
    status: Mapped[HandleStatus] = column(default=HandleStatus.ok, read_only=True)


handles = Resource(
    Handle,
    filters=(Handle.contact_id, Handle.status, Handle.value_norm),
    title=Handle.value_raw,
    rules=(
        Unique(Handle.kind, Handle.value_norm),
        Unique(
            Handle.contact_id,
            Handle.kind,
            where=Handle.is_primary.is_(True),
            code="one_primary",
            yields={Handle.is_primary: False},
        ),
    ),
    without=("create", "update", "delete"),
)
