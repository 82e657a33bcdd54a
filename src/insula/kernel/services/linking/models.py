"""Linked accounts: one person with a user in several tenants, by their own wish (R06)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.control import ControlModel
from insula.kernel.tenancy.models import TenantRow


class LinkedAccount(ControlModel):
    """A person, as far as several tenants have proof that it is the same one."""

    __tablename__ = "accounts"


class Membership(ControlModel):
    """A user who is that person; no tenant sees who else is.

    ``email`` and ``proved_at`` are of the day of the proof: with another address or a
    later password the user may be somebody else, and the link sleeps.
    """

    __tablename__ = "account_members"
    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id"),
        UniqueConstraint("account_id", "tenant_id"),
    )
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey(LinkedAccount.id, ondelete="CASCADE")
    )
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE"), index=True
    )
    user_id: Mapped[UUID]
    email: Mapped[str] = mapped_column(String(255))
    proved_at: Mapped[datetime]
