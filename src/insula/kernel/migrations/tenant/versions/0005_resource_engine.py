"""Resource engine.

Safe while the code before it still runs: it adds, and makes the indexes of text filters
anew, by code points; what filters meanwhile is slower, and right.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Resource engine."""
    _bulk_runs()
    _counters()
    _exports()
    _imports()
    _bulk_rows()
    _import_rows()
    _api_keys()
    _audit_log()
    _contacts()
    _files()
    _identity_domains()
    _identity_providers()
    _invitations()
    _jobs()
    _mail_suppressions()
    _mails()
    _users()
    _webhook_deliveries()


def _bulk_runs() -> None:
    op.create_table(
        "bulk_runs",
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
        sa.Column("verb", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("command", postgresql.JSONB(), nullable=False),
        sa.Column("all_or_nothing", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("undoes", sa.Uuid()),
        sa.Column("undone_by", sa.Uuid()),
        sa.Column("undo_until", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "source IN ('listed', 'selected', 'undone')", name="ck_bulk_runs_source"
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')",
            name="ck_bulk_runs_state",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_bulk_runs"),
    )
    op.create_index(
        "ix_bulk_runs_created_at", "bulk_runs", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "ix_bulk_runs_created_by", "bulk_runs", ["tenant_id", "created_by", "id"]
    )
    op.create_index(
        "ix_bulk_runs_ended",
        "bulk_runs",
        ["tenant_id", "ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_bulk_runs_resource_text",
        "bulk_runs",
        ["tenant_id", sa.literal_column('resource COLLATE "C"'), "id"],
    )
    op.create_index("ix_bulk_runs_state", "bulk_runs", ["tenant_id", "state", "id"])


def _counters() -> None:
    op.create_table(
        "counters",
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
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_counters"),
    )
    op.create_index("uq_counters_name", "counters", ["tenant_id", "name"], unique=True)


def _exports() -> None:
    op.create_table(
        "exports",
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
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("bom", sa.Boolean(), nullable=False),
        sa.Column("query", postgresql.JSONB(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("file_id", sa.Uuid()),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "format IN ('csv', 'xlsx', 'jsonl')", name="ck_exports_format"
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'done', 'cancelled', 'failed')",
            name="ck_exports_state",
        ),
        sa.CheckConstraint("rows >= 0", name="ck_exports_rows_range"),
        sa.CheckConstraint("size >= 0", name="ck_exports_size_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_exports"),
    )
    op.create_index("ix_exports_expires_at", "exports", ["tenant_id", "expires_at"])
    op.create_index("ix_exports_owner_id", "exports", ["tenant_id", "owner_id", "id"])


def _imports() -> None:
    op.create_table(
        "imports",
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
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("format", sa.String(length=64), nullable=False),
        sa.Column("encoding", sa.String(length=64), nullable=False),
        sa.Column("delimiter", sa.String(length=64)),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("source_id", sa.Uuid()),
        sa.Column("rows_id", sa.Uuid()),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('uploaded', 'checking', 'checked', 'running', "
            "'done', 'cancelled', 'failed')",
            name="ck_imports_state",
        ),
        sa.CheckConstraint("created >= 0", name="ck_imports_created_range"),
        sa.CheckConstraint("done >= 0", name="ck_imports_done_range"),
        sa.CheckConstraint("failed >= 0", name="ck_imports_failed_range"),
        sa.CheckConstraint("rows >= 0", name="ck_imports_rows_range"),
        sa.CheckConstraint("size >= 0", name="ck_imports_size_range"),
        sa.CheckConstraint("skipped >= 0", name="ck_imports_skipped_range"),
        sa.CheckConstraint("updated >= 0", name="ck_imports_updated_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_imports"),
    )
    op.create_index("ix_imports_expires_at", "imports", ["tenant_id", "expires_at"])
    op.create_index("ix_imports_owner_id", "imports", ["tenant_id", "owner_id", "id"])


def _bulk_rows() -> None:
    op.create_table(
        "bulk_rows",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("row_id", sa.Uuid()),
        sa.Column("row_version", sa.BigInteger()),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("body", postgresql.JSONB()),
        sa.Column("before", postgresql.JSONB()),
        sa.Column("errors", postgresql.JSONB()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'failed', 'untouched')",
            name="ck_bulk_rows_state",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id"],
            ["bulk_runs.tenant_id", "bulk_runs.id"],
            name="fk_bulk_rows_run_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_bulk_rows"),
    )
    op.create_index(
        "ix_bulk_rows_failed",
        "bulk_rows",
        ["tenant_id", "run_id", "number"],
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index("ix_bulk_rows_run_id", "bulk_rows", ["tenant_id", "run_id", "id"])
    op.create_index(
        "uq_bulk_rows_number",
        "bulk_rows",
        ["tenant_id", "run_id", "number"],
        unique=True,
    )


def _import_rows() -> None:
    op.create_table(
        "import_rows",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("cells", postgresql.JSONB(), nullable=False),
        sa.Column("errors", postgresql.JSONB(), nullable=False),
        sa.Column("fixed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 0", name="ck_import_rows_number_range"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "import_id"],
            ["imports.tenant_id", "imports.id"],
            name="fk_import_rows_import_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_import_rows"),
    )
    op.create_index(
        "ix_import_rows_import_id", "import_rows", ["tenant_id", "import_id", "id"]
    )
    op.create_index(
        "uq_import_rows_number",
        "import_rows",
        ["tenant_id", "import_id", "number"],
        unique=True,
    )


def _api_keys() -> None:
    op.drop_index("ix_api_keys_prefix", table_name="api_keys")
    op.create_index(
        "ix_api_keys_prefix_text",
        "api_keys",
        ["tenant_id", sa.literal_column('prefix COLLATE "C"'), "id"],
    )


def _audit_log() -> None:
    op.create_index(
        "ix_audit_log_action_text",
        "audit_log",
        ["tenant_id", sa.literal_column('action COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_audit_log_resource_text",
        "audit_log",
        ["tenant_id", sa.literal_column('resource COLLATE "C"'), "id"],
    )


def _contacts() -> None:
    op.drop_index("ix_contacts_email", table_name="contacts")
    op.create_index(
        "ix_contacts_email_text",
        "contacts",
        ["tenant_id", sa.literal_column('email COLLATE "C"'), "id"],
    )


def _files() -> None:
    op.drop_index("ix_files_content_type", table_name="files")
    op.drop_index("ix_files_subject_type", table_name="files")
    op.create_index(
        "ix_files_content_type_text",
        "files",
        ["tenant_id", sa.literal_column('content_type COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_files_subject_type_text",
        "files",
        ["tenant_id", sa.literal_column('subject_type COLLATE "C"'), "id"],
    )


def _identity_domains() -> None:
    op.create_index(
        "ix_identity_domains_name_text",
        "identity_domains",
        ["tenant_id", sa.literal_column('name COLLATE "C"'), "id"],
    )


def _identity_providers() -> None:
    op.add_column(
        "identity_providers", sa.Column("kind", sa.String(length=32), nullable=False)
    )
    op.add_column("identity_providers", sa.Column("sso_url", sa.String(length=1000)))
    op.add_column(
        "identity_providers",
        sa.Column("certificates", postgresql.JSONB(), nullable=False),
    )
    op.alter_column(
        "identity_providers",
        "client_id",
        existing_type=sa.VARCHAR(length=255),
        nullable=True,
    )
    op.create_check_constraint(
        "ck_identity_providers_kind", "identity_providers", "kind IN ('oidc', 'saml')"
    )


def _invitations() -> None:
    op.drop_index("ix_invitations_email", table_name="invitations")
    op.create_index(
        "ix_invitations_email_text",
        "invitations",
        ["tenant_id", sa.literal_column('email COLLATE "C"'), "id"],
    )


def _jobs() -> None:
    op.add_column("jobs", sa.Column("credential", sa.String(length=60)))
    op.add_column("jobs", sa.Column("scopes", sa.Text()))
    op.drop_index("ix_jobs_task", table_name="jobs")
    op.create_index(
        "ix_jobs_task_text",
        "jobs",
        ["tenant_id", sa.literal_column('task COLLATE "C"'), "id"],
    )


def _mail_suppressions() -> None:
    op.drop_index("ix_mail_suppressions_address", table_name="mail_suppressions")
    op.create_index(
        "ix_mail_suppressions_address_text",
        "mail_suppressions",
        ["tenant_id", sa.literal_column('address COLLATE "C"'), "id"],
    )


def _mails() -> None:
    op.drop_index("ix_mails_recipient", table_name="mails")
    op.drop_index("ix_mails_template", table_name="mails")
    op.create_index(
        "ix_mails_recipient_text",
        "mails",
        ["tenant_id", sa.literal_column('recipient COLLATE "C"'), "id"],
    )
    op.create_index(
        "ix_mails_template_text",
        "mails",
        ["tenant_id", sa.literal_column('template COLLATE "C"'), "id"],
    )


def _users() -> None:
    op.add_column("users", sa.Column("registered_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_users_email_text",
        "users",
        ["tenant_id", sa.literal_column('email COLLATE "C"'), "id"],
    )


def _webhook_deliveries() -> None:
    op.drop_index("ix_webhook_deliveries_event_name", table_name="webhook_deliveries")
    op.create_index(
        "ix_webhook_deliveries_event_name_text",
        "webhook_deliveries",
        ["tenant_id", sa.literal_column('event_name COLLATE "C"'), "id"],
    )
