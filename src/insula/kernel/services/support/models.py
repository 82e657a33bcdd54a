"""Support accesses: when which operator may look into a tenant, and by whose leave."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.control import ControlModel
from insula.kernel.tenancy.models import AdminSession, TenantRow

LEAST_HOURS, MOST_HOURS = 3, 168


class Kind(StrEnum):
    """By whose leave an operator comes in."""

    consent = "consent"
    """The tenant's own."""
    break_glass = "break_glass"
    """Nobody's of the tenant, which is told at once."""


class Scope(StrEnum):
    """What an operator may do there."""

    read = "read"
    manage = "manage"
    """Also change what apps keep; never who has access."""


class Progress(StrEnum):
    """Where an access is in its life."""

    requested = "requested"
    approved = "approved"
    """Its time runs, but nobody has come in yet."""
    active = "active"
    rejected = "rejected"
    revoked = "revoked"
    expired = "expired"
    """Never stored: the clock alone says so."""


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class SupportAccess(ControlModel):
    """Leave for one operator to enter one tenant for some hours.

    ``operator`` is their address at that time, for when they are no more.
    """

    __tablename__ = "support_accesses"
    __table_args__ = (
        Index("ix_support_accesses_tenant", "tenant_id", "id"),
        Index("ix_support_accesses_admin", "admin_id", "id"),
        _one_of("kind", Kind),
        _one_of("scope", Scope),
        _one_of("state", Progress),
        CheckConstraint(f"hours BETWEEN {LEAST_HOURS} AND {MOST_HOURS}", name="hours"),
    )
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE")
    )
    admin_id: Mapped[UUID]
    operator: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(String(500))
    kind: Mapped[Kind]
    scope: Mapped[Scope]
    hours: Mapped[int]
    state: Mapped[Progress]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]


class SupportPass(ControlModel):
    """A token with which an operator is inside; it dies with their own sign-in."""

    __tablename__ = "support_passes"
    access_id: Mapped[UUID] = mapped_column(
        ForeignKey(SupportAccess.id, ondelete="CASCADE"), index=True
    )
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey(AdminSession.id, ondelete="CASCADE"), index=True
    )
    hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
