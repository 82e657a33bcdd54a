"""The kernel's own series of migrations; an app's come with its manifest."""

from pathlib import Path

from insula.kernel.database.migrations import Migrations
from insula.kernel.tenancy import models

_FOLDER = Path(__file__).parents[1] / "migrations"

CONTROL = Migrations(
    "control",
    _FOLDER / "control" / "versions",
    metadata=models.TenantRow.metadata,
    tables=("*",),
)
"""The operator's tables, in the control database."""

KERNEL = Migrations(
    "kernel",
    _FOLDER / "tenant" / "versions",
    tables=(
        "users",
        "counters",
        "sessions",
        "one_time_tokens",
        "audit_log",
        "audit_chain",
        "outbox",
        "inbox",
        "jobs",
        "job_buckets",
        "bulk_runs",
        "bulk_rows",
        "merges",
        "merge_moves",
        "files",
        "usage_counters",
        "request_rates",
        "sign_in_throttles",
        "login_events",
        "login_daily",
        "data_requests",
        "legal_holds",
        "erasure_notes",
        "exports",
        "mails",
        "mail_suppressions",
        "mail_senders",
        "contacts",
        "contact_sessions",
        "custom_fields",
        "notifications",
        "notification_preferences",
        "webhook_endpoints",
        "webhook_secrets",
        "webhook_deliveries",
        "webhook_failures",
        "roles",
        "teams",
        "team_members",
        "api_keys",
        "oauth_clients",
        "oauth_grants",
        "oauth_codes",
        "oauth_tokens",
        "idempotency_keys",
        "totp_factors",
        "backup_codes",
        "passkeys",
        "invitations",
        "identity_providers",
        "import_rows",
        "imports",
        "identity_domains",
        "user_identities",
        "scim_tokens",
        "scim_users",
        "scim_groups",
        "tags",
        "taggings",
        "comments",
        "timeline_entries",
        "saved_views",
    ),
)
"""The tables that every home has; a new one is named here, or nothing makes it."""
