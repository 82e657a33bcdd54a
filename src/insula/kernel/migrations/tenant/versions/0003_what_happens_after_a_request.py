"""What happens after a request.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What happens after a request."""
    _audit_chain()
    _data_requests()
    _erasure_notes()
    _files()
    _inbox()
    _job_buckets()
    _jobs()
    _legal_holds()
    _mail_senders()
    _mail_suppressions()
    _mails()
    _request_rates()
    _usage_counters()
    _webhook_endpoints()
    _notification_preferences()
    _notifications()
    _webhook_deliveries()
    _webhook_failures()
    _webhook_secrets()
    _audit_log()
    _outbox()


def _audit_chain() -> None:
    op.create_table(
        "audit_chain",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=False),
        sa.Column("floor", sa.Uuid(), nullable=False),
        sa.Column("entries", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("salts", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("commitments", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("digests", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('entries', 'erasure', 'expiry')", name="ck_audit_chain_kind"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_chain"),
        info={"append_only": True},
    )
    op.create_index("ix_audit_chain_last_id", "audit_chain", ["tenant_id", "last_id"])
    op.create_index(
        "uq_audit_chain_number", "audit_chain", ["tenant_id", "number"], unique=True
    )


def _data_requests() -> None:
    op.create_table(
        "data_requests",
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
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.Uuid()),
        sa.Column("decided_by", sa.Uuid()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("file_id", sa.Uuid()),
        sa.Column("proof", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('export', 'erasure')", name="ck_data_requests_kind"
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'refused', 'running', "
            "'held', 'failed', 'done')",
            name="ck_data_requests_state",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_data_requests"),
    )
    op.create_index(
        "ix_data_requests_created_at",
        "data_requests",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_data_requests_kind", "data_requests", ["tenant_id", "kind", "id"]
    )
    op.create_index(
        "ix_data_requests_state", "data_requests", ["tenant_id", "state", "id"]
    )
    op.create_index(
        "ix_data_requests_subject", "data_requests", ["tenant_id", "subject_id"]
    )
    op.create_index(
        "ix_data_requests_subject_id",
        "data_requests",
        ["tenant_id", "subject_id", "id"],
    )


def _erasure_notes() -> None:
    op.create_table(
        "erasure_notes",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identifiers", sa.Text(), nullable=False),
        sa.Column("position", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_erasure_notes"),
    )


def _files() -> None:
    op.create_table(
        "files",
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
        sa.Column("folder", sa.String(length=32), nullable=False),
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("scan", sa.String(length=32), nullable=False),
        sa.Column("found", sa.String(length=255)),
        sa.Column("variants", postgresql.JSONB(), nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("subject_type", sa.String(length=64)),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "folder IN ('attachments', 'exports', 'imports', 'temp')",
            name="ck_files_folder",
        ),
        sa.CheckConstraint(
            "scan IN ('unscanned', 'clean', 'infected')", name="ck_files_scan"
        ),
        sa.CheckConstraint("state IN ('ready', 'quarantined')", name="ck_files_state"),
        sa.CheckConstraint("size >= 0", name="ck_files_size_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_files"),
    )
    op.create_index(
        "ix_files_content_type", "files", ["tenant_id", "content_type", "id"]
    )
    op.create_index("ix_files_created_at", "files", ["tenant_id", "created_at", "id"])
    op.create_index(
        "ix_files_expiry",
        "files",
        ["tenant_id", "expires_at"],
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index("ix_files_folder", "files", ["tenant_id", "folder", "id"])
    op.create_index("ix_files_name", "files", ["tenant_id", "name", "id"])
    op.create_index("ix_files_owner_id", "files", ["tenant_id", "owner_id", "id"])
    op.create_index("ix_files_size", "files", ["tenant_id", "size", "id"])
    op.create_index("ix_files_state", "files", ["tenant_id", "state", "id"])
    op.create_index("ix_files_subject_id", "files", ["tenant_id", "subject_id", "id"])
    op.create_index(
        "ix_files_subject_type", "files", ["tenant_id", "subject_type", "id"]
    )
    op.create_index(
        "ix_files_trash",
        "files",
        ["tenant_id", "deleted_at"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index(
        "uq_files_storage_key", "files", ["tenant_id", "storage_key"], unique=True
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reaction", sa.String(length=150), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_inbox"),
    )
    op.create_index(
        "uq_inbox_event", "inbox", ["tenant_id", "reaction", "event_id"], unique=True
    )


def _job_buckets() -> None:
    op.create_table(
        "job_buckets",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_job_buckets"),
    )
    op.create_index(
        "uq_job_buckets_name", "job_buckets", ["tenant_id", "name"], unique=True
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
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
        sa.Column("task", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=32), nullable=False),
        sa.Column("command", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("unique_key", sa.String(length=200)),
        sa.Column("lane", sa.String(length=200)),
        sa.Column("bucket", sa.String(length=200)),
        sa.Column("slotted", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.String(length=500)),
        sa.Column("done_count", sa.BigInteger(), nullable=False),
        sa.Column("total_count", sa.BigInteger()),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("request_id", sa.String(length=64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "queue IN ('default', 'webhooks', 'email', 'sync')", name="ck_jobs_queue"
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'queued', 'dispatched', 'paused', "
            "'done', 'failed', 'cancelled')",
            name="ck_jobs_state",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_actor_id", "jobs", ["tenant_id", "actor_id", "id"])
    op.create_index(
        "ix_jobs_dispatched",
        "jobs",
        ["tenant_id", "queue", "dispatched_at"],
        postgresql_where=sa.text("state = 'dispatched'"),
    )
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["tenant_id", "queue", "run_at", "id"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_jobs_ended",
        "jobs",
        ["tenant_id", "ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_lane",
        "jobs",
        ["tenant_id", "lane", "id"],
        postgresql_where=sa.text(
            "lane IS NOT NULL AND state IN ('waiting', 'queued', "
            "'dispatched', 'paused')"
        ),
    )
    op.create_index("ix_jobs_queue", "jobs", ["tenant_id", "queue", "id"])
    op.create_index("ix_jobs_run_at", "jobs", ["tenant_id", "run_at", "id"])
    op.create_index("ix_jobs_state", "jobs", ["tenant_id", "state", "id"])
    op.create_index("ix_jobs_task", "jobs", ["tenant_id", "task", "id"])
    op.create_index(
        "uq_jobs_unique_key",
        "jobs",
        ["tenant_id", "unique_key"],
        unique=True,
        postgresql_where=sa.text(
            "unique_key IS NOT NULL AND state IN ('waiting', 'queued', "
            "'dispatched', 'paused')"
        ),
    )


def _legal_holds() -> None:
    op.create_table(
        "legal_holds",
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
        sa.Column("subject", sa.String(length=64)),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("set_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_legal_holds"),
    )
    op.create_index(
        "ix_legal_holds_created_at", "legal_holds", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "ix_legal_holds_subject_id", "legal_holds", ["tenant_id", "subject_id", "id"]
    )


def _mail_senders() -> None:
    op.create_table(
        "mail_senders",
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
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("reply_to", sa.String(length=255)),
        sa.Column("selector", sa.String(length=64), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("record_name", sa.String(length=255), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column("finding", sa.String(length=64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_mail_senders"),
    )
    op.create_index(
        "ix_mail_senders_created_at", "mail_senders", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "uq_mail_senders_address",
        "mail_senders",
        ["tenant_id", "address"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _mail_suppressions() -> None:
    op.create_table(
        "mail_suppressions",
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
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "reason IN ('bounce', 'complaint', 'unsubscribe', 'manual')",
            name="ck_mail_suppressions_reason",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_mail_suppressions"),
    )
    op.create_index(
        "ix_mail_suppressions_address",
        "mail_suppressions",
        ["tenant_id", "address", "id"],
    )
    op.create_index(
        "ix_mail_suppressions_created_at",
        "mail_suppressions",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_mail_suppressions_reason",
        "mail_suppressions",
        ["tenant_id", "reason", "id"],
    )
    op.create_index(
        "uq_mail_suppressions_key",
        "mail_suppressions",
        ["tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _mails() -> None:
    op.create_table(
        "mails",
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
        sa.Column("recipient", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=64)),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=255)),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'bounced', 'suppressed', 'failed')",
            name="ck_mails_state",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_mails"),
    )
    op.create_index("ix_mails_created_at", "mails", ["tenant_id", "created_at", "id"])
    op.create_index("ix_mails_recipient", "mails", ["tenant_id", "recipient", "id"])
    op.create_index("ix_mails_state", "mails", ["tenant_id", "state", "id"])
    op.create_index("ix_mails_template", "mails", ["tenant_id", "template", "id"])
    op.create_index("ix_mails_user_id", "mails", ["tenant_id", "user_id"])


def _request_rates() -> None:
    op.create_table(
        "request_rates",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("limited", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("slow", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("errors >= 0", name="ck_request_rates_errors_range"),
        sa.CheckConstraint("limited >= 0", name="ck_request_rates_limited_range"),
        sa.CheckConstraint(
            "milliseconds >= 0", name="ck_request_rates_milliseconds_range"
        ),
        sa.CheckConstraint("refused >= 0", name="ck_request_rates_refused_range"),
        sa.CheckConstraint("requests >= 0", name="ck_request_rates_requests_range"),
        sa.CheckConstraint("slow >= 0", name="ck_request_rates_slow_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_request_rates"),
    )
    op.create_index(
        "ix_request_rates_hour", "request_rates", ["tenant_id", "hour", "id"]
    )
    op.create_index(
        "uq_request_rates_hour", "request_rates", ["tenant_id", "hour"], unique=True
    )


def _usage_counters() -> None:
    op.create_table(
        "usage_counters",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("ceiling", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("used >= 0", name="ck_usage_counters_used_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_usage_counters"),
    )
    op.create_index(
        "uq_usage_counters_name", "usage_counters", ["tenant_id", "name"], unique=True
    )


def _webhook_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
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
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=255)),
        sa.Column("events", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("disabled_reason", sa.String(length=32)),
        sa.Column("schedule", sa.String(length=32), nullable=False),
        sa.Column("ordering", sa.String(length=32), nullable=False),
        sa.Column("concurrency", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.BigInteger()),
        sa.Column("public_key", sa.String(length=255)),
        sa.Column("keeper_id", sa.Uuid()),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("last_success_at", sa.DateTime(timezone=True)),
        sa.Column("strikes", sa.BigInteger(), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True)),
        sa.Column("free_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "disabled_reason IN ('asked', 'gone', 'failing', 'orphaned')",
            name="ck_webhook_endpoints_disabled_reason",
        ),
        sa.CheckConstraint(
            "ordering IN ('none', 'resource', 'endpoint')",
            name="ck_webhook_endpoints_ordering",
        ),
        sa.CheckConstraint(
            "schedule IN ('standard', 'extended', 'short')",
            name="ck_webhook_endpoints_schedule",
        ),
        sa.CheckConstraint(
            "state IN ('active', 'disabled')", name="ck_webhook_endpoints_state"
        ),
        sa.CheckConstraint(
            "concurrency >= 1 AND concurrency <= 20",
            name="ck_webhook_endpoints_concurrency_range",
        ),
        sa.CheckConstraint(
            "rate >= 1 AND rate <= 1000", name="ck_webhook_endpoints_rate_range"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhook_endpoints"),
    )
    op.create_index(
        "ix_webhook_endpoints_created_at",
        "webhook_endpoints",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_webhook_endpoints_state", "webhook_endpoints", ["tenant_id", "state", "id"]
    )


def _notification_preferences() -> None:
    op.create_table(
        "notification_preferences",
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
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("pattern", sa.String(length=64), nullable=False),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "digest IN ('none', 'daily')", name="ck_notification_preferences_digest"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_notification_preferences_user_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notification_preferences"),
    )
    op.create_index(
        "ix_notification_preferences_user_id",
        "notification_preferences",
        ["tenant_id", "user_id", "id"],
    )
    op.create_index(
        "uq_notification_preferences_pattern",
        "notification_preferences",
        ["tenant_id", "user_id", "pattern"],
        unique=True,
    )


def _notifications() -> None:
    op.create_table(
        "notifications",
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
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=500)),
        sa.Column("cause", sa.String(length=100)),
        sa.Column("event_id", sa.Uuid()),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("digest_due", sa.Boolean(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_notifications_user_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notifications"),
    )
    op.create_index(
        "ix_notifications_due",
        "notifications",
        ["tenant_id", "user_id", "id"],
        postgresql_where=sa.text("digest_due"),
    )
    op.create_index(
        "ix_notifications_mine", "notifications", ["tenant_id", "user_id", "id"]
    )
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["tenant_id", "user_id"],
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index(
        "ix_notifications_user_id", "notifications", ["tenant_id", "user_id", "id"]
    )
    op.create_index(
        "uq_notifications_cause",
        "notifications",
        ["tenant_id", "user_id", "kind", "cause"],
        unique=True,
        postgresql_where=sa.text("cause IS NOT NULL"),
    )


def _webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_name", sa.String(length=100), nullable=False),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("resource_id", sa.Uuid()),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_status", sa.BigInteger()),
        sa.Column("error", sa.String(length=255)),
        sa.Column("milliseconds", sa.BigInteger()),
        sa.Column("excerpt", sa.Text()),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'delivered', 'failed')",
            name="ck_webhook_deliveries_state",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            name="fk_webhook_deliveries_endpoint_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhook_deliveries"),
    )
    op.create_index(
        "ix_webhook_deliveries_created_at",
        "webhook_deliveries",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint_id",
        "webhook_deliveries",
        ["tenant_id", "endpoint_id", "id"],
    )
    op.create_index(
        "ix_webhook_deliveries_event_name",
        "webhook_deliveries",
        ["tenant_id", "event_name", "id"],
    )
    op.create_index(
        "ix_webhook_deliveries_open",
        "webhook_deliveries",
        ["tenant_id", "endpoint_id", "state", "next_at", "id"],
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )
    op.create_index(
        "ix_webhook_deliveries_resource_id",
        "webhook_deliveries",
        ["tenant_id", "resource_id", "id"],
    )
    op.create_index(
        "ix_webhook_deliveries_state",
        "webhook_deliveries",
        ["tenant_id", "state", "id"],
    )
    op.create_index(
        "uq_webhook_deliveries_event",
        "webhook_deliveries",
        ["tenant_id", "endpoint_id", "event_id"],
        unique=True,
    )


def _webhook_failures() -> None:
    op.create_table(
        "webhook_failures",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_name", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_status", sa.BigInteger()),
        sa.Column("error", sa.String(length=255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            name="fk_webhook_failures_endpoint_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhook_failures"),
    )
    op.create_index(
        "ix_webhook_failures_created_at",
        "webhook_failures",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_webhook_failures_endpoint_id",
        "webhook_failures",
        ["tenant_id", "endpoint_id", "id"],
    )


def _webhook_secrets() -> None:
    op.create_table(
        "webhook_secrets",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            name="fk_webhook_secrets_endpoint_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_webhook_secrets"),
    )
    op.create_index(
        "ix_webhook_secrets_endpoint_id",
        "webhook_secrets",
        ["tenant_id", "endpoint_id", "id"],
    )


def _audit_log() -> None:
    op.add_column("audit_log", sa.Column("user_agent", sa.String(length=255)))
    op.create_index("ix_audit_log_action", "audit_log", ["tenant_id", "action", "id"])
    op.create_index(
        "ix_audit_log_actor_id", "audit_log", ["tenant_id", "actor_id", "id"]
    )
    op.create_index(
        "ix_audit_log_created_at", "audit_log", ["tenant_id", "created_at", "id"]
    )
    op.create_index(
        "ix_audit_log_resource", "audit_log", ["tenant_id", "resource", "id"]
    )


def _outbox() -> None:
    op.add_column(
        "outbox",
        sa.Column(
            "version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False
        ),
    )
    op.add_column("outbox", sa.Column("sequence", sa.BigInteger()))
    op.create_index(
        "uq_outbox_sequence",
        "outbox",
        ["tenant_id", "sequence"],
        unique=True,
        postgresql_where=sa.text("sequence IS NOT NULL"),
    )
