"""contacts, companies, and what is kept of them.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """contacts, companies, and what is kept of them."""
    _people_companies()
    _people_duplicates()
    _people_segments()
    _people_contacts()
    _people_consents()
    _people_handles()
    _people_interactions()
    _people_segment_members()


def _people_companies() -> None:
    op.create_table(
        "people_companies",
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
        sa.Column("domain", sa.String(length=255)),
        sa.Column("tax_id", sa.String(length=64)),
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("custom", postgresql.JSONB(), nullable=False),
        sa.Column("custom_1", sa.String(length=255, collation="C")),
        sa.Column("custom_2", sa.String(length=255, collation="C")),
        sa.Column("custom_3", sa.String(length=255, collation="C")),
        sa.Column("custom_4", sa.String(length=255, collation="C")),
        sa.Column("custom_5", sa.String(length=255, collation="C")),
        sa.Column("custom_6", sa.String(length=255, collation="C")),
        sa.Column("custom_7", sa.String(length=255, collation="C")),
        sa.Column("custom_8", sa.String(length=255, collation="C")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent_id"],
            ["people_companies.tenant_id", "people_companies.id"],
            name="fk_people_companies_parent_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_companies"),
    )
    op.create_index(
        "ix_people_companies_created_at",
        "people_companies",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_people_companies_custom_1",
        "people_companies",
        ["tenant_id", "custom_1", "id"],
        postgresql_where=sa.text("custom_1 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_2",
        "people_companies",
        ["tenant_id", "custom_2", "id"],
        postgresql_where=sa.text("custom_2 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_3",
        "people_companies",
        ["tenant_id", "custom_3", "id"],
        postgresql_where=sa.text("custom_3 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_4",
        "people_companies",
        ["tenant_id", "custom_4", "id"],
        postgresql_where=sa.text("custom_4 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_5",
        "people_companies",
        ["tenant_id", "custom_5", "id"],
        postgresql_where=sa.text("custom_5 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_6",
        "people_companies",
        ["tenant_id", "custom_6", "id"],
        postgresql_where=sa.text("custom_6 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_7",
        "people_companies",
        ["tenant_id", "custom_7", "id"],
        postgresql_where=sa.text("custom_7 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_custom_8",
        "people_companies",
        ["tenant_id", "custom_8", "id"],
        postgresql_where=sa.text("custom_8 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_companies_domain_text",
        "people_companies",
        ["tenant_id", sa.literal_column('domain COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_people_companies_name", "people_companies", ["tenant_id", "name", "id"]
    )
    op.create_index(
        "ix_people_companies_name_text",
        "people_companies",
        ["tenant_id", sa.literal_column('name COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_people_companies_owner_id",
        "people_companies",
        ["tenant_id", "owner_id", "id"],
    )
    op.create_index(
        "ix_people_companies_parent_id",
        "people_companies",
        ["tenant_id", "parent_id", "id"],
    )
    op.create_index(
        "uq_people_companies_domain",
        "people_companies",
        ["tenant_id", "domain"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _people_duplicates() -> None:
    op.create_table(
        "people_duplicates",
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
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('open', 'merged', 'dismissed')",
            name="ck_people_duplicates_state",
        ),
        sa.CheckConstraint(
            "score >= 0 AND score <= 100", name="ck_people_duplicates_score_range"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_duplicates"),
    )
    op.create_index(
        "ix_people_duplicates_created_at",
        "people_duplicates",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_people_duplicates_first_id",
        "people_duplicates",
        ["tenant_id", "first_id", "id"],
    )
    op.create_index(
        "ix_people_duplicates_score", "people_duplicates", ["tenant_id", "score", "id"]
    )
    op.create_index(
        "ix_people_duplicates_second_id",
        "people_duplicates",
        ["tenant_id", "second_id", "id"],
    )
    op.create_index(
        "ix_people_duplicates_state", "people_duplicates", ["tenant_id", "state", "id"]
    )
    op.create_index(
        "uq_people_duplicates_first_id_second_id",
        "people_duplicates",
        ["tenant_id", "first_id", "second_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _people_segments() -> None:
    op.create_table(
        "people_segments",
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
        sa.Column("filter", sa.Text()),
        sa.Column(
            "is_dynamic",
            sa.Boolean(),
            sa.Computed("filter IS NOT NULL", persisted=True),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_segments"),
    )
    op.create_index(
        "ix_people_segments_created_at",
        "people_segments",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "uq_people_segments_name",
        "people_segments",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _people_contacts() -> None:
    op.create_table(
        "people_contacts",
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
        sa.Column("given_name", sa.String(length=255)),
        sa.Column("family_name", sa.String(length=255)),
        sa.Column("email", sa.String(length=255)),
        sa.Column("phone", sa.String(length=255)),
        sa.Column("company_id", sa.Uuid()),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("source", sa.String(length=64)),
        sa.Column("locale", sa.String(length=64)),
        sa.Column("tz", sa.String(length=64)),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("birth_date", sa.Date()),
        sa.Column("street", sa.String(length=255)),
        sa.Column("suburb", sa.String(length=255)),
        sa.Column("postcode", sa.String(length=64)),
        sa.Column("region", sa.String(length=255)),
        sa.Column("country", sa.String(length=64)),
        sa.Column("merged_into_id", sa.Uuid()),
        sa.Column(
            "match_name",
            sa.String(),
            sa.Computed(
                "lower(left(coalesce(family_name, split_part(name, ' ', -1)),"
                " 3)) || '.' || lower(left(coalesce(given_name, "
                "split_part(name, ' ', 1)), 2))",
                persisted=True,
            ),
        ),
        sa.Column(
            "match_swapped",
            sa.String(),
            sa.Computed(
                "lower(left(coalesce(given_name, split_part(name, ' ', 1)), "
                "3)) || '.' || lower(left(coalesce(family_name, "
                "split_part(name, ' ', -1)), 2))",
                persisted=True,
            ),
        ),
        sa.Column(
            "match_place",
            sa.String(),
            sa.Computed(
                "postcode || '.' || lower(left(ltrim(street, '0123456789 /-'), 4))",
                persisted=True,
            ),
        ),
        sa.Column("custom", postgresql.JSONB(), nullable=False),
        sa.Column("custom_1", sa.String(length=255, collation="C")),
        sa.Column("custom_2", sa.String(length=255, collation="C")),
        sa.Column("custom_3", sa.String(length=255, collation="C")),
        sa.Column("custom_4", sa.String(length=255, collation="C")),
        sa.Column("custom_5", sa.String(length=255, collation="C")),
        sa.Column("custom_6", sa.String(length=255, collation="C")),
        sa.Column("custom_7", sa.String(length=255, collation="C")),
        sa.Column("custom_8", sa.String(length=255, collation="C")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "score >= -1000000 AND score <= 1000000",
            name="ck_people_contacts_score_range",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "company_id"],
            ["people_companies.tenant_id", "people_companies.id"],
            name="fk_people_contacts_company_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "merged_into_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_people_contacts_merged_into_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_contacts"),
    )
    op.create_index(
        "ix_people_contacts_birth_date",
        "people_contacts",
        ["tenant_id", "birth_date", "id"],
        postgresql_where=sa.text("birth_date IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_company_id",
        "people_contacts",
        ["tenant_id", "company_id", "id"],
    )
    op.create_index(
        "ix_people_contacts_created_at",
        "people_contacts",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_people_contacts_custom_1",
        "people_contacts",
        ["tenant_id", "custom_1", "id"],
        postgresql_where=sa.text("custom_1 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_2",
        "people_contacts",
        ["tenant_id", "custom_2", "id"],
        postgresql_where=sa.text("custom_2 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_3",
        "people_contacts",
        ["tenant_id", "custom_3", "id"],
        postgresql_where=sa.text("custom_3 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_4",
        "people_contacts",
        ["tenant_id", "custom_4", "id"],
        postgresql_where=sa.text("custom_4 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_5",
        "people_contacts",
        ["tenant_id", "custom_5", "id"],
        postgresql_where=sa.text("custom_5 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_6",
        "people_contacts",
        ["tenant_id", "custom_6", "id"],
        postgresql_where=sa.text("custom_6 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_7",
        "people_contacts",
        ["tenant_id", "custom_7", "id"],
        postgresql_where=sa.text("custom_7 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_custom_8",
        "people_contacts",
        ["tenant_id", "custom_8", "id"],
        postgresql_where=sa.text("custom_8 IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_email_text",
        "people_contacts",
        ["tenant_id", sa.literal_column('email COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_people_contacts_match_name",
        "people_contacts",
        ["tenant_id", "match_name", "id"],
        postgresql_where=sa.text("match_name IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_match_place",
        "people_contacts",
        ["tenant_id", "match_place", "id"],
        postgresql_where=sa.text("match_place IS NOT NULL"),
    )
    op.create_index(
        "ix_people_contacts_merged_into_id",
        "people_contacts",
        ["tenant_id", "merged_into_id", "id"],
    )
    op.create_index(
        "ix_people_contacts_name", "people_contacts", ["tenant_id", "name", "id"]
    )
    op.create_index(
        "ix_people_contacts_owner_id",
        "people_contacts",
        ["tenant_id", "owner_id", "id"],
    )
    op.create_index(
        "ix_people_contacts_phone_text",
        "people_contacts",
        ["tenant_id", sa.literal_column('phone COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_people_contacts_score", "people_contacts", ["tenant_id", "score", "id"]
    )
    op.create_index(
        "ix_people_contacts_source_text",
        "people_contacts",
        ["tenant_id", sa.literal_column('source COLLATE "C"'), "id"],
    )


def _people_consents() -> None:
    op.create_table(
        "people_consents",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=32)),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'phone', 'post', 'push')",
            name="ck_people_consents_channel",
        ),
        sa.CheckConstraint(
            "state IN ('granted', 'withdrawn')", name="ck_people_consents_state"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_people_consents_contact_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_consents"),
    )
    op.create_index(
        "ix_people_consents_at", "people_consents", ["tenant_id", "at", "id"]
    )
    op.create_index(
        "ix_people_consents_channel", "people_consents", ["tenant_id", "channel", "id"]
    )
    op.create_index(
        "ix_people_consents_contact_id",
        "people_consents",
        ["tenant_id", "contact_id", "id"],
    )
    op.create_index(
        "ix_people_consents_created_at",
        "people_consents",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_people_consents_purpose_text",
        "people_consents",
        ["tenant_id", sa.literal_column('purpose COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_people_consents_state", "people_consents", ["tenant_id", "state", "id"]
    )


def _people_handles() -> None:
    op.create_table(
        "people_handles",
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
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value_raw", sa.String(length=255), nullable=False),
        sa.Column("value_norm", sa.String(length=255), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('email', 'phone', 'mastodon', 'other')",
            name="ck_people_handles_kind",
        ),
        sa.CheckConstraint(
            "status IN ('ok', 'bounced', 'complained', 'invalid', 'dropped')",
            name="ck_people_handles_status",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_people_handles_contact_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_handles"),
    )
    op.create_index(
        "ix_people_handles_contact_id",
        "people_handles",
        ["tenant_id", "contact_id", "id"],
    )
    op.create_index(
        "ix_people_handles_status", "people_handles", ["tenant_id", "status", "id"]
    )
    op.create_index(
        "ix_people_handles_value_norm_text",
        "people_handles",
        ["tenant_id", sa.literal_column('value_norm COLLATE "C"'), "id"],
    )
    op.create_index(
        "uq_people_handles_contact_id_kind_where",
        "people_handles",
        ["tenant_id", "contact_id", "kind"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND (is_primary IS true)"),
    )
    op.create_index(
        "uq_people_handles_kind_value_norm",
        "people_handles",
        ["tenant_id", "kind", "value_norm"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _people_interactions() -> None:
    op.create_table(
        "people_interactions",
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
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=64)),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("content", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('call', 'meeting', 'email', 'message', 'visit', 'note')",
            name="ck_people_interactions_kind",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_people_interactions_contact_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_interactions"),
    )
    op.create_index(
        "ix_people_interactions_at", "people_interactions", ["tenant_id", "at", "id"]
    )
    op.create_index(
        "ix_people_interactions_channel_text",
        "people_interactions",
        ["tenant_id", sa.literal_column('channel COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_people_interactions_contact_id",
        "people_interactions",
        ["tenant_id", "contact_id", "id"],
    )
    op.create_index(
        "ix_people_interactions_created_at",
        "people_interactions",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_people_interactions_kind",
        "people_interactions",
        ["tenant_id", "kind", "id"],
    )


def _people_segment_members() -> None:
    op.create_table(
        "people_segment_members",
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
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["people_contacts.tenant_id", "people_contacts.id"],
            name="fk_people_segment_members_contact_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "segment_id"],
            ["people_segments.tenant_id", "people_segments.id"],
            name="fk_people_segment_members_segment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_people_segment_members"),
    )
    op.create_index(
        "ix_people_segment_members_contact_id",
        "people_segment_members",
        ["tenant_id", "contact_id", "id"],
    )
    op.create_index(
        "ix_people_segment_members_created_at",
        "people_segment_members",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_people_segment_members_segment_id",
        "people_segment_members",
        ["tenant_id", "segment_id", "id"],
    )
    op.create_index(
        "uq_people_segment_members_segment_id_contact_id",
        "people_segment_members",
        ["tenant_id", "segment_id", "contact_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
