"""The owner: a new tenant's first user, who may do everything in it."""

from uuid import UUID

from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.new_tenant import NewTenant

OWNER = Statement("""
WITH made AS (
    INSERT INTO home__.users
        (tenant_id, id, created_at, updated_at, version, name, email, password,
         roles, settings, email_verified_at, login_count)
    VALUES ($1::uuid, $2, $3, $3, 1, $4, $5, $6, $7, '{}', $3, 0)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO home__.audit_log
    (tenant_id, id, created_at, action, resource, resource_id, actor_kind, changes)
SELECT $1::uuid, $8, $3, 'users.create', 'users', id, 'system', '{}' FROM made
""")


async def seed_owner(session: Session, _: UUID, new: NewTenant) -> None:
    """Make the owner, whose address needs no proof: an operator vouches for it."""
    if new.owner_email is None:
        return
    email = new.owner_email.strip().lower()
    name = new.owner_name.strip() or email.partition("@")[0]
    async with session.transaction() as transaction:
        values = name, email, new.owner_password_hash, ["owner"]
        await transaction.fetch(OWNER, uuid7(), now(), *values, uuid7())
