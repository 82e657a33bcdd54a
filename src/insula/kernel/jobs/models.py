"""Jobs: what is to be done after a request; they live with their tenant.

The tenant's row is the truth. What travels through the queue engine in the control
database is a ticket: which tenant, which job, and nothing of what it says.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import FIELD, Field, Holds, Json, column
from insula.kernel.database.model import TenantModel, TenantRow


class Queue(StrEnum):
    """A class of work, each with its own number of slots (S0-58..61, R22)."""

    default = "default"
    webhooks = "webhooks"
    email = "email"
    sync = "sync"


class JobState(StrEnum):
    """Where a job is; ``dispatched`` has a ticket, ``waiting`` is not first in its lane."""

    waiting = "waiting"
    queued = "queued"
    dispatched = "dispatched"
    paused = "paused"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


LIVE_STATES = "('waiting', 'queued', 'dispatched', 'paused')"

WORDS = {FIELD: Field(default=None, holds=Holds.nothing, read_only=True)}


def _name(length: int) -> Mapped[str | None]:
    return mapped_column(String(length), default=None, info=WORDS)


class Job(TenantModel):
    """One thing to do: by which task, from when on, and how far it has come.

    Of the jobs with one ``unique_key`` at most one is live; those of one ``lane`` run
    one after the other, in the order of their ids; those of one ``bucket`` share its
    task's rate. A failed job is kept until somebody retries or cancels it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_due",
            "tenant_id",
            "queue",
            "run_at",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_jobs_dispatched",
            "tenant_id",
            "queue",
            "dispatched_at",
            postgresql_where=text("state = 'dispatched'"),
        ),
        Index(
            "uq_jobs_unique_key",
            "tenant_id",
            "unique_key",
            unique=True,
            postgresql_where=text(f"unique_key IS NOT NULL AND state IN {LIVE_STATES}"),
        ),
        Index(
            "ix_jobs_lane",
            "tenant_id",
            "lane",
            "id",
            postgresql_where=text(f"lane IS NOT NULL AND state IN {LIVE_STATES}"),
        ),
        Index(
            "ix_jobs_ended",
            "tenant_id",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
    )

    task: Mapped[str] = mapped_column(String(100), info=WORDS)
    queue: Mapped[Queue] = column(default=Queue.default, read_only=True)
    command: Mapped[Json] = column(default={}, read_only=True, holds=Holds.text)
    state: Mapped[JobState] = column(default=JobState.queued, read_only=True)
    run_at: Mapped[datetime] = column(read_only=True)
    dispatched_at: Mapped[datetime | None] = column(default=None, read_only=True)
    started_at: Mapped[datetime | None] = column(default=None, read_only=True)
    ended_at: Mapped[datetime | None] = column(default=None, read_only=True)
    attempts: Mapped[int] = column(default=0, read_only=True)
    error: Mapped[str | None] = mapped_column(
        Text, default=None, info={FIELD: Field(None, holds=Holds.text, read_only=True)}
    )
    unique_key: Mapped[str | None] = _name(200)
    lane: Mapped[str | None] = _name(200)
    bucket: Mapped[str | None] = _name(200)
    slotted: Mapped[bool] = column(default=False, read_only=True)
    cursor: Mapped[str | None] = _name(500)
    done_count: Mapped[int] = column(default=0, read_only=True)
    total_count: Mapped[int | None] = column(default=None, read_only=True)
    actor_kind: Mapped[str] = mapped_column(String(20), default="system", info=WORDS)
    actor_id: Mapped[UUID | None] = column(default=None, read_only=True)
    credential: Mapped[str | None] = _name(60)
    """The key, token or session of a program through which it was asked for."""
    scopes: Mapped[str | None] = mapped_column(Text, default=None, info=WORDS)
    """What that lets the actor do at most, with spaces between."""
    request_id: Mapped[str | None] = _name(64)


class JobBucket(TenantRow):
    """When the next job of a rated kind may run (GCRA: the theoretical arrival time)."""

    __tablename__ = "job_buckets"
    __table_args__ = (Index("uq_job_buckets_name", "tenant_id", "name", unique=True),)

    name: Mapped[str] = mapped_column(String(300), info=WORDS)
    next_at: Mapped[datetime] = column()


class Inbox(TenantRow):
    """An event that a reaction has dealt with, in the transaction of its effects."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index("uq_inbox_event", "tenant_id", "reaction", "event_id", unique=True),
    )

    reaction: Mapped[str] = mapped_column(String(150), info=WORDS)
    event_id: Mapped[UUID] = column()
