"""The audit log in partitions.

Safe while the code before it still runs: the table keeps its name and its columns, and
its rows stay where they are, in what is now the first partition. Every writer waits
for the few milliseconds that it takes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

# The roles have other names in every installation.
CLOSE = """
DO $$
DECLARE role text;
BEGIN
    FOR role IN SELECT DISTINCT pg_get_userbyid(g.grantee)
                  FROM pg_class c, aclexplode(c.relacl) g
                 WHERE c.oid = 'audit_log_rest'::regclass AND g.grantee <> c.relowner
    LOOP EXECUTE format('REVOKE ALL ON audit_log_rest FROM %I', role); END LOOP;
END $$
"""


def upgrade() -> None:
    """Make the table a partition of a new one that takes its name."""
    op.execute("ALTER TABLE audit_log RENAME TO audit_log_rest")
    op.execute("ALTER INDEX pk_audit_log RENAME TO pk_audit_log_rest")
    op.execute(
        "ALTER INDEX ix_audit_log_resource RENAME TO ix_audit_log_rest_resource_id"
    )
    op.execute("DROP POLICY tenant_isolation ON audit_log_rest")
    op.execute("DROP POLICY operator_reads ON audit_log_rest")
    op.execute(CLOSE)
    _audit_log()
    op.execute("ALTER TABLE audit_log ATTACH PARTITION audit_log_rest DEFAULT")


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "tenant_id",
            sa.Uuid(),
            server_default=sa.text(
                "NULLIF(current_setting('insula.tenant', true), '')::uuid"
            ),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("resource", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid()),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("request_id", sa.String(length=64)),
        sa.Column("client", sa.String(length=64)),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_audit_log"),
        info={"append_only": True},
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "ix_audit_log_resource_id", "audit_log", ["tenant_id", "resource_id", "id"]
    )
