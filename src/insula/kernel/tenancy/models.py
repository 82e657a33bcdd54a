"""The operator's tables: tenants, where they live, what they pay for, who runs them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.control import ControlModel
from insula.kernel.database.home import Isolation
from insula.kernel.database.walls import APPEND_ONLY


class State(StrEnum):
    """Where a tenant is in its life (R04); ``status`` is the public view of it."""

    provisioning = "provisioning"
    active = "active"
    read_only = "read_only"
    suspended = "suspended"
    moving = "moving"
    restoring = "restoring"
    archived = "archived"
    deleting = "deleting"
    deleted = "deleted"
    failed = "failed"


PUBLIC_STATUS: dict[State, str] = {
    State.provisioning: "pending",
    State.failed: "pending",
    State.active: "active",
    State.read_only: "active",
    State.moving: "active",
    State.restoring: "active",
    State.suspended: "suspended",
    State.archived: "suspended",
    State.deleting: "deleted",
    State.deleted: "deleted",
}
"""The status that people see; the values are those of S0-15 and ``pending``."""


class SubscriptionStatus(StrEnum):
    """What a subscription allows (R18)."""

    trialing = "trialing"
    active = "active"
    past_due = "past_due"
    unpaid = "unpaid"
    canceled = "canceled"


def _json() -> Any:
    return mapped_column(JSONB, server_default=text("'{}'::jsonb"))


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Plan(ControlModel):
    """What a tenant may buy: its price, features and limits."""

    __tablename__ = "plans"
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    price: Mapped[Any] = mapped_column(Numeric(20, 6), server_default="0")
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="USD")
    features: Mapped[dict[str, Any]] = _json()
    limits: Mapped[dict[str, Any]] = _json()
    isolation: Mapped[Isolation | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Server(ControlModel):
    """A PostgreSQL server that homes may be placed on."""

    __tablename__ = "servers"
    name: Mapped[str] = mapped_column(String(100), unique=True)
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int] = mapped_column(server_default=text("5432"))
    sslmode: Mapped[str] = mapped_column(String(20), server_default="prefer")
    accepts_homes: Mapped[bool] = mapped_column(server_default=text("true"))


class HomeRow(ControlModel):
    """A place where tenants live, and the version of its schema."""

    __tablename__ = "homes"
    __table_args__ = (
        UniqueConstraint("server_id", "database", "schema"),
        _one_of("isolation", Isolation),
    )
    server_id: Mapped[UUID] = mapped_column(ForeignKey(Server.id))
    isolation: Mapped[Isolation]
    database: Mapped[str] = mapped_column(String(63))
    schema: Mapped[str] = mapped_column(String(63))
    version: Mapped[str | None] = mapped_column(String(64))
    migrated_at: Mapped[datetime | None]
    error: Mapped[str | None]


class TenantRow(ControlModel):
    """An organisation that lives here."""

    __tablename__ = "tenants"
    __table_args__ = (
        _one_of("state", State),
        CheckConstraint("slug ~ '^[a-z][a-z0-9-]{0,98}[a-z0-9]$'", name="slug"),
        Index("idx_tenants_slug", "slug", unique=True),
        Index("idx_tenants_status", "state"),
    )
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100))
    state: Mapped[State] = mapped_column(server_default="provisioning")
    home_id: Mapped[UUID | None] = mapped_column(ForeignKey(HomeRow.id), index=True)
    plan_id: Mapped[UUID | None] = mapped_column(ForeignKey(Plan.id), index=True)
    isolation: Mapped[Isolation]
    settings: Mapped[dict[str, Any]] = _json()
    security: Mapped[dict[str, Any]] = _json()
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JSONB, server_default=text("'{}'::jsonb")
    )
    trial_ends_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]
    purge_after: Mapped[datetime | None]


class Domain(ControlModel):
    """A host name that leads to a tenant."""

    __tablename__ = "domains"
    __table_args__ = (
        Index("idx_domains_tenant", "tenant_id"),
        Index(
            "uq_domains_primary",
            "tenant_id",
            unique=True,
            postgresql_where=text("is_primary"),
        ),
        CheckConstraint("domain = lower(domain)", name="lower"),
    )
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE")
    )
    domain: Mapped[str] = mapped_column(String(255), unique=True)
    is_primary: Mapped[bool] = mapped_column(server_default=text("false"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))


class Subscription(ControlModel):
    """What a tenant pays for, and whether it has."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index("idx_subscriptions_tenant", "tenant_id"),
        _one_of("status", SubscriptionStatus),
    )
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE")
    )
    plan_id: Mapped[UUID] = mapped_column(ForeignKey(Plan.id), index=True)
    status: Mapped[SubscriptionStatus]
    current_period_start: Mapped[datetime | None]
    current_period_end: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    stripe_subscription_id: Mapped[str | None] = mapped_column(String(255))
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JSONB, server_default=text("'{}'::jsonb")
    )


