"""Merges, and what each of them moved.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Merges, and what each of them moved."""
    _merge_moves()
    _merges()


def _merge_moves() -> None:
    op.create_table(
        "merge_moves",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("row_ids", postgresql.JSONB(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_merge_moves"),
    )
    op.create_index("ix_merge_moves_merge", "merge_moves", ["tenant_id", "merge_id"])


def _merges() -> None:
    op.create_table(
        "merges",
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
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("moved", postgresql.JSONB(), nullable=False),
        sa.Column("filled", postgresql.JSONB(), nullable=False),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.Column("stayed", postgresql.JSONB(), nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_merges"),
    )
    op.create_index("ix_merges_created_at", "merges", ["tenant_id", "created_at", "id"])
    op.create_index("ix_merges_created_by", "merges", ["tenant_id", "created_by", "id"])
    op.create_index("ix_merges_merged_id", "merges", ["tenant_id", "merged_id", "id"])
    op.create_index(
        "ix_merges_resource_text",
        "merges",
        ["tenant_id", sa.literal_column('resource COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_merges_survivor_id", "merges", ["tenant_id", "survivor_id", "id"]
    )
    op.create_index("ix_merges_undo_until", "merges", ["tenant_id", "undo_until"])
