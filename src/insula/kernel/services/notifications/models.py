"""Notifications: what each user is told, and how they want to be told it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Holds,
    LongText,
    ShortText,
    column,
    holding,
    ref,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure
from insula.kernel.resource.notification import Digest


class Notification(TenantModel):
    """Something that one user is told, and nobody else may read.

    ``cause`` makes it once, however often it is asked for. ``digest_due`` holds while
    it waits for the day's mail.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_mine", "tenant_id", "user_id", "id"),
        Index(
            "ix_notifications_unread",
            "tenant_id",
            "user_id",
            postgresql_where=text("read_at IS NULL"),
        ),
        Index(
            "ix_notifications_due",
            "tenant_id",
            "user_id",
            "id",
            postgresql_where=text("digest_due"),
        ),
        Index(
            "uq_notifications_cause",
            "tenant_id",
            "user_id",
            "kind",
            "cause",
            unique=True,
            postgresql_where=text("cause IS NOT NULL"),
        ),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    user_id: Mapped[UUID] = ref("users", part_of=True)
    kind: Mapped[Code] = column(holds=Holds.nothing)
    title: Mapped[ShortText] = column(holds=Holds.text)
    body: Mapped[LongText] = column(default="", holds=Holds.text)
    link: Mapped[str | None] = mapped_column(
        String(500), default=None, info=holding(Holds.nothing)
    )
    cause: Mapped[str | None] = mapped_column(
        String(100), default=None, info=holding(Holds.nothing)
    )
    event_id: Mapped[UUID | None] = column(default=None)
    in_app: Mapped[bool] = column(default=True)
    digest_due: Mapped[bool] = column(default=False)
    read_at: Mapped[datetime | None] = column(default=None)


class NotificationPreference(TenantModel):
    """How a user wants to be told of one kind, or of all kinds that begin so."""

    __tablename__ = "notification_preferences"
    __table_args__ = (
        Index(
            "uq_notification_preferences_pattern",
            "tenant_id",
            "user_id",
            "pattern",
            unique=True,
        ),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    user_id: Mapped[UUID] = ref("users", part_of=True)
    pattern: Mapped[Code] = column(holds=Holds.nothing)
    in_app: Mapped[bool] = column(default=True)
    mail: Mapped[bool] = column(default=True)
    digest: Mapped[Digest] = column(default=Digest.none)
