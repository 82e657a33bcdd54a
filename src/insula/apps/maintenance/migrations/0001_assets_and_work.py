"""assets and work.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """assets and work."""
    _maintenance_checklists()
    _maintenance_locations()
    _maintenance_assets()
    _maintenance_checklist_items()
    _maintenance_asset_downtimes()
    _maintenance_meters()
    _maintenance_routines()
    _maintenance_readings()
    _maintenance_work_orders()
    _maintenance_attachments()
    _maintenance_work_items()


def _maintenance_checklists() -> None:
    op.create_table(
        "maintenance_checklists",
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
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_checklists"),
    )
    op.create_index(
        "ix_maintenance_checklists_created_at",
        "maintenance_checklists",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "uq_maintenance_checklists_name",
        "maintenance_checklists",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _maintenance_locations() -> None:
    op.create_table(
        "maintenance_locations",
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
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent_id"],
            ["maintenance_locations.tenant_id", "maintenance_locations.id"],
            name="fk_maintenance_locations_parent_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_locations"),
    )
    op.create_index(
        "ix_maintenance_locations_created_at",
        "maintenance_locations",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_maintenance_locations_name",
        "maintenance_locations",
        ["tenant_id", "name", "id"],
    )
    op.create_index(
        "ix_maintenance_locations_parent_id",
        "maintenance_locations",
        ["tenant_id", "parent_id", "id"],
    )


def _maintenance_assets() -> None:
    op.create_table(
        "maintenance_assets",
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
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64)),
        sa.Column("serial", sa.String(length=64)),
        sa.Column("location_id", sa.Uuid()),
        sa.Column("warranty_until", sa.Date()),
        sa.Column("custom", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('in_service', 'down', 'retired')",
            name="ck_maintenance_assets_state",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "location_id"],
            ["maintenance_locations.tenant_id", "maintenance_locations.id"],
            name="fk_maintenance_assets_location_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_assets"),
    )
    op.create_index(
        "ix_maintenance_assets_category",
        "maintenance_assets",
        ["tenant_id", "category", "id"],
    )
    op.create_index(
        "ix_maintenance_assets_created_at",
        "maintenance_assets",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_maintenance_assets_location_id",
        "maintenance_assets",
        ["tenant_id", "location_id", "id"],
    )
    op.create_index(
        "ix_maintenance_assets_name", "maintenance_assets", ["tenant_id", "name", "id"]
    )
    op.create_index(
        "ix_maintenance_assets_state",
        "maintenance_assets",
        ["tenant_id", "state", "id"],
    )
    op.create_index(
        "uq_maintenance_assets_tag",
        "maintenance_assets",
        ["tenant_id", "tag"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _maintenance_checklist_items() -> None:
    op.create_table(
        "maintenance_checklist_items",
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
        sa.Column("checklist_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("minimum", sa.Double()),
        sa.Column("maximum", sa.Double()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('tick', 'number', 'text', 'photo')",
            name="ck_maintenance_checklist_items_kind",
        ),
        sa.CheckConstraint(
            "minimum <= maximum", name="ck_maintenance_checklist_items_bounds"
        ),
        sa.CheckConstraint(
            "position >= 0 AND position <= 9999",
            name="ck_maintenance_checklist_items_position_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "checklist_id"],
            ["maintenance_checklists.tenant_id", "maintenance_checklists.id"],
            name="fk_maintenance_checklist_items_checklist_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "id", name="pk_maintenance_checklist_items"
        ),
    )
    op.create_index(
        "ix_maintenance_checklist_items_checklist_id",
        "maintenance_checklist_items",
        ["tenant_id", "checklist_id", "id"],
    )
    op.create_index(
        "ix_maintenance_checklist_items_position",
        "maintenance_checklist_items",
        ["tenant_id", "position", "id"],
    )


def _maintenance_asset_downtimes() -> None:
    op.create_table(
        "maintenance_asset_downtimes",
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
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        postgresql.ExcludeConstraint(
            (sa.column("tenant_id"), "="),
            (sa.column("asset_id"), "="),
            (sa.text("tstzrange(started_at, ended_at)"), "&&"),
            where=sa.text("deleted_at IS NULL"),
            using="gist",
            name="ex_maintenance_asset_downtimes_asset_id",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"],
            ["maintenance_assets.tenant_id", "maintenance_assets.id"],
            name="fk_maintenance_asset_downtimes_asset_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "id", name="pk_maintenance_asset_downtimes"
        ),
    )
    op.create_index(
        "ix_maintenance_asset_downtimes_asset_id",
        "maintenance_asset_downtimes",
        ["tenant_id", "asset_id", "id"],
    )
    op.create_index(
        "ix_maintenance_asset_downtimes_started_at",
        "maintenance_asset_downtimes",
        ["tenant_id", "started_at", "id"],
    )


def _maintenance_meters() -> None:
    op.create_table(
        "maintenance_meters",
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
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"],
            ["maintenance_assets.tenant_id", "maintenance_assets.id"],
            name="fk_maintenance_meters_asset_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_meters"),
    )
    op.create_index(
        "ix_maintenance_meters_asset_id",
        "maintenance_meters",
        ["tenant_id", "asset_id", "id"],
    )
    op.create_index(
        "ix_maintenance_meters_created_at",
        "maintenance_meters",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_maintenance_meters_name", "maintenance_meters", ["tenant_id", "name", "id"]
    )
    op.create_index(
        "uq_maintenance_meters_asset_id_name",
        "maintenance_meters",
        ["tenant_id", "asset_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _maintenance_routines() -> None:
    op.create_table(
        "maintenance_routines",
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
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("asset_id", sa.Uuid()),
        sa.Column("category", sa.String(length=64)),
        sa.Column("rrule", sa.String(length=255), nullable=False),
        sa.Column("tz", sa.String(length=64), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("lead_days", sa.BigInteger(), nullable=False),
        sa.Column("based_on", sa.String(length=32), nullable=False),
        sa.Column("checklist_id", sa.Uuid()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "based_on IN ('schedule', 'completion')",
            name="ck_maintenance_routines_based_on",
        ),
        sa.CheckConstraint(
            "(asset_id IS NULL) != (category IS NULL)",
            name="ck_maintenance_routines_asset_or_category",
        ),
        sa.CheckConstraint(
            "lead_days >= 0 AND lead_days <= 366",
            name="ck_maintenance_routines_lead_days_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"],
            ["maintenance_assets.tenant_id", "maintenance_assets.id"],
            name="fk_maintenance_routines_asset_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "checklist_id"],
            ["maintenance_checklists.tenant_id", "maintenance_checklists.id"],
            name="fk_maintenance_routines_checklist_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_routines"),
    )
    op.create_index(
        "ix_maintenance_routines_active",
        "maintenance_routines",
        ["tenant_id", "active", "id"],
    )
    op.create_index(
        "ix_maintenance_routines_asset_id",
        "maintenance_routines",
        ["tenant_id", "asset_id", "id"],
    )
    op.create_index(
        "ix_maintenance_routines_category",
        "maintenance_routines",
        ["tenant_id", "category", "id"],
    )
    op.create_index(
        "ix_maintenance_routines_checklist_id",
        "maintenance_routines",
        ["tenant_id", "checklist_id", "id"],
    )
    op.create_index(
        "ix_maintenance_routines_created_at",
        "maintenance_routines",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_maintenance_routines_title",
        "maintenance_routines",
        ["tenant_id", "title", "id"],
    )


def _maintenance_readings() -> None:
    op.create_table(
        "maintenance_readings",
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
        sa.Column("meter_id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "meter_id"],
            ["maintenance_meters.tenant_id", "maintenance_meters.id"],
            name="fk_maintenance_readings_meter_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_readings"),
    )
    op.create_index(
        "ix_maintenance_readings_meter_id",
        "maintenance_readings",
        ["tenant_id", "meter_id", "id"],
    )
    op.create_index(
        "ix_maintenance_readings_taken_at",
        "maintenance_readings",
        ["tenant_id", "taken_at", "id"],
    )


def _maintenance_work_orders() -> None:
    op.create_table(
        "maintenance_work_orders",
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
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("assignee_id", sa.Uuid()),
        sa.Column("asset_id", sa.Uuid()),
        sa.Column("routine_id", sa.Uuid()),
        sa.Column("occurrence_on", sa.Date()),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("subject", sa.String(length=255)),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('preventive', 'corrective', 'install')",
            name="ck_maintenance_work_orders_kind",
        ),
        sa.CheckConstraint(
            "state != 'done' OR done_at IS NOT NULL",
            name="ck_maintenance_work_orders_done_has_time",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'scheduled', 'in_progress', 'on_hold', "
            "'done', 'verified', 'cancelled')",
            name="ck_maintenance_work_orders_state",
        ),
        sa.CheckConstraint(
            "priority >= 1 AND priority <= 5",
            name="ck_maintenance_work_orders_priority_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"],
            ["maintenance_assets.tenant_id", "maintenance_assets.id"],
            name="fk_maintenance_work_orders_asset_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "routine_id"],
            ["maintenance_routines.tenant_id", "maintenance_routines.id"],
            name="fk_maintenance_work_orders_routine_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_work_orders"),
    )
    op.create_index(
        "ix_maintenance_work_orders_asset_id",
        "maintenance_work_orders",
        ["tenant_id", "asset_id", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_assignee_id",
        "maintenance_work_orders",
        ["tenant_id", "assignee_id", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_created_at",
        "maintenance_work_orders",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_due_at",
        "maintenance_work_orders",
        ["tenant_id", "due_at", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_kind",
        "maintenance_work_orders",
        ["tenant_id", "kind", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_priority",
        "maintenance_work_orders",
        ["tenant_id", "priority", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_routine_id",
        "maintenance_work_orders",
        ["tenant_id", "routine_id", "id"],
    )
    op.create_index(
        "ix_maintenance_work_orders_state",
        "maintenance_work_orders",
        ["tenant_id", "state", "id"],
    )
    op.create_index(
        "uq_maintenance_work_orders_routine_id_occurrence_on",
        "maintenance_work_orders",
        ["tenant_id", "routine_id", "occurrence_on"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _maintenance_attachments() -> None:
    op.create_table(
        "maintenance_attachments",
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
        sa.Column("content_type", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("asset_id", sa.Uuid()),
        sa.Column("work_order_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(asset_id IS NULL) != (work_order_id IS NULL)",
            name="ck_maintenance_attachments_asset_or_work_order",
        ),
        sa.CheckConstraint(
            "size >= 0 AND size <= 5368709120",
            name="ck_maintenance_attachments_size_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"],
            ["maintenance_assets.tenant_id", "maintenance_assets.id"],
            name="fk_maintenance_attachments_asset_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["maintenance_work_orders.tenant_id", "maintenance_work_orders.id"],
            name="fk_maintenance_attachments_work_order_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_attachments"),
    )
    op.create_index(
        "ix_maintenance_attachments_asset_id",
        "maintenance_attachments",
        ["tenant_id", "asset_id", "id"],
    )
    op.create_index(
        "ix_maintenance_attachments_created_at",
        "maintenance_attachments",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_maintenance_attachments_name",
        "maintenance_attachments",
        ["tenant_id", "name", "id"],
    )
    op.create_index(
        "ix_maintenance_attachments_work_order_id",
        "maintenance_attachments",
        ["tenant_id", "work_order_id", "id"],
    )


def _maintenance_work_items() -> None:
    op.create_table(
        "maintenance_work_items",
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
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("answered_by", sa.Uuid()),
        sa.Column("out_of_range", sa.Boolean(), nullable=False),
        sa.Column("corrective_id", sa.Uuid()),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("minimum", sa.Double()),
        sa.Column("maximum", sa.Double()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('tick', 'number', 'text', 'photo')",
            name="ck_maintenance_work_items_kind",
        ),
        sa.CheckConstraint(
            "position >= 0 AND position <= 9999",
            name="ck_maintenance_work_items_position_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "corrective_id"],
            ["maintenance_work_orders.tenant_id", "maintenance_work_orders.id"],
            name="fk_maintenance_work_items_corrective_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["maintenance_work_orders.tenant_id", "maintenance_work_orders.id"],
            name="fk_maintenance_work_items_work_order_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_maintenance_work_items"),
    )
    op.create_index(
        "ix_maintenance_work_items_corrective_id",
        "maintenance_work_items",
        ["tenant_id", "corrective_id", "id"],
    )
    op.create_index(
        "ix_maintenance_work_items_position",
        "maintenance_work_items",
        ["tenant_id", "position", "id"],
    )
    op.create_index(
        "ix_maintenance_work_items_work_order_id",
        "maintenance_work_items",
        ["tenant_id", "work_order_id", "id"],
    )
