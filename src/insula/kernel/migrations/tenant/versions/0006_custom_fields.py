"""Custom fields.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Custom fields."""
    op.create_table(
        "custom_fields",
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
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("help", sa.String(length=255)),
        sa.Column("choices", postgresql.JSONB(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("filterable", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("slot", sa.String(length=64)),
        sa.Column("run_id", sa.Uuid()),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('text', 'long_text', 'integer', 'decimal', "
            "'boolean', 'date', 'datetime', 'choice', 'choices', 'url', "
            "'email', 'user')",
            name="ck_custom_fields_kind",
        ),
        sa.CheckConstraint(
            "position >= 0 AND position <= 10000",
            name="ck_custom_fields_position_range",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_custom_fields"),
    )
    op.create_index(
        "ix_custom_fields_archived", "custom_fields", ["tenant_id", "archived", "id"]
    )
    op.create_index(
        "ix_custom_fields_created_at",
        "custom_fields",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_custom_fields_position", "custom_fields", ["tenant_id", "position", "id"]
    )
    op.create_index(
        "ix_custom_fields_resource_text",
        "custom_fields",
        ["tenant_id", sa.literal_column('resource COLLATE "C"'), "id"],
    )
    op.create_index(
        "uq_custom_fields_resource_key",
        "custom_fields",
        ["tenant_id", "resource", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_custom_fields_slot",
        "custom_fields",
        ["tenant_id", "resource", "slot"],
        unique=True,
        postgresql_where=sa.text("slot IS NOT NULL"),
    )
