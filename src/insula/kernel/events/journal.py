"""The journal: what was done and what happened, written with its cause or not at all."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Json, column
from insula.kernel.database.model import TenantRow
from insula.kernel.database.walls import APPEND_ONLY


class AuditEntry(TenantRow):
    """One change of a tenant's rows, or one sign-in: who did what, from where."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_resource", "tenant_id", "resource_id", "id"),
        {"info": {APPEND_ONLY: True}},
    )

    action: Mapped[str] = mapped_column(String(100))
    resource: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    request_id: Mapped[str | None] = mapped_column(String(64), default=None)
    client: Mapped[str | None] = mapped_column(String(64), default=None)
    changes: Mapped[Json] = column(default={})


class OutboxMessage(TenantRow):
    """An event on its way out, in the transaction of what caused it (D6)."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_due",
            "tenant_id",
            "id",
            postgresql_where=text("sent_at IS NULL"),
        ),
    )

    name: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    request_id: Mapped[str | None] = mapped_column(String(64), default=None)
    sent_at: Mapped[datetime | None] = column(default=None)
