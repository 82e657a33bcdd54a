"""Users and the journal.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Users and the journal."""
    _audit_log()
    _outbox()
    _users()
    _sessions()


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("resource", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid()),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("request_id", sa.String(length=64)),
        sa.Column("client", sa.String(length=64)),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_log"),
        info={"append_only": True},
    )
    op.create_index(
        "ix_audit_log_resource", "audit_log", ["tenant_id", "resource_id", "id"]
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid()),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("request_id", sa.String(length=64)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["tenant_id", "id"],
        postgresql_where=sa.text("sent_at IS NULL"),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("avatar", sa.String(length=500)),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("email_verified_at", sa.DateTime(timezone=True)),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.Column("last_login_at", sa.DateTime(timezone=True)),
        sa.Column("login_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_users"),
    )
    op.create_index("idx_users_tenant_created", "users", ["tenant_id", "created_at"])
    op.create_index(
        "idx_users_tenant_email", "users", ["tenant_id", "email"], unique=True
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("refresh_hash", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("client", sa.String(length=64)),
        sa.Column("user_agent", sa.String(length=255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_sessions_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["tenant_id", "user_id", "id"])
