"""Imports and their rows: a file on its way into a resource, and what stands in its way."""

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
    ShortText,
    column,
    ref,
    state,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.resource.declaration import Resource


class ImportState(StrEnum):
    """How far an import is."""

    uploaded = "uploaded"
    checking = "checking"
    checked = "checked"
    running = "running"
    done = "done"
    cancelled = "cancelled"
    failed = "failed"


S = ImportState


class ImportRun(TenantModel):
    """A file that was uploaded to be imported: what it is, and what became of its rows.

    ``options`` are the instructions as they were said; ``columns`` tells of each of the
    file's columns the field that it probably is. ``source_id`` is the file as it came,
    ``rows_id`` its rows as the jobs read them. Nothing that the rows say is here: what
    is written to this row is audited, and the audit outlives the import.
    """

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_owner_id", "tenant_id", "owner_id", "id"),
        Index("ix_imports_expires_at", "tenant_id", "expires_at"),
    )

    resource: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    name: Mapped[ShortText] = column(holds=Holds.text, read_only=True)
    format: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    encoding: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    delimiter: Mapped[Code | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
    size: Mapped[int] = column(min=0, read_only=True)
    columns: Mapped[Json] = column(default={}, holds=Holds.nothing, read_only=True)
    options: Mapped[Json] = column(default={}, holds=Holds.text, read_only=True)
    rows: Mapped[int] = column(default=0, min=0, read_only=True)
    done: Mapped[int] = column(default=0, min=0, read_only=True)
    created: Mapped[int] = column(default=0, min=0, read_only=True)
    updated: Mapped[int] = column(default=0, min=0, read_only=True)
    skipped: Mapped[int] = column(default=0, min=0, read_only=True)
    failed: Mapped[int] = column(default=0, min=0, read_only=True)
    error: Mapped[LongText | None] = column(
        default=None, holds=Holds.text, read_only=True
    )
    source_id: Mapped[UUID | None] = column(default=None, read_only=True)
    rows_id: Mapped[UUID | None] = column(default=None, read_only=True)
    owner_id: Mapped[UUID | None] = column(default=None, read_only=True)
    expires_at: Mapped[datetime] = column(read_only=True)
    state: Mapped[ImportState] = state(
        S.uploaded,
        {
            S.uploaded: (S.checking, S.cancelled),
            S.checking: (S.checked, S.cancelled, S.failed, S.uploaded),
            S.checked: (S.checking, S.running, S.cancelled, S.uploaded),
            S.running: (S.done, S.cancelled, S.failed),
            S.failed: (S.checking, S.uploaded, S.cancelled),
        },
    )


class ImportRow(TenantRow):
    """A row that was refused, or that somebody put right: no other is kept.

    ``number`` is the line of the file on which it begins; under 0 are samples of each
    column. ``errors`` are those of the last time that it was tried.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("uq_import_rows_number", "tenant_id", "import_id", "number", unique=True),
    )

    import_id: Mapped[UUID] = ref("imports", part_of=True)
    number: Mapped[int] = column(min=0)
    cells: Mapped[Json] = column(default={}, holds=Holds.text)
    errors: Mapped[Json] = column(default={}, holds=Holds.text)
    fixed: Mapped[bool] = column(default=False)


imports = Resource(
    ImportRun,
    kernel=True,
    hidden=(ImportRun.source_id, ImportRun.rows_id),
    without=("list", "read", "create", "update", "delete", "restore"),
)
