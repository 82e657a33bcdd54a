"""Tenants and where they live.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Tenants and where they live."""
    _audit_logs()
    _plans()
    _sagas()
    _servers()
    _settings()
    _system_admins()
    _admin_sessions()
    _homes()
    _saga_steps()
    _tenants()
    _app_installations()
    _domains()
    _schedule_runs()
    _subscriptions()


def _audit_logs() -> None:
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid()),
        sa.Column("admin_id", sa.Uuid()),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("resource_type", sa.String(length=100)),
        sa.Column("resource_id", sa.String(length=100)),
        sa.Column(
            "changes",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("ip_address", postgresql.INET()),
        sa.Column("user_agent", sa.String()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_logs"),
        schema="control",
    )
    op.create_index(
        "idx_audit_logs_created", "audit_logs", ["created_at"], schema="control"
    )
    op.create_index(
        "idx_audit_logs_tenant", "audit_logs", ["tenant_id"], schema="control"
    )


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=50), nullable=False),
        sa.Column(
            "price",
            sa.Numeric(precision=20, scale=6),
            server_default="0",
            nullable=False,
        ),
        sa.Column("currency", sa.CHAR(length=3), server_default="USD", nullable=False),
        sa.Column(
            "features",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "limits",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("isolation", sa.String(length=32)),
        sa.Column(
            "is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.UniqueConstraint("slug", name="uq_plans_slug"),
        schema="control",
    )


def _sagas() -> None:
    op.create_table(
        "sagas",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column(
            "attempts", sa.BigInteger(), server_default=sa.text("1"), nullable=False
        ),
        sa.Column(
            "data",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("error", sa.String()),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sagas"),
        schema="control",
    )
    op.create_index(
        "ix_sagas_open",
        "sagas",
        ["state"],
        schema="control",
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index("ix_sagas_tenant_id", "sagas", ["tenant_id"], schema="control")


def _servers() -> None:
    op.create_table(
        "servers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column(
            "port", sa.BigInteger(), server_default=sa.text("5432"), nullable=False
        ),
        sa.Column(
            "sslmode", sa.String(length=20), server_default="prefer", nullable=False
        ),
        sa.Column(
            "accepts_homes",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
        sa.UniqueConstraint("name", name="uq_servers_name"),
        schema="control",
    )


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_settings"),
        sa.UniqueConstraint("key", name="uq_settings_key"),
        schema="control",
    )


def _system_admins() -> None:
    op.create_table(
        "system_admins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column(
            "permissions",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("two_factor_secret", sa.String()),
        sa.Column("last_login_at", sa.DateTime(timezone=True)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_system_admins"),
        sa.UniqueConstraint("email", name="uq_system_admins_email"),
        schema="control",
    )


def _admin_sessions() -> None:
    op.create_table(
        "admin_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("admin_id", sa.Uuid(), nullable=False),
        sa.Column("refresh_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("rotated_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("client", sa.String(length=64)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["admin_id"],
            ["control.system_admins.id"],
            name="fk_admin_sessions_admin_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_admin_sessions"),
        schema="control",
    )
    op.create_index(
        "ix_admin_sessions_admin_id", "admin_sessions", ["admin_id"], schema="control"
    )


def _homes() -> None:
    op.create_table(
        "homes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("server_id", sa.Uuid(), nullable=False),
        sa.Column("isolation", sa.String(length=32), nullable=False),
        sa.Column("database", sa.String(length=63), nullable=False),
        sa.Column("schema", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=64)),
        sa.Column("migrated_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.String()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "isolation IN ('shared', 'schema', 'database')", name="ck_homes_isolation"
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["control.servers.id"], name="fk_homes_server_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_homes"),
        sa.UniqueConstraint(
            "server_id", "database", "schema", name="uq_homes_server_id_database_schema"
        ),
        schema="control",
    )


def _saga_steps() -> None:
    op.create_table(
        "saga_steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("saga_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["saga_id"],
            ["control.sagas.id"],
            name="fk_saga_steps_saga_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_saga_steps"),
        sa.UniqueConstraint(
            "saga_id", "position", name="uq_saga_steps_saga_id_position"
        ),
        schema="control",
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column(
            "state", sa.String(length=32), server_default="provisioning", nullable=False
        ),
        sa.Column("home_id", sa.Uuid()),
        sa.Column("plan_id", sa.Uuid()),
        sa.Column("isolation", sa.String(length=32), nullable=False),
        sa.Column(
            "settings",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("trial_ends_at", sa.DateTime(timezone=True)),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("purge_after", sa.DateTime(timezone=True)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "slug ~ '^[a-z][a-z0-9-]{0,98}[a-z0-9]$'", name="ck_tenants_slug"
        ),
        sa.CheckConstraint(
            "state IN ('provisioning', 'active', 'read_only', "
            "'suspended', 'moving', 'restoring', 'archived', 'deleting', "
            "'deleted', 'failed')",
            name="ck_tenants_state",
        ),
        sa.ForeignKeyConstraint(
            ["home_id"], ["control.homes.id"], name="fk_tenants_home_id"
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["control.plans.id"], name="fk_tenants_plan_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        schema="control",
    )
    op.create_index(
        "idx_tenants_slug", "tenants", ["slug"], unique=True, schema="control"
    )
    op.create_index("idx_tenants_status", "tenants", ["state"], schema="control")
    op.create_index("ix_tenants_home_id", "tenants", ["home_id"], schema="control")
    op.create_index("ix_tenants_plan_id", "tenants", ["plan_id"], schema="control")


def _app_installations() -> None:
    op.create_table(
        "app_installations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("app_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column(
            "settings",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "permissions",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "status", sa.String(length=32), server_default="pending", nullable=False
        ),
        sa.Column(
            "installed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'disabled')",
            name="ck_app_installations_status",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_app_installations_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_app_installations"),
        sa.UniqueConstraint(
            "tenant_id", "app_name", name="uq_app_installations_tenant_id_app_name"
        ),
        schema="control",
    )
    op.create_index(
        "idx_installations_tenant",
        "app_installations",
        ["tenant_id", "status"],
        schema="control",
    )


def _domains() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column(
            "is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column(
            "is_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("domain = lower(domain)", name="ck_domains_lower"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_domains_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_domains"),
        sa.UniqueConstraint("domain", name="uq_domains_domain"),
        schema="control",
    )
    op.create_index("idx_domains_tenant", "domains", ["tenant_id"], schema="control")
    op.create_index(
        "uq_domains_primary",
        "domains",
        ["tenant_id"],
        unique=True,
        schema="control",
        postgresql_where=sa.text("is_primary"),
    )


def _schedule_runs() -> None:
    op.create_table(
        "schedule_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("schedule", sa.String(length=100), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True)),
        sa.Column(
            "claimed_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("error", sa.String()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_schedule_runs_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_runs"),
        sa.UniqueConstraint(
            "tenant_id", "schedule", name="uq_schedule_runs_tenant_id_schedule"
        ),
        schema="control",
    )


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("current_period_start", sa.DateTime(timezone=True)),
        sa.Column("current_period_end", sa.DateTime(timezone=True)),
        sa.Column("canceled_at", sa.DateTime(timezone=True)),
        sa.Column("stripe_subscription_id", sa.String(length=255)),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('trialing', 'active', 'past_due', 'unpaid', 'canceled')",
            name="ck_subscriptions_status",
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["control.plans.id"], name="fk_subscriptions_plan_id"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_subscriptions_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
        schema="control",
    )
    op.create_index(
        "idx_subscriptions_tenant", "subscriptions", ["tenant_id"], schema="control"
    )
    op.create_index(
        "ix_subscriptions_plan_id", "subscriptions", ["plan_id"], schema="control"
    )
