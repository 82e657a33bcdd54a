"""Users and their sessions: they live with their tenant (R06)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Email,
    Holds,
    Json,
    ShortText,
    TextList,
    column,
    holding,
    ref,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure, Subject


class User(TenantModel):
    """A person of the tenant's staff, who signs in with e-mail and password.

    ``email`` is kept in lower case: two spellings are one address (S0-19).
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("idx_users_tenant_email", "tenant_id", "email", unique=True),
        Index("idx_users_tenant_created", "tenant_id", "created_at"),
        {"info": {PERSON: Subject(keep="what was done stays somebody's.")}},
    )

    name: Mapped[ShortText] = column(holds=Holds.name)
    email: Mapped[Email] = column(holds=Holds.email)
    password: Mapped[str | None] = mapped_column(
        Text, default=None, info=holding(Holds.secret)
    )
    avatar: Mapped[str | None] = mapped_column(
        String(500), default=None, info=holding(Holds.text)
    )
    roles: Mapped[TextList] = column(default=[], holds=Holds.nothing)
    settings: Mapped[Json] = column(default={}, holds=Holds.text)
    email_verified_at: Mapped[datetime | None] = column(default=None)
    disabled_at: Mapped[datetime | None] = column(default=None)
    last_login_at: Mapped[datetime | None] = column(default=None)
    login_count: Mapped[int] = column(default=0)
    password_changed_at: Mapped[datetime | None] = column(default=None)
    locale: Mapped[str | None] = mapped_column(
        String(20), default=None, info=holding(Holds.nothing)
    )
    external_id: Mapped[str | None] = mapped_column(
        String(255), default=None, info=holding(Holds.text)
    )
    """How the directory calls them from which they come (RFC 7643)."""
    registered_at: Mapped[datetime | None] = column(default=None)
    """When they made the account for themselves; unconfirmed, it goes after a week."""
    second_factor_at: Mapped[datetime | None] = column(default=None)
    """Since when they have a second factor that is confirmed."""


class SignedIn(TenantRow):
    """What there is of every sign-in, whoever it is that signed in.

    ``generation`` counts the refresh tokens that it has had; ``refresh_hash`` is that
    of the present one, ``client`` the address from which it was asked for. ``factors``
    is how it was signed in (RFC 8176), ``proved_at`` when the person last proved to be
    there.
    """

    __abstract__ = True

    refresh_hash: Mapped[str] = mapped_column(String(64), info=holding(Holds.secret))
    generation: Mapped[int] = column(default=0)
    rotated_at: Mapped[datetime | None] = column(default=None)
    expires_at: Mapped[datetime] = column()
    revoked_at: Mapped[datetime | None] = column(default=None)
    client: Mapped[str | None] = mapped_column(
        String(64), default=None, info=holding(Holds.network)
    )
    user_agent: Mapped[str | None] = mapped_column(
        String(255), default=None, info=holding(Holds.network)
    )
    proved_at: Mapped[datetime | None] = column(default=None)


class UserSession(SignedIn):
    """One sign-in of a user: every token of it dies with this row (R09).

    A client that acts for the user has a session of its own, with ``scopes``.
    """

    __tablename__ = "sessions"
    __table_args__ = ({"info": {PERSON: About("user_id", Erasure.delete)}},)

    user_id: Mapped[UUID] = ref("users")
    kind: Mapped[str] = mapped_column(
        String(10), default="token", server_default="token", info=holding(Holds.nothing)
    )
    factors: Mapped[list[str]] = mapped_column(
        JSONB, default=[], server_default="[]", info=holding(Holds.nothing)
    )
    client_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    scopes: Mapped[list[str] | None] = mapped_column(
        JSONB, default=None, info=holding(Holds.nothing)
    )
