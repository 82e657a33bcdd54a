"""The journal: what was done and what happened, written with its cause or not at all."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, SmallInteger, String, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, Json, column, holding
from insula.kernel.database.model import TenantRow
from insula.kernel.database.personal import PERSON, About
from insula.kernel.database.walls import APPEND_ONLY, PARTITIONED

SOUGHT = (
    "action",
    "resource",
    "resource_id",
    "actor_id",
    "created_at",
)
"""By what entries are looked for: every write pays for each of these."""


class AuditEntry(TenantRow):
    """One change of a tenant's rows, or one sign-in: who did what, from where."""

    __tablename__ = "audit_log"
    __table_args__ = (
        *(Index(f"ix_audit_log_{it}", "tenant_id", it, "id") for it in SOUGHT),
        {
            "info": {APPEND_ONLY: True, PARTITIONED: True, PERSON: About("actor_id")},
            "postgresql_partition_by": "RANGE (id)",
        },
    )

    action: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    resource: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    resource_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    actor_kind: Mapped[str] = mapped_column(String(20), info=holding(Holds.nothing))
    actor_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    request_id: Mapped[str | None] = mapped_column(
        String(64), default=None, info=holding(Holds.nothing)
    )
    client: Mapped[str | None] = mapped_column(
        String(64), default=None, info=holding(Holds.network)
    )
    user_agent: Mapped[str | None] = mapped_column(
        String(255), default=None, info=holding(Holds.network)
    )
    via: Mapped[str | None] = mapped_column(
        String(60), default=None, info=holding(Holds.nothing)
    )
    """Through what the actor came, if not by signing in: ``api_key:<id>`` and the like."""
    changes: Mapped[Json] = column(default={}, holds=Holds.text)


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
        Index(
            "uq_outbox_sequence",
            "tenant_id",
            "sequence",
            unique=True,
            postgresql_where=text("sequence IS NOT NULL"),
        ),
    )

    name: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    version: Mapped[int] = mapped_column(
        SmallInteger, default=1, server_default=text("1")
    )
    sequence: Mapped[int | None] = column(default=None)
    resource_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, info=holding(Holds.text))
    actor_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    request_id: Mapped[str | None] = mapped_column(
        String(64), default=None, info=holding(Holds.nothing)
    )
    sent_at: Mapped[datetime | None] = column(default=None)
