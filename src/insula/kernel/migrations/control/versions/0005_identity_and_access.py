"""Identity and access.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Identity and access."""
    _accounts()
    _sign_in_throttles()
    _signing_keys()
    _account_members()
    _support_accesses()
    _support_passes()
    _admin_sessions()
    _system_admins()
    _tenants()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        schema="control",
    )


def _sign_in_throttles() -> None:
    op.create_table(
        "sign_in_throttles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.Column("refused_until", sa.DateTime(timezone=True)),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_throttles"),
        sa.UniqueConstraint("key", name="uq_sign_in_throttles_key"),
        schema="control",
    )


def _signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public", postgresql.JSONB(), nullable=False),
        sa.Column("private", sa.Text()),
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "drops_older", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
        sa.UniqueConstraint("kid", name="uq_signing_keys_kid"),
        schema="control",
    )
    op.create_index(
        "ix_signing_keys_signs_from", "signing_keys", ["signs_from"], schema="control"
    )


def _account_members() -> None:
    op.create_table(
        "account_members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["control.accounts.id"],
            name="fk_account_members_account_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_account_members_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_account_members"),
        sa.UniqueConstraint(
            "account_id", "tenant_id", name="uq_account_members_account_id_tenant_id"
        ),
        sa.UniqueConstraint(
            "tenant_id", "user_id", name="uq_account_members_tenant_id_user_id"
        ),
        schema="control",
    )
    op.create_index(
        "ix_account_members_tenant_id",
        "account_members",
        ["tenant_id"],
        schema="control",
    )


def _support_accesses() -> None:
    op.create_table(
        "support_accesses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("admin_id", sa.Uuid(), nullable=False),
        sa.Column("operator", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("hours", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.Uuid()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Uuid()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('consent', 'break_glass')", name="ck_support_accesses_kind"
        ),
        sa.CheckConstraint(
            "scope IN ('read', 'manage')", name="ck_support_accesses_scope"
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'active', 'rejected', "
            "'revoked', 'expired')",
            name="ck_support_accesses_state",
        ),
        sa.CheckConstraint("hours BETWEEN 3 AND 168", name="ck_support_accesses_hours"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["control.tenants.id"],
            name="fk_support_accesses_tenant_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_support_accesses"),
        schema="control",
    )
    op.create_index(
        "ix_support_accesses_admin",
        "support_accesses",
        ["admin_id", "id"],
        schema="control",
    )
    op.create_index(
        "ix_support_accesses_tenant",
        "support_accesses",
        ["tenant_id", "id"],
        schema="control",
    )


def _support_passes() -> None:
    op.create_table(
        "support_passes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("access_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["access_id"],
            ["control.support_accesses.id"],
            name="fk_support_passes_access_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["control.admin_sessions.id"],
            name="fk_support_passes_session_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_support_passes"),
        schema="control",
    )
    op.create_index(
        "ix_support_passes_access_id", "support_passes", ["access_id"], schema="control"
    )
    op.create_index(
        "ix_support_passes_session_id",
        "support_passes",
        ["session_id"],
        schema="control",
    )


def _admin_sessions() -> None:
    op.add_column(
        "admin_sessions",
        sa.Column("user_agent", sa.String(length=255)),
        schema="control",
    )
    op.add_column(
        "admin_sessions",
        sa.Column(
            "factors",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        schema="control",
    )
    op.add_column(
        "admin_sessions",
        sa.Column("proved_at", sa.DateTime(timezone=True)),
        schema="control",
    )
    op.add_column(
        "admin_sessions",
        sa.Column("kind", sa.String(length=10), server_default="token", nullable=False),
        schema="control",
    )


def _system_admins() -> None:
    op.add_column(
        "system_admins",
        sa.Column("name", sa.String(length=255), server_default="", nullable=False),
        schema="control",
    )
    op.add_column(
        "system_admins",
        sa.Column("two_factor_confirmed_at", sa.DateTime(timezone=True)),
        schema="control",
    )
    op.add_column(
        "system_admins", sa.Column("two_factor_step", sa.BigInteger()), schema="control"
    )
    op.add_column(
        "system_admins",
        sa.Column(
            "two_factor_failures",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
        ),
        schema="control",
    )
    op.add_column(
        "system_admins",
        sa.Column("two_factor_failed_at", sa.DateTime(timezone=True)),
        schema="control",
    )
    op.add_column(
        "system_admins",
        sa.Column(
            "backup_codes",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        schema="control",
    )
    op.add_column(
        "system_admins",
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        schema="control",
    )
    op.add_column(
        "system_admins",
        sa.Column(
            "version", sa.BigInteger(), server_default=sa.text("1"), nullable=False
        ),
        schema="control",
    )


def _tenants() -> None:
    op.add_column(
        "tenants",
        sa.Column(
            "security",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        schema="control",
    )
