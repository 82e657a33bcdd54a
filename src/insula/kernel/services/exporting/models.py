"""Exports: files that are made of lists too long to be answered at once."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from insula.kernel.database.columns import (
    Code,
    Holds,
    Json,
    LongText,
    column,
    state,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.exports.sheets import SheetFormat


class ExportState(StrEnum):
    """How far an export is."""

    queued = "queued"
    done = "done"
    cancelled = "cancelled"
    failed = "failed"


S = ExportState


class Export(TenantModel):
    """A list that somebody wants as a file: which, as what, and where it is.

    ``query`` is the list's own. The file is there until ``expires_at``.
    """

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_owner_id", "tenant_id", "owner_id", "id"),
        Index("ix_exports_expires_at", "tenant_id", "expires_at"),
    )

    resource: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    format: Mapped[SheetFormat] = column(default=SheetFormat.csv, read_only=True)
    bom: Mapped[bool] = column(default=False, read_only=True)
    query: Mapped[Json] = column(default={}, holds=Holds.text, read_only=True)
    rows: Mapped[int | None] = column(default=None, min=0, read_only=True)
    size: Mapped[int | None] = column(default=None, min=0, read_only=True)
    error: Mapped[LongText | None] = column(
        default=None, holds=Holds.text, read_only=True
    )
    file_id: Mapped[UUID | None] = column(default=None, read_only=True)
    owner_id: Mapped[UUID | None] = column(default=None, read_only=True)
    expires_at: Mapped[datetime] = column(read_only=True)
    state: Mapped[ExportState] = state(
        S.queued, {S.queued: (S.done, S.cancelled, S.failed), S.done: (S.cancelled,)}
    )


exports = Resource(
    Export,
    kernel=True,
    hidden=(Export.file_id,),
    without=("list", "read", "create", "update", "delete", "restore"),
)
