"""Files and usage: what is known of each file of a tenant, and what all take together."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from insula.kernel.database.columns import (
    Code,
    Holds,
    Json,
    ShortText,
    column,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure
from insula.kernel.storage.places import Folder
from insula.kernel.storage.scanning import Verdict


class FileState(StrEnum):
    """Whether a file can be had."""

    ready = "ready"
    quarantined = "quarantined"


class File(TenantModel):
    """A file: its content is never changed, and lies in the storage under ``storage_key``.

    The row is written when the content is in its place, so that none points to nothing.
    ``subject_type`` and ``subject_id`` are the row that it is attached to; ``variants``
    are the bytes of each copy of an image; ``edition`` counts how often its links were
    revoked.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index("uq_files_storage_key", "tenant_id", "storage_key", unique=True),
        Index(
            "ix_files_trash",
            "tenant_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        Index(
            "ix_files_expiry",
            "tenant_id",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL"),
        ),
        {"info": {PERSON: About("owner_id", Erasure.delete)}},
    )

    name: Mapped[ShortText] = column(holds=Holds.text, read_only=True)
    content_type: Mapped[ShortText] = column(holds=Holds.nothing, read_only=True)
    size: Mapped[int] = column(min=0, read_only=True)
    sha256: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    folder: Mapped[Folder] = column(default=Folder.attachments, read_only=True)
    storage_key: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    state: Mapped[FileState] = column(default=FileState.ready, read_only=True)
    scan: Mapped[Verdict] = column(default=Verdict.unscanned, read_only=True)
    found: Mapped[ShortText | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
    variants: Mapped[Json] = column(default={}, holds=Holds.nothing, read_only=True)
    edition: Mapped[int] = column(default=1, read_only=True)
    owner_id: Mapped[UUID | None] = column(default=None, read_only=True)
    subject_type: Mapped[Code | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
    subject_id: Mapped[UUID | None] = column(default=None, read_only=True)
    expires_at: Mapped[datetime | None] = column(default=None, read_only=True)


class UsageCounter(TenantRow):
    """How much of something a tenant uses; ``ceiling`` is what it might when last asked."""

    __tablename__ = "usage_counters"
    __table_args__ = (
        Index("uq_usage_counters_name", "tenant_id", "name", unique=True),
    )

    name: Mapped[Code] = column(holds=Holds.nothing)
    used: Mapped[int] = column(default=0, min=0)
    ceiling: Mapped[int | None] = column(default=None)
