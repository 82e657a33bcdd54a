"""Identity and access.

Safe while the code before it still runs: it only adds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Identity and access."""
    _contacts()
    _idempotency_keys()
    _identity_domains()
    _identity_providers()
    _invitations()
    _login_daily()
    _oauth_clients()
    _one_time_tokens()
    _roles()
    _scim_tokens()
    _sign_in_throttles()
    _teams()
    _api_keys()
    _backup_codes()
    _contact_sessions()
    _login_events()
    _oauth_codes()
    _oauth_grants()
    _oauth_tokens()
    _passkeys()
    _scim_groups()
    _scim_users()
    _team_members()
    _totp_factors()
    _user_identities()
    _audit_log()
    _sessions()
    _users()


def _contacts() -> None:
    op.create_table(
        "contacts",
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
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("phone", sa.String(length=40)),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("invited_at", sa.DateTime(timezone=True)),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.Column("last_login_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_contacts"),
    )
    op.create_index(
        "ix_contacts_created_at", "contacts", ["tenant_id", "created_at", "id"]
    )
    op.create_index("ix_contacts_email", "contacts", ["tenant_id", "email", "id"])
    op.create_index("ix_contacts_name", "contacts", ["tenant_id", "name", "id"])
    op.create_index(
        "ix_contacts_tenant_created", "contacts", ["tenant_id", "created_at"]
    )
    op.create_index(
        "uq_contacts_email",
        "contacts",
        ["tenant_id", "email"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_idempotency_keys"),
    )
    op.create_index(
        "ix_idempotency_keys_actor_id", "idempotency_keys", ["tenant_id", "actor_id"]
    )
    op.create_index(
        "ix_idempotency_keys_created_at",
        "idempotency_keys",
        ["tenant_id", "created_at"],
    )
    op.create_index(
        "uq_idempotency_keys_scope",
        "idempotency_keys",
        ["tenant_id", "scope"],
        unique=True,
    )


def _identity_domains() -> None:
    op.create_table(
        "identity_domains",
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
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("challenge", sa.String(length=255), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_identity_domains"),
    )
    op.create_index(
        "uq_identity_domains_name",
        "identity_domains",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _identity_providers() -> None:
    op.create_table(
        "identity_providers",
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
        sa.Column("preset", sa.String(length=32), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("secret", sa.Text()),
        sa.Column("domains", postgresql.JSONB(), nullable=False),
        sa.Column("create_users", sa.Boolean(), nullable=False),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "preset IN ('generic', 'google', 'microsoft')",
            name="ck_identity_providers_preset",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_identity_providers"),
    )
    op.create_index(
        "ix_identity_providers_enabled",
        "identity_providers",
        ["tenant_id", "enabled", "id"],
    )
    op.create_index(
        "ix_identity_providers_name", "identity_providers", ["tenant_id", "name", "id"]
    )


def _invitations() -> None:
    op.create_table(
        "invitations",
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
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("locale", sa.String(length=64)),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invited_by", sa.Uuid()),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'revoked')", name="ck_invitations_state"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_email", "invitations", ["tenant_id", "email", "id"])
    op.create_index("ix_invitations_state", "invitations", ["tenant_id", "state", "id"])
    op.create_index(
        "uq_invitations_pending",
        "invitations",
        ["tenant_id", "email"],
        unique=True,
        postgresql_where=sa.text("state = 'pending' AND deleted_at IS NULL"),
    )


def _login_daily() -> None:
    op.create_table(
        "login_daily",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("logins", sa.BigInteger(), nullable=False),
        sa.Column("users", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("methods", postgresql.JSONB(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("hours", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("failures >= 0", name="ck_login_daily_failures_range"),
        sa.CheckConstraint("logins >= 0", name="ck_login_daily_logins_range"),
        sa.CheckConstraint("users >= 0", name="ck_login_daily_users_range"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_login_daily"),
    )
    op.create_index(
        "uq_login_daily_day", "login_daily", ["tenant_id", "day"], unique=True
    )


def _oauth_clients() -> None:
    op.create_table(
        "oauth_clients",
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
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("flows", postgresql.JSONB(), nullable=False),
        sa.Column("redirect_uris", postgresql.JSONB(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64)),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "kind IN ('public', 'confidential')", name="ck_oauth_clients_kind"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_oauth_clients"),
    )
    op.create_index(
        "ix_oauth_clients_created_at",
        "oauth_clients",
        ["tenant_id", "created_at", "id"],
    )
    op.create_index(
        "ix_oauth_clients_kind", "oauth_clients", ["tenant_id", "kind", "id"]
    )
    op.create_index(
        "ix_oauth_clients_name", "oauth_clients", ["tenant_id", "name", "id"]
    )


def _one_time_tokens() -> None:
    op.create_table(
        "one_time_tokens",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_one_time_tokens"),
    )
    op.create_index(
        "ix_one_time_tokens_expires", "one_time_tokens", ["tenant_id", "expires_at"]
    )
    op.create_index(
        "ix_one_time_tokens_subject",
        "one_time_tokens",
        ["tenant_id", "subject_id", "purpose"],
    )


def _roles() -> None:
    op.create_table(
        "roles",
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
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("grants", postgresql.JSONB(), nullable=False),
        sa.Column("masks", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_roles"),
    )
    op.create_index(
        "uq_roles_name",
        "roles",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _scim_tokens() -> None:
    op.create_table(
        "scim_tokens",
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
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.Uuid()),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_scim_tokens"),
    )
    op.create_index(
        "ix_scim_tokens_created_at", "scim_tokens", ["tenant_id", "created_at", "id"]
    )


def _sign_in_throttles() -> None:
    op.create_table(
        "sign_in_throttles",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.Column("refused_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_sign_in_throttles"),
    )
    op.create_index(
        "uq_sign_in_throttles_key",
        "sign_in_throttles",
        ["tenant_id", "key"],
        unique=True,
    )


def _teams() -> None:
    op.create_table(
        "teams",
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
        sa.Column("description", sa.Text()),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_teams"),
    )
    op.create_index(
        "uq_teams_name",
        "teams",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
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
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("prefix", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["users.tenant_id", "users.id"],
            name="fk_api_keys_owner_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_api_keys"),
    )
    op.create_index(
        "ix_api_keys_created_at", "api_keys", ["tenant_id", "created_at", "id"]
    )
    op.create_index("ix_api_keys_name", "api_keys", ["tenant_id", "name", "id"])
    op.create_index("ix_api_keys_owner_id", "api_keys", ["tenant_id", "owner_id", "id"])
    op.create_index("ix_api_keys_prefix", "api_keys", ["tenant_id", "prefix", "id"])


def _backup_codes() -> None:
    op.create_table(
        "backup_codes",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_backup_codes_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_backup_codes"),
        sa.UniqueConstraint("tenant_id", "user_id", "digest"),
    )
    op.create_index(
        "ix_backup_codes_user_id", "backup_codes", ["tenant_id", "user_id", "id"]
    )


def _contact_sessions() -> None:
    op.create_table(
        "contact_sessions",
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
        sa.Column("refresh_hash", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("client", sa.String(length=64)),
        sa.Column("user_agent", sa.String(length=255)),
        sa.Column("factors", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["contacts.tenant_id", "contacts.id"],
            name="fk_contact_sessions_contact_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_contact_sessions"),
    )
    op.create_index(
        "ix_contact_sessions_contact_id",
        "contact_sessions",
        ["tenant_id", "contact_id", "id"],
    )


def _login_events() -> None:
    op.create_table(
        "login_events",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("method", sa.String(length=20)),
        sa.Column("reason", sa.String(length=40)),
        sa.Column("client", sa.String(length=64)),
        sa.Column("user_agent", sa.String(length=255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_login_events_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_login_events"),
    )
    op.create_index(
        "ix_login_events_created", "login_events", ["tenant_id", "created_at"]
    )
    op.create_index(
        "ix_login_events_user_id", "login_events", ["tenant_id", "user_id", "id"]
    )


def _oauth_codes() -> None:
    op.create_table(
        "oauth_codes",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("factors", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["oauth_clients.tenant_id", "oauth_clients.id"],
            name="fk_oauth_codes_client_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_oauth_codes_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_oauth_codes"),
    )
    op.create_index(
        "ix_oauth_codes_client_id", "oauth_codes", ["tenant_id", "client_id", "id"]
    )
    op.create_index(
        "ix_oauth_codes_expires", "oauth_codes", ["tenant_id", "expires_at"]
    )
    op.create_index(
        "ix_oauth_codes_user_id", "oauth_codes", ["tenant_id", "user_id", "id"]
    )


def _oauth_grants() -> None:
    op.create_table(
        "oauth_grants",
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
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["oauth_clients.tenant_id", "oauth_clients.id"],
            name="fk_oauth_grants_client_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_oauth_grants_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_oauth_grants"),
    )
    op.create_index(
        "ix_oauth_grants_client_id", "oauth_grants", ["tenant_id", "client_id", "id"]
    )
    op.create_index(
        "ix_oauth_grants_user_id", "oauth_grants", ["tenant_id", "user_id", "id"]
    )
    op.create_index(
        "uq_oauth_grants",
        "oauth_grants",
        ["tenant_id", "user_id", "client_id"],
        unique=True,
    )


def _oauth_tokens() -> None:
    op.create_table(
        "oauth_tokens",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["oauth_clients.tenant_id", "oauth_clients.id"],
            name="fk_oauth_tokens_client_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_oauth_tokens"),
    )
    op.create_index(
        "ix_oauth_tokens_client_id", "oauth_tokens", ["tenant_id", "client_id", "id"]
    )
    op.create_index(
        "ix_oauth_tokens_expires", "oauth_tokens", ["tenant_id", "expires_at"]
    )


def _passkeys() -> None:
    op.create_table(
        "passkeys",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("aaguid", sa.String(length=36), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_passkeys_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_passkeys"),
        sa.UniqueConstraint("tenant_id", "credential_id"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["tenant_id", "user_id", "id"])


def _scim_groups() -> None:
    op.create_table(
        "scim_groups",
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
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(length=255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "team_id"],
            ["teams.tenant_id", "teams.id"],
            name="fk_scim_groups_team_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_scim_groups"),
    )
    op.create_index(
        "ix_scim_groups_team_id", "scim_groups", ["tenant_id", "team_id", "id"]
    )
    op.create_index(
        "uq_scim_groups_team", "scim_groups", ["tenant_id", "team_id"], unique=True
    )


def _scim_users() -> None:
    op.create_table(
        "scim_users",
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
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("user_key", sa.String(length=255), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_scim_users_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_scim_users"),
    )
    op.create_index(
        "ix_scim_users_user_id", "scim_users", ["tenant_id", "user_id", "id"]
    )
    op.create_index(
        "uq_scim_users_user", "scim_users", ["tenant_id", "user_id"], unique=True
    )
    op.create_index(
        "uq_scim_users_user_key",
        "scim_users",
        ["tenant_id", "user_key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _team_members() -> None:
    op.create_table(
        "team_members",
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
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("grants", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("role IN ('member', 'lead')", name="ck_team_members_role"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "team_id"],
            ["teams.tenant_id", "teams.id"],
            name="fk_team_members_team_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_team_members_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_team_members"),
    )
    op.create_index(
        "ix_team_members_team_id", "team_members", ["tenant_id", "team_id", "id"]
    )
    op.create_index(
        "ix_team_members_user_id", "team_members", ["tenant_id", "user_id", "id"]
    )
    op.create_index(
        "uq_team_members_team_id_user_id",
        "team_members",
        ["tenant_id", "team_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _totp_factors() -> None:
    op.create_table(
        "totp_factors",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger()),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_totp_factors_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_totp_factors"),
        sa.UniqueConstraint("tenant_id", "user_id"),
    )
    op.create_index(
        "ix_totp_factors_user_id", "totp_factors", ["tenant_id", "user_id", "id"]
    )


def _user_identities() -> None:
    op.create_table(
        "user_identities",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "provider_id"],
            ["identity_providers.tenant_id", "identity_providers.id"],
            name="fk_user_identities_provider_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"],
            ["users.tenant_id", "users.id"],
            name="fk_user_identities_user_id",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_user_identities"),
    )
    op.create_index(
        "ix_user_identities_provider_id",
        "user_identities",
        ["tenant_id", "provider_id", "id"],
    )
    op.create_index(
        "ix_user_identities_user_id", "user_identities", ["tenant_id", "user_id", "id"]
    )
    op.create_index(
        "uq_user_identities_subject",
        "user_identities",
        ["tenant_id", "provider_id", "subject"],
        unique=True,
    )
    op.create_index(
        "uq_user_identities_user",
        "user_identities",
        ["tenant_id", "provider_id", "user_id"],
        unique=True,
    )


def _audit_log() -> None:
    op.add_column("audit_log", sa.Column("via", sa.String(length=60)))


def _sessions() -> None:
    op.add_column(
        "sessions",
        sa.Column("kind", sa.String(length=10), server_default="token", nullable=False),
    )
    op.add_column(
        "sessions",
        sa.Column("factors", postgresql.JSONB(), server_default="[]", nullable=False),
    )
    op.add_column("sessions", sa.Column("proved_at", sa.DateTime(timezone=True)))
    op.add_column("sessions", sa.Column("client_id", sa.Uuid()))
    op.add_column("sessions", sa.Column("scopes", postgresql.JSONB()))


def _users() -> None:
    op.add_column("users", sa.Column("password_changed_at", sa.DateTime(timezone=True)))
    op.add_column("users", sa.Column("locale", sa.String(length=20)))
    op.add_column("users", sa.Column("external_id", sa.String(length=255)))
    op.add_column("users", sa.Column("second_factor_at", sa.DateTime(timezone=True)))
    op.create_index("ix_users_email", "users", ["tenant_id", "email", "id"])
    op.create_index("ix_users_name", "users", ["tenant_id", "name", "id"])
