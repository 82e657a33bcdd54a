"""Bulk runs: what was asked for many rows at once, and what became of each."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Holds,
    Json,
    column,
    holding,
    maker,
    ref,
)
from insula.kernel.database.model import TenantModel, TenantRow


class BulkSource(StrEnum):
    """Where the rows come from: named one by one, selected, or those of another run."""

    listed = "listed"
    selected = "selected"
    undone = "undone"


class BulkState(StrEnum):
    """How far a run is; ``done`` says nothing of how many rows failed."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class BulkRun(TenantModel):
    """One thing that is done to many rows of a resource.

    ``verb`` is what is done, ``command`` with what; ``problem`` why it ended early.
    """

    __tablename__ = "bulk_runs"
    __table_args__ = (
        Index(
            "ix_bulk_runs_ended",
            "tenant_id",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
    )

    resource: Mapped[Code] = column(read_only=True, holds=Holds.nothing)
    verb: Mapped[Code] = column(read_only=True, holds=Holds.nothing)
    source: Mapped[BulkSource] = column(read_only=True)
    command: Mapped[Json] = column(default={}, read_only=True, holds=Holds.text)
    all_or_nothing: Mapped[bool] = column(default=False, read_only=True)
    state: Mapped[BulkState] = column(default=BulkState.queued, read_only=True)
    total: Mapped[int | None] = column(default=None, read_only=True)
    done: Mapped[int] = column(default=0, read_only=True)
    failed: Mapped[int] = column(default=0, read_only=True)
    problem: Mapped[str | None] = mapped_column(
        Text, default=None, info=holding(Holds.nothing)
    )
    undoes: Mapped[UUID | None] = column(default=None, read_only=True)
    undone_by: Mapped[UUID | None] = column(default=None, read_only=True)
    undo_until: Mapped[datetime | None] = column(default=None, read_only=True)
    ended_at: Mapped[datetime | None] = column(default=None, read_only=True)
    created_by: Mapped[UUID | None] = maker()


class RowState(StrEnum):
    """What became of a row; ``untouched`` because another one failed."""

    waiting = "waiting"
    done = "done"
    failed = "failed"
    untouched = "untouched"


class BulkRow(TenantRow):
    """One row of a run: what is to be written, then what became of it.

    ``body`` goes when it was used; ``before`` is what undoing writes back, and
    ``row_version`` the version for which that is right.
    """

    __tablename__ = "bulk_rows"
    __table_args__ = (
        Index("uq_bulk_rows_number", "tenant_id", "run_id", "number", unique=True),
        Index(
            "ix_bulk_rows_failed",
            "tenant_id",
            "run_id",
            "number",
            postgresql_where=text("state = 'failed'"),
        ),
    )

    run_id: Mapped[UUID] = ref("bulk_runs", part_of=True)
    number: Mapped[int] = column()
    row_id: Mapped[UUID | None] = column(default=None)
    row_version: Mapped[int | None] = column(default=None)
    state: Mapped[RowState] = column(default=RowState.waiting)
    body: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, default=None, info=holding(Holds.text)
    )
    before: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, default=None, info=holding(Holds.text)
    )
    errors: Mapped[list[Any] | None] = mapped_column(
        JSONB, default=None, info=holding(Holds.text)
    )
