"""What is kept of people's requests about their data, and of what forbids to erase it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Holds,
    Json,
    LongText,
    column,
    holding,
    state,
)
from insula.kernel.database.control import ControlModel
from insula.kernel.database.model import TenantModel, TenantRow


class RequestKind(StrEnum):
    """What a person wants to be done with their data."""

    export = "export"
    erasure = "erasure"


class RequestState(StrEnum):
    """How far a request is; ``held`` waits for the end of a legal hold."""

    requested = "requested"
    approved = "approved"
    refused = "refused"
    running = "running"
    held = "held"
    failed = "failed"
    done = "done"


R = RequestState


class DataRequest(TenantModel):
    """A person's wish to have their data, or to be forgotten (S4-21).

    ``subject`` is the table of which the person's row is one. The row stays for ever:
    its ``proof`` tells, without naming anybody, what was done and who allowed it.
    """

    __tablename__ = "data_requests"
    __table_args__ = (Index("ix_data_requests_subject", "tenant_id", "subject_id"),)

    kind: Mapped[RequestKind] = column(immutable=True)
    subject: Mapped[Code] = column(immutable=True, holds=Holds.nothing)
    subject_id: Mapped[UUID] = column(immutable=True)
    requested_by: Mapped[UUID | None] = column(read_only=True)
    decided_by: Mapped[UUID | None] = column(default=None, read_only=True)
    decided_at: Mapped[datetime | None] = column(default=None, read_only=True)
    reason: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    due_at: Mapped[datetime] = column(read_only=True)
    done_at: Mapped[datetime | None] = column(default=None, read_only=True)
    expires_at: Mapped[datetime | None] = column(default=None, read_only=True)
    file_id: Mapped[UUID | None] = column(default=None, read_only=True)
    proof: Mapped[Json] = column(default={}, read_only=True, holds=Holds.nothing)
    state: Mapped[RequestState] = state(
        R.requested,
        {
            R.requested: (R.approved, R.refused, R.held),
            R.held: (R.approved, R.refused),
            R.approved: (R.running, R.held, R.refused),
            R.running: (R.done, R.failed, R.held),
            R.failed: (R.approved, R.refused),
        },
    )


class LegalHold(TenantModel):
    """Why a person, or without a subject everybody, must not be erased for now."""

    __tablename__ = "legal_holds"

    subject: Mapped[Code | None] = column(
        default=None, immutable=True, holds=Holds.nothing
    )
    subject_id: Mapped[UUID | None] = column(default=None, immutable=True)
    reason: Mapped[LongText] = column(holds=Holds.text)
    until: Mapped[datetime | None] = column(default=None)
    set_by: Mapped[UUID | None] = column(default=None, read_only=True)


class ErasureNote(TenantRow):
    """What an erasure that runs must remember: whom it looks for, and how far it is.

    Its id is the request's. ``identifiers`` are sealed; the row goes with the last
    step, and with it the last place where the person was written down.
    """

    __tablename__ = "erasure_notes"

    identifiers: Mapped[str] = mapped_column(Text, info=holding(Holds.secret))
    position: Mapped[dict[str, Any]] = mapped_column(JSONB, info=holding(Holds.nothing))


class SubjectKey(ControlModel):
    """The key under which archives hold what is personal of one person.

    It lives apart from the tenant's rows, so that no archive of them carries it; an
    erasure destroys it, and the row stays to say so.
    """

    __tablename__ = "subject_keys"
    __table_args__ = (UniqueConstraint("tenant_id", "subject", "subject_id"),)

    tenant_id: Mapped[UUID]
    subject: Mapped[str] = mapped_column(String(64), info=holding(Holds.nothing))
    subject_id: Mapped[UUID]
    key: Mapped[str | None] = mapped_column(Text, info=holding(Holds.secret))
    destroyed_at: Mapped[datetime | None]
