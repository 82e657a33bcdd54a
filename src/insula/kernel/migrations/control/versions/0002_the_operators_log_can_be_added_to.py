"""The operators' log can be added to, and no more.

Safe while the code before it still runs: no code changes or deletes what is in the log.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# The roles have other names in every installation.
CLOSE = """
DO $$
DECLARE role text;
BEGIN
    FOR role IN SELECT DISTINCT pg_get_userbyid(g.grantee)
                  FROM pg_class c, aclexplode(c.relacl) g
                 WHERE c.oid = 'control.audit_logs'::regclass
                   AND g.grantee <> c.relowner
    LOOP EXECUTE format('REVOKE UPDATE, DELETE ON control.audit_logs FROM %I', role);
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Take from the role that serves requests what it does not need."""
    op.execute(CLOSE)
    op.create_index(
        "idx_audit_logs_admin",
        "audit_logs",
        ["admin_id", "id"],
        schema="control",
    )
    op.create_index(
        "idx_audit_logs_action", "audit_logs", ["action", "id"], schema="control"
    )
