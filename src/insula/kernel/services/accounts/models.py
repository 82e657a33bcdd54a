"""Invitations: who was asked to come in, by whom, and as what."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Email,
    Holds,
    TextList,
    column,
    holding,
    state,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure


class InvitationState(StrEnum):
    """What became of an invitation; one that nobody took expires."""

    pending = "pending"
    accepted = "accepted"
    revoked = "revoked"


class Invitation(TenantModel):
    """Somebody who was asked to come in (S3-06, S4-18).

    The token is in the mail alone; the row keeps its hash. Resending makes another one.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            "uq_invitations_pending",
            "tenant_id",
            "email",
            unique=True,
            postgresql_where=text("state = 'pending' AND deleted_at IS NULL"),
        ),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    email: Mapped[Email] = column(holds=Holds.email, read_only=True)
    roles: Mapped[TextList] = column(default=[], holds=Holds.nothing, read_only=True)
    locale: Mapped[Code | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
    state: Mapped[InvitationState] = state(
        InvitationState.pending,
        {
            InvitationState.pending: (
                InvitationState.accepted,
                InvitationState.revoked,
            )
        },
    )
    token_hash: Mapped[str] = mapped_column(String(64), info=holding(Holds.secret))
    expires_at: Mapped[datetime] = column(read_only=True)
    invited_by: Mapped[UUID | None] = column(default=None, read_only=True)
    user_id: Mapped[UUID | None] = column(default=None, read_only=True)
    accepted_at: Mapped[datetime | None] = column(default=None, read_only=True)
