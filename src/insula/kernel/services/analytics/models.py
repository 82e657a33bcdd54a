"""What is kept of sign-ins: each one, and what they amount to by day."""

from datetime import date
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, column, holding, ref
from insula.kernel.database.model import TenantRow
from insula.kernel.database.personal import PERSON, About


class LoginEvent(TenantRow):
    """Somebody signed in, or failed to: the source of all that is told of sign-ins.

    Its id is that of the session, or of the journal's entry of the failure, so that
    nothing is written twice. ``method`` is the first of the session's factors.
    """

    __tablename__ = "login_events"
    __table_args__ = (
        Index("ix_login_events_created", "tenant_id", "created_at"),
        {"info": {PERSON: About("user_id")}},
    )

    user_id: Mapped[UUID | None] = ref("users", default=None)
    succeeded: Mapped[bool] = column()
    method: Mapped[str | None] = mapped_column(
        String(20), default=None, info=holding(Holds.nothing)
    )
    reason: Mapped[str | None] = mapped_column(
        String(40), default=None, info=holding(Holds.nothing)
    )
    client: Mapped[str | None] = mapped_column(
        String(64), default=None, info=holding(Holds.network)
    )
    user_agent: Mapped[str | None] = mapped_column(
        String(255), default=None, info=holding(Holds.network)
    )


class LoginDay(TenantRow):
    """The sign-ins of one day in the tenant's time zone, counted from the events.

    ``methods`` and ``reasons`` count by name, ``hours`` by hour of the day.
    """

    __tablename__ = "login_daily"
    __table_args__ = (Index("uq_login_daily_day", "tenant_id", "day", unique=True),)

    day: Mapped[date] = column(holds=Holds.nothing)
    logins: Mapped[int] = column(default=0, min=0)
    users: Mapped[int] = column(default=0, min=0)
    failures: Mapped[int] = column(default=0, min=0)
    methods: Mapped[dict[str, int]] = mapped_column(
        JSONB, default_factory=dict, info=holding(Holds.nothing)
    )
    reasons: Mapped[dict[str, int]] = mapped_column(
        JSONB, default_factory=dict, info=holding(Holds.nothing)
    )
    hours: Mapped[dict[str, int]] = mapped_column(
        JSONB, default_factory=dict, info=holding(Holds.nothing)
    )