class SystemAdmin(ControlModel):
    """A person who runs the platform; never a tenant's user.

    ``two_factor_secret`` is sealed, and counts once it is confirmed; ``backup_codes``
    are MACs. ``two_factor_step`` is that of the last code, which works no second time.
    """

    __tablename__ = "system_admins"
    email: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(255), server_default="")
    password: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(
        JSONB, server_default=text("'[]'::jsonb")
    )
    two_factor_secret: Mapped[str | None]
    two_factor_confirmed_at: Mapped[datetime | None]
    two_factor_step: Mapped[int | None]
    two_factor_failures: Mapped[int] = mapped_column(server_default=text("0"))
    two_factor_failed_at: Mapped[datetime | None]
    backup_codes: Mapped[list[str]] = mapped_column(
        JSONB, server_default=text("'[]'::jsonb")
    )
    disabled_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class AdminSession(ControlModel):
    """One sign-in of an operator, which can be revoked."""

    __tablename__ = "admin_sessions"
    admin_id: Mapped[UUID] = mapped_column(
        ForeignKey(SystemAdmin.id, ondelete="CASCADE"), index=True
    )
    refresh_hash: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int] = mapped_column(server_default=text("0"))
    rotated_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    client: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    factors: Mapped[list[str]] = mapped_column(
        JSONB, server_default=text("'[]'::jsonb")
    )
    proved_at: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(String(10), server_default="token")


class AuditLog(ControlModel):
    """What was done by operators, or to a tenant as a whole.

    It has no foreign key to the tenant: the trace of a purge must outlive it.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("idx_audit_logs_tenant", "tenant_id"),
        Index("idx_audit_logs_created", "created_at"),
        Index("idx_audit_logs_admin", "admin_id", "id"),
        Index("idx_audit_logs_action", "action", "id"),
        {"info": {APPEND_ONLY: True}},
    )
    tenant_id: Mapped[UUID | None]
    admin_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(String(100))
    resource_type: Mapped[str | None] = mapped_column(String(100))
    resource_id: Mapped[str | None] = mapped_column(String(100))
    changes: Mapped[dict[str, Any]] = _json()
    ip_address: Mapped[Any] = mapped_column(INET, nullable=True)
    user_agent: Mapped[str | None]


class InstallationStatus(StrEnum):
    """Whether a tenant may use an app."""

    pending = "pending"
    active = "active"
    disabled = "disabled"


class AppInstallation(ControlModel):
    """An app that a tenant has subscribed to."""

    __tablename__ = "app_installations"
    __table_args__ = (
        UniqueConstraint("tenant_id", "app_name"),
        Index("idx_installations_tenant", "tenant_id", "status"),
        _one_of("status", InstallationStatus),
    )
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE")
    )
    app_name: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(20))
    settings: Mapped[dict[str, Any]] = _json()
    permissions: Mapped[list[str]] = mapped_column(
        JSONB, server_default=text("'[]'::jsonb")
    )
    status: Mapped[InstallationStatus] = mapped_column(server_default="pending")
    installed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Setting(ControlModel):
    """One of the platform's own settings that an operator may change at run time."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(String(100), unique=True)
    value: Mapped[Any] = mapped_column(JSONB)


class Saga(ControlModel):
    """A long piece of work in steps, each with an undo."""

    __tablename__ = "sagas"
    __table_args__ = (
        Index("ix_sagas_open", "state", postgresql_where=text("finished_at IS NULL")),
    )
    kind: Mapped[str] = mapped_column(String(50))
    tenant_id: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(server_default=text("1"))
    data: Mapped[dict[str, Any]] = _json()
    error: Mapped[str | None]
    finished_at: Mapped[datetime | None]


class SagaStep(ControlModel):
    """One step of a saga: when it ran, and how it ended."""

    __tablename__ = "saga_steps"
    __table_args__ = (UniqueConstraint("saga_id", "position"),)
    saga_id: Mapped[UUID] = mapped_column(ForeignKey(Saga.id, ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(50))
    state: Mapped[str] = mapped_column(String(20))
    error: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class AwakeTenant(ControlModel):
    """A tenant that may have events or jobs: written before what it is about commits.

    ``awake_until`` is how long its writers rely on this row; only later, and only if
    nothing is found, it goes. ``look_at`` is when there will be something to do.
    """

    __tablename__ = "awake_tenants"
    __table_args__ = (Index("ix_awake_tenants_look_at", "look_at"),)
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE"), unique=True
    )
    awake_until: Mapped[datetime]
    look_at: Mapped[datetime]
    claimed_until: Mapped[datetime] = mapped_column(server_default=func.now())


class QueuePlace(ControlModel):
    """How much of a queue a tenant has had: its next ticket stands there or later."""

    __tablename__ = "queue_places"
    __table_args__ = (
        UniqueConstraint("tenant_id", "queue"),
        Index("ix_queue_places_queue_place", "queue", "place"),
    )
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE")
    )
    queue: Mapped[str] = mapped_column(String(20))
    place: Mapped[int]


class WorkerRow(ControlModel):
    """A worker process that was alive lately; the queues' slots grow with their number.

    ``figures`` are what it has done so far, to be added to those of the others.
    """

    __tablename__ = "workers"
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    seen_at: Mapped[datetime]
    figures: Mapped[dict[str, Any]] = _json()


class ScheduleRun(ControlModel):
    """When an app's schedule is due for a tenant, and who sees to it now."""

    __tablename__ = "schedule_runs"
    __table_args__ = (UniqueConstraint("tenant_id", "schedule"),)
    tenant_id: Mapped[UUID] = mapped_column(
        ForeignKey(TenantRow.id, ondelete="CASCADE")
    )
    schedule: Mapped[str] = mapped_column(String(100))
    ran_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime] = mapped_column(server_default=func.now())
    error: Mapped[str | None]
