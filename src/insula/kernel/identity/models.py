"""Users and their sessions: they live with their tenant (R06)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Email,
    Json,
    ShortText,
    TextList,
    column,
    ref,
)
from insula.kernel.database.model import TenantModel, TenantRow


class User(TenantModel):
    """A person of the tenant's staff, who signs in with e-mail and password.

    ``email`` is kept in lower case: two spellings are one address (S0-19).
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("idx_users_tenant_email", "tenant_id", "email", unique=True),
        Index("idx_users_tenant_created", "tenant_id", "created_at"),
    )

    name: Mapped[ShortText] = column(personal=True)
    email: Mapped[Email] = column(personal=True)
    password: Mapped[str | None] = mapped_column(Text, default=None)
    avatar: Mapped[str | None] = mapped_column(String(500), default=None)
    roles: Mapped[TextList] = column(default=[])
    settings: Mapped[Json] = column(default={})
    email_verified_at: Mapped[datetime | None] = column(default=None)
    disabled_at: Mapped[datetime | None] = column(default=None)
    last_login_at: Mapped[datetime | None] = column(default=None)
    login_count: Mapped[int] = column(default=0)


class UserSession(TenantRow):
    """One sign-in of a user: every token of it dies with this row (R09).

    ``generation`` counts the refresh tokens that it has had; ``refresh_hash`` is that
    of the present one, ``client`` the address from which it was asked for.
    """

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = ref("users")
    refresh_hash: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int] = column(default=0)
    rotated_at: Mapped[datetime | None] = column(default=None)
    expires_at: Mapped[datetime] = column()
    revoked_at: Mapped[datetime | None] = column(default=None)
    client: Mapped[str | None] = mapped_column(String(64), default=None)
    user_agent: Mapped[str | None] = mapped_column(String(255), default=None)
