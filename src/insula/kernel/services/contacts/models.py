"""Contacts: people whom a tenant serves, who see its portal and never its inside."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Email,
    Holds,
    LongText,
    ShortText,
    column,
    holding,
    ref,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure, Subject
from insula.kernel.identity.models import SignedIn


class Contact(TenantModel):
    """A customer, a student, a vendor: somebody with an account at the portal.

    Nobody of the staff, whatever address they share: the two never sign in at each
    other's door. ``email`` is kept in lower case; ``role`` is one of the system's.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_tenant_created", "tenant_id", "created_at"),
        {"info": {PERSON: Subject(keep="what was sold to them stays sold.")}},
    )

    name: Mapped[ShortText] = column(holds=Holds.name)
    email: Mapped[Email] = column(holds=Holds.email, immutable=True)
    phone: Mapped[str | None] = mapped_column(
        String(40), default=None, info=holding(Holds.phone)
    )
    role: Mapped[Code] = column(default="customer", holds=Holds.nothing, read_only=True)
    password: Mapped[LongText | None] = column(
        default=None, holds=Holds.secret, read_only=True
    )
    invited_at: Mapped[datetime | None] = column(default=None, read_only=True)
    verified_at: Mapped[datetime | None] = column(default=None, read_only=True)
    disabled_at: Mapped[datetime | None] = column(default=None, read_only=True)
    last_login_at: Mapped[datetime | None] = column(default=None, read_only=True)


class ContactSession(SignedIn):
    """One sign-in of a contact: every token of it dies with this row."""

    __tablename__ = "contact_sessions"
    __table_args__ = ({"info": {PERSON: About("contact_id", Erasure.delete)}},)

    contact_id: Mapped[UUID] = ref("contacts")
    factors: Mapped[list[str]] = mapped_column(
        JSONB, default=[], server_default="[]", info=holding(Holds.nothing)
    )
