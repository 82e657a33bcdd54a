"""The timeline: what happened to a row, and to whatever refers to it."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.attached import ATTACHED, Attached
from insula.kernel.database.columns import Holds, holding
from insula.kernel.database.model import TenantRow
from insula.kernel.database.walls import PARTITIONED


class TimelineEntry(Attached, TenantRow):
    """That an event concerns a row: the row's own, or one of ``subject`` that refers to it.

    Events alone are its source. The id follows from those of the event and of the row, so that
    an event that is read again makes no second entry. It is cut by months, as the audit
    log is, and goes with them.
    """

    __tablename__ = "timeline_entries"
    __table_args__ = (
        Index("ix_timeline_entries_row", "tenant_id", "resource", "row_id", "id"),
        {
            "info": {ATTACHED: True, PARTITIONED: True},
            "postgresql_partition_by": "RANGE (id)",
        },
    )

    event_id: Mapped[UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    subject: Mapped[str] = mapped_column(String(64), info=holding(Holds.nothing))
    """The resource of the row to which it happened."""
    subject_id: Mapped[UUID] = mapped_column(Uuid)
    field: Mapped[str | None] = mapped_column(
        String(64), default=None, info=holding(Holds.nothing)
    )
    """By which that row refers to this one; None where it is the same."""
    actor_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    data: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default_factory=dict, info=holding(Holds.text)
    )
