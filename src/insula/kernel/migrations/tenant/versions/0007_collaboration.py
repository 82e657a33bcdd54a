"""What people hang on rows: tags, comments, timelines; and the views that they save.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables of all four services."""
    _comments()
    _saved_views()
    _tags()
    _timeline_entries()
    _taggings()


def _comments() -> None:
    op.create_table(
        "comments",
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
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("edited_at", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent_id"],
            ["comments.tenant_id", "comments.id"],
            name="fk_comments_parent_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_comments"),
    )
    op.create_index(
        "ix_comments_parent_id", "comments", ["tenant_id", "parent_id", "id"]
    )
    op.create_index(
        "ix_comments_row", "comments", ["tenant_id", "resource", "row_id", "id"]
    )


def _saved_views() -> None:
    op.create_table(
        "saved_views",
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
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("filter", sa.Text()),
        sa.Column("sort", sa.String(length=255)),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("layout", postgresql.JSONB(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('table', 'board', 'calendar', 'timeline')",
            name="ck_saved_views_kind",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_saved_views"),
    )
    op.create_index(
        "ix_saved_views_owner_id", "saved_views", ["tenant_id", "owner_id", "id"]
    )
    op.create_index(
        "ix_saved_views_resource", "saved_views", ["tenant_id", "resource", "id"]
    )


def _tags() -> None:
    op.create_table(
        "tags",
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
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("colour", sa.String(length=7)),
        sa.Column(
            "key",
            sa.String(length=255),
            sa.Computed("lower(name)", persisted=True),
            nullable=False,
        ),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_tags"),
    )
    op.create_index(
        "uq_tags_name",
        "tags",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tags_name_text",
        "tags",
        ["tenant_id", sa.literal_column('name COLLATE "C"'), "id"],
    )
    op.create_index(
        "uq_tags_key",
        "tags",
        ["tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _timeline_entries() -> None:
    op.create_table(
        "timeline_entries",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(length=64)),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_timeline_entries"),
        info={"partitioned": True},
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "ix_timeline_entries_row",
        "timeline_entries",
        ["tenant_id", "resource", "row_id", "id"],
    )


def _taggings() -> None:
    op.create_table(
        "taggings",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "tag_id"],
            ["tags.tenant_id", "tags.id"],
            name="fk_taggings_tag_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_taggings"),
    )
    op.create_index("ix_taggings_tag_id", "taggings", ["tenant_id", "tag_id", "id"])
    op.create_index(
        "ix_taggings_rows", "taggings", ["tenant_id", "tag_id", "resource", "row_id"]
    )
    op.create_index(
        "uq_taggings_row",
        "taggings",
        ["tenant_id", "resource", "row_id", "tag_id"],
        unique=True,
    )
