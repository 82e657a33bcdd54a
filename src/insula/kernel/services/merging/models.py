"""Merges: which rows became one, and all that is needed to make them two again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Code, Holds, Json, column, holding, maker
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure


class Merge(TenantModel):
    """Two rows of a resource that became one.

    ``moved`` counts what points at the survivor since, by resource; what clashed is
    counted as ``<resource>:trashed`` or ``:behind``. ``stayed`` is what undoing could not
    put back, because it changed since.
    """

    __tablename__ = "merges"
    __table_args__ = (
        Index("ix_merges_undo_until", "tenant_id", "undo_until"),
        {"info": {PERSON: About("merged_id", Erasure.delete)}},
    )

    resource: Mapped[Code] = column(read_only=True, holds=Holds.nothing)
    survivor_id: Mapped[UUID] = column(read_only=True)
    merged_id: Mapped[UUID] = column(read_only=True)
    moved: Mapped[Json] = column(default={}, read_only=True, holds=Holds.nothing)
    filled: Mapped[Json] = column(default={}, read_only=True, holds=Holds.text)
    undo_until: Mapped[datetime] = column(read_only=True)
    undone_at: Mapped[datetime | None] = column(default=None, read_only=True)
    stayed: Mapped[Json] = column(default={}, read_only=True, holds=Holds.nothing)
    created_by: Mapped[UUID | None] = maker()


class MergeMove(TenantRow):
    """What became of the rows that pointed at the other one by one column."""

    __tablename__ = "merge_moves"
    __table_args__ = (Index("ix_merge_moves_merge", "tenant_id", "merge_id"),)

    merge_id: Mapped[UUID] = column()
    source: Mapped[Code] = column(holds=Holds.nothing)
    field: Mapped[Code] = column(holds=Holds.nothing)
    what: Mapped[Code] = column(holds=Holds.nothing)
    row_ids: Mapped[list[Any]] = mapped_column(
        JSONB, default=[], info=holding(Holds.nothing)
    )
    before: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default={}, info=holding(Holds.nothing)
    )
