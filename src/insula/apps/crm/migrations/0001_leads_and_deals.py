"""leads and deals.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """leads and deals."""
    _crm_assignments()
    _crm_exchange_rates()
    _crm_goals()
    _crm_pipelines()
    _crm_score_rules()
    _crm_stages()
    _crm_leads()
    _crm_deals()
    _crm_score_events()
    _crm_activities()
    _crm_deal_lines()
    _crm_deal_stage_spans()


def _crm_assignments() -> None:
    op.create_table(
        "crm_assignments",
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
        sa.Column("source", sa.String(length=64)),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("members", postgresql.JSONB(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "method IN ('round_robin', 'least_busy')", name="ck_crm_assignments_method"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_assignments"),
    )
    op.create_index(
        "ix_crm_assignments_active", "crm_assignments", ["tenant_id", "active", "id"]
    )
    op.create_index(
        "ix_crm_assignments_created_at",
        "crm_assignments",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "uq_crm_assignments_name",
        "crm_assignments",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_crm_assignments_source_where",
        "crm_assignments",
        ["tenant_id", "source"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND (active IS true)"),
    )


def _crm_exchange_rates() -> None:
    op.create_table(
        "crm_exchange_rates",
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
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("rate >= 0", name="ck_crm_exchange_rates_rate_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_exchange_rates"),
    )
    op.create_index(
        "ix_crm_exchange_rates_created_at",
        "crm_exchange_rates",
        ["tenant_id", "created_at", "id"],
    )


def _crm_goals() -> None:
    op.create_table(
        "crm_goals",
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
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("target_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        postgresql.ExcludeConstraint(
            (sa.column("tenant_id"), "="),
            (sa.column("owner_id"), "="),
            (sa.text("daterange(first_on, last_on, '[]')"), "&&"),
            where=sa.text("deleted_at IS NULL"),
            using="gist",
            name="ex_crm_goals_owner_id",
        ),
        sa.CheckConstraint("first_on <= last_on", name="ck_crm_goals_in_order"),
        sa.CheckConstraint(
            "target_minor >= 1 AND target_minor <= 1000000000000000",
            name="ck_crm_goals_target_minor_range",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_goals"),
    )
    op.create_index(
        "ix_crm_goals_created_at", "crm_goals", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "ix_crm_goals_first_on", "crm_goals", ["tenant_id", "first_on", "id"]
    )
    op.create_index(
        "ix_crm_goals_owner_id", "crm_goals", ["tenant_id", "owner_id", "id"]
    )


def _crm_pipelines() -> None:
    op.create_table(
        "crm_pipelines",
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
        sa.Column("position", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_pipelines"),
    )
    op.create_index(
        "uq_crm_pipelines_name",
        "crm_pipelines",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_crm_pipelines_position",
        "crm_pipelines",
        ["tenant_id", "position"],
        unique=True,
    )


def _crm_score_rules() -> None:
    op.create_table(
        "crm_score_rules",
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
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("operator", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=255)),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "operator IN ('known', 'equals', 'contains', 'at_least', 'at_most')",
            name="ck_crm_score_rules_operator",
        ),
        sa.CheckConstraint(
            "points >= -1000 AND points <= 1000", name="ck_crm_score_rules_points_range"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_score_rules"),
    )
    op.create_index(
        "ix_crm_score_rules_active", "crm_score_rules", ["tenant_id", "active", "id"]
    )
    op.create_index(
        "ix_crm_score_rules_created_at",
        "crm_score_rules",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_crm_score_rules_name", "crm_score_rules", ["tenant_id", "name", "id"]
    )


def _crm_stages() -> None:
    op.create_table(
        "crm_stages",
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
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("stale_days", sa.BigInteger()),
        sa.Column("position", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(kind != 'won' OR probability = 100) AND (kind != 'lost' OR "
            "probability = 0)",
            name="ck_crm_stages_sure_at_the_end",
        ),
        sa.CheckConstraint(
            "kind IN ('open', 'won', 'lost')", name="ck_crm_stages_kind"
        ),
        sa.CheckConstraint(
            "probability >= 0 AND probability <= 100",
            name="ck_crm_stages_probability_range",
        ),
        sa.CheckConstraint(
            "stale_days >= 1 AND stale_days <= 3650",
            name="ck_crm_stages_stale_days_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "pipeline_id"],
            ["crm_pipelines.tenant_id", "crm_pipelines.id"],
            name="fk_crm_stages_pipeline_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_stages"),
    )
    op.create_index(
        "ix_crm_stages_created_at", "crm_stages", ["tenant_id", "created_at", "id"]
    )
    op.create_index("ix_crm_stages_kind", "crm_stages", ["tenant_id", "kind", "id"])
    op.create_index(
        "ix_crm_stages_pipeline_id", "crm_stages", ["tenant_id", "pipeline_id", "id"]
    )
    op.create_index(
        "ix_crm_stages_position", "crm_stages", ["tenant_id", "position", "id"]
    )
    op.create_index(
        "uq_crm_stages_pipeline_id_name",
        "crm_stages",
        ["tenant_id", "pipeline_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_crm_stages_pipeline_id_where",
        "crm_stages",
        ["tenant_id", "pipeline_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND (kind = 'won')"),
    )
    op.create_index(
        "uq_crm_stages_position",
        "crm_stages",
        ["tenant_id", "pipeline_id", "position"],
        unique=True,
    )


def _crm_leads() -> None:
    op.create_table(
        "crm_leads",
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
        sa.Column("email", sa.String(length=255)),
        sa.Column("phone", sa.String(length=64)),
        sa.Column("company_name", sa.String(length=255)),
        sa.Column("source", sa.String(length=64)),
        sa.Column("country", sa.String(length=64)),
        sa.Column("note", sa.Text()),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("external_id", sa.String(length=64)),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(state = 'converted') = (contact_id IS NOT NULL)",
            name="ck_crm_leads_converted_to_somebody",
        ),
        sa.CheckConstraint(
            "state IN ('new', 'working', 'qualified', 'converted', 'disqualified')",
            name="ck_crm_leads_state",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_crm_leads_contact_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_leads"),
    )
    op.create_index(
        "ix_crm_leads_contact_id", "crm_leads", ["tenant_id", "contact_id", "id"]
    )
    op.create_index(
        "ix_crm_leads_created_at", "crm_leads", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "ix_crm_leads_email_text",
        "crm_leads",
        ["tenant_id", sa.literal_column('email COLLATE "C"'), "id"],
    )
    op.create_index("ix_crm_leads_name", "crm_leads", ["tenant_id", "name", "id"])
    op.create_index(
        "ix_crm_leads_owner_id", "crm_leads", ["tenant_id", "owner_id", "id"]
    )
    op.create_index("ix_crm_leads_score", "crm_leads", ["tenant_id", "score", "id"])
    op.create_index(
        "ix_crm_leads_source_text",
        "crm_leads",
        ["tenant_id", sa.literal_column('source COLLATE "C"'), "id"],
    )
    op.create_index("ix_crm_leads_state", "crm_leads", ["tenant_id", "state", "id"])
    op.create_index(
        "uq_crm_leads_external_id",
        "crm_leads",
        ["tenant_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _crm_deals() -> None:
    op.create_table(
        "crm_deals",
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
        sa.Column("external_id", sa.String(length=64)),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("company_id", sa.Uuid()),
        sa.Column("lead_id", sa.Uuid()),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("source", sa.String(length=64)),
        sa.Column("pipeline_id", sa.Uuid()),
        sa.Column("stage_id", sa.Uuid()),
        sa.Column("currency", sa.CHAR(length=3)),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("expected_close_on", sa.Date()),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("position", sa.String(length=64, collation="C"), nullable=False),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True)),
        sa.Column("entered_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("lost_reason", sa.String(length=32)),
        sa.Column("rate", sa.Double()),
        sa.Column(
            "value_minor",
            sa.BigInteger(),
            sa.Computed("CAST(round(amount_minor * rate) AS BIGINT)", persisted=True),
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(lost_reason IS NOT NULL) = (state = 'lost')",
            name="ck_crm_deals_lost_for_a_reason",
        ),
        sa.CheckConstraint(
            "(state = 'open') = (closed_at IS NULL)",
            name="ck_crm_deals_closed_when_closed",
        ),
        sa.CheckConstraint(
            "lost_reason IN ('price', 'competitor', 'timing', 'no_need', "
            "'no_answer', 'other', 'unknown')",
            name="ck_crm_deals_lost_reason",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'won', 'lost')", name="ck_crm_deals_state"
        ),
        sa.CheckConstraint(
            "amount_minor >= 0 AND amount_minor <= 1000000000000000",
            name="ck_crm_deals_amount_minor_range",
        ),
        sa.CheckConstraint(
            "amount_minor IS NULL OR currency IS NOT NULL",
            name="ck_crm_deals_amount_minor_currency",
        ),
        sa.CheckConstraint(
            "probability >= 0 AND probability <= 100",
            name="ck_crm_deals_probability_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "company_id"],
            ["people_companies.tenant_id", "people_companies.id"],
            name="fk_crm_deals_company_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_crm_deals_contact_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["crm_leads.tenant_id", "crm_leads.id"],
            name="fk_crm_deals_lead_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "pipeline_id"],
            ["crm_pipelines.tenant_id", "crm_pipelines.id"],
            name="fk_crm_deals_pipeline_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "stage_id"],
            ["crm_stages.tenant_id", "crm_stages.id"],
            name="fk_crm_deals_stage_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_deals"),
    )
    op.create_index(
        "ix_crm_deals_closed_at", "crm_deals", ["tenant_id", "closed_at", "id"]
    )
    op.create_index(
        "ix_crm_deals_company_id", "crm_deals", ["tenant_id", "company_id", "id"]
    )
    op.create_index(
        "ix_crm_deals_contact_id", "crm_deals", ["tenant_id", "contact_id", "id"]
    )
    op.create_index(
        "ix_crm_deals_created_at", "crm_deals", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "ix_crm_deals_expected_close_on",
        "crm_deals",
        ["tenant_id", "expected_close_on", "id"],
    )
    op.create_index("ix_crm_deals_lead_id", "crm_deals", ["tenant_id", "lead_id", "id"])
    op.create_index(
        "ix_crm_deals_owner_id", "crm_deals", ["tenant_id", "owner_id", "id"]
    )
    op.create_index(
        "ix_crm_deals_pipeline_id", "crm_deals", ["tenant_id", "pipeline_id", "id"]
    )
    op.create_index(
        "ix_crm_deals_position", "crm_deals", ["tenant_id", "position", "id"]
    )
    op.create_index(
        "ix_crm_deals_source_text",
        "crm_deals",
        ["tenant_id", sa.literal_column('source COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_crm_deals_stage_id", "crm_deals", ["tenant_id", "stage_id", "id"]
    )
    op.create_index("ix_crm_deals_state", "crm_deals", ["tenant_id", "state", "id"])
    op.create_index("ix_crm_deals_title", "crm_deals", ["tenant_id", "title", "id"])
    op.create_index(
        "uq_crm_deals_external_id",
        "crm_deals",
        ["tenant_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_crm_deals_position",
        "crm_deals",
        ["tenant_id", "stage_id", "position"],
        unique=True,
    )


def _crm_score_events() -> None:
    op.create_table(
        "crm_score_events",
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
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("half_life_days", sa.BigInteger(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True)),
        sa.Column("cause", sa.String(length=64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "half_life_days >= 1 AND half_life_days <= 3650",
            name="ck_crm_score_events_half_life_days_range",
        ),
        sa.CheckConstraint(
            "points >= -1000 AND points <= 1000",
            name="ck_crm_score_events_points_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["crm_leads.tenant_id", "crm_leads.id"],
            name="fk_crm_score_events_lead_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_score_events"),
    )
    op.create_index(
        "ix_crm_score_events_created_at",
        "crm_score_events",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_crm_score_events_kind_text",
        "crm_score_events",
        ["tenant_id", sa.literal_column('kind COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_crm_score_events_lead_id",
        "crm_score_events",
        ["tenant_id", "lead_id", "id"],
    )
    op.create_index(
        "uq_crm_score_events_cause",
        "crm_score_events",
        ["tenant_id", "cause"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _crm_activities() -> None:
    op.create_table(
        "crm_activities",
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
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("lead_id", sa.Uuid()),
        sa.Column("deal_id", sa.Uuid()),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('call', 'meeting', 'task', 'note', 'email')",
            name="ck_crm_activities_kind",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_crm_activities_contact_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "deal_id"],
            ["crm_deals.tenant_id", "crm_deals.id"],
            name="fk_crm_activities_deal_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lead_id"],
            ["crm_leads.tenant_id", "crm_leads.id"],
            name="fk_crm_activities_lead_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_activities"),
    )
    op.create_index(
        "ix_crm_activities_contact_id",
        "crm_activities",
        ["tenant_id", "contact_id", "id"],
    )
    op.create_index(
        "ix_crm_activities_created_at",
        "crm_activities",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_crm_activities_deal_id", "crm_activities", ["tenant_id", "deal_id", "id"]
    )
    op.create_index(
        "ix_crm_activities_done_at", "crm_activities", ["tenant_id", "done_at", "id"]
    )
    op.create_index(
        "ix_crm_activities_due_at", "crm_activities", ["tenant_id", "due_at", "id"]
    )
    op.create_index(
        "ix_crm_activities_kind", "crm_activities", ["tenant_id", "kind", "id"]
    )
    op.create_index(
        "ix_crm_activities_lead_id", "crm_activities", ["tenant_id", "lead_id", "id"]
    )
    op.create_index(
        "ix_crm_activities_owner_id", "crm_activities", ["tenant_id", "owner_id", "id"]
    )


def _crm_deal_lines() -> None:
    op.create_table(
        "crm_deal_lines",
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
        sa.Column("deal_id", sa.Uuid(), nullable=False),
        sa.Column("product", sa.String(length=255), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "total_minor",
            sa.BigInteger(),
            sa.Computed("quantity * price_minor", persisted=True),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "price_minor >= 0 AND price_minor <= 1000000000000",
            name="ck_crm_deal_lines_price_minor_range",
        ),
        sa.CheckConstraint(
            "quantity >= 1 AND quantity <= 1000000",
            name="ck_crm_deal_lines_quantity_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "deal_id"],
            ["crm_deals.tenant_id", "crm_deals.id"],
            name="fk_crm_deal_lines_deal_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_deal_lines"),
    )
    op.create_index(
        "ix_crm_deal_lines_created_at",
        "crm_deal_lines",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_crm_deal_lines_deal_id", "crm_deal_lines", ["tenant_id", "deal_id", "id"]
    )
    op.create_index(
        "ix_crm_deal_lines_product_text",
        "crm_deal_lines",
        ["tenant_id", sa.literal_column('product COLLATE "C"'), "id"],
    )


def _crm_deal_stage_spans() -> None:
    op.create_table(
        "crm_deal_stage_spans",
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
        sa.Column("deal_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("forward", sa.Boolean()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        postgresql.ExcludeConstraint(
            (sa.column("tenant_id"), "="),
            (sa.column("deal_id"), "="),
            (sa.text("tstzrange(started_at, ended_at)"), "&&"),
            where=sa.text("deleted_at IS NULL"),
            using="gist",
            name="ex_crm_deal_stage_spans_deal_id",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "deal_id"],
            ["crm_deals.tenant_id", "crm_deals.id"],
            name="fk_crm_deal_stage_spans_deal_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "stage_id"],
            ["crm_stages.tenant_id", "crm_stages.id"],
            name="fk_crm_deal_stage_spans_stage_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_crm_deal_stage_spans"),
    )
    op.create_index(
        "ix_crm_deal_stage_spans_deal_id",
        "crm_deal_stage_spans",
        ["tenant_id", "deal_id", "id"],
    )
    op.create_index(
        "ix_crm_deal_stage_spans_owner_id",
        "crm_deal_stage_spans",
        ["tenant_id", "owner_id", "id"],
    )
    op.create_index(
        "ix_crm_deal_stage_spans_stage_id",
        "crm_deal_stage_spans",
        ["tenant_id", "stage_id", "id"],
    )
    op.create_index(
        "ix_crm_deal_stage_spans_started_at",
        "crm_deal_stage_spans",
        ["tenant_id", "started_at", "id"],
    )
