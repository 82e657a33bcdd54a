"""Operators: the people who run the platform, made from the command line."""

from insula.kernel.database.bus import CHANNEL
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.tenancy.control import Control

CREATE = """
WITH made AS (
    INSERT INTO control.system_admins (id, email, password, permissions)
    VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING RETURNING id)
INSERT INTO control.audit_logs (id, action, resource_type, resource_id)
SELECT $5, 'admins.create', 'system_admins', made.id::text FROM made RETURNING 1
"""
REPLACE = """
WITH known AS (
    UPDATE control.system_admins SET password = $2 WHERE email = $1 RETURNING id),
ended AS (
    UPDATE control.admin_sessions s SET revoked_at = $3 FROM known
     WHERE s.admin_id = known.id AND s.revoked_at IS NULL),
audit AS (
    INSERT INTO control.audit_logs (id, action, resource_type, resource_id)
    SELECT $4, 'admins.password_reset', 'system_admins', known.id::text FROM known)
SELECT known.id FROM known
"""
NOTIFY = "SELECT pg_notify($1, $2)"


class OperatorExists(Conflict):
    """There is an operator {email} already."""

    code = "OPERATOR_EXISTS"


class OperatorUnknown(Conflict):
    """There is no operator {email}."""

    code = "OPERATOR_UNKNOWN"


async def create_operator(control: Control, email: str, password: str) -> None:
    """Make an operator who may do everything; raises ``OperatorExists``."""
    email = email.strip().lower()
    check_password(password, [email])
    hashed = await hash_password(password)
    if not await control.fetch(CREATE, uuid7(), email, hashed, ["*"], uuid7()):
        raise OperatorExists(email=email)


async def reset_operator(control: Control, email: str, password: str) -> None:
    """Give an operator another password, and sign them out everywhere."""
    email = email.strip().lower()
    check_password(password, [email])
    hashed = await hash_password(password)
    async with control.transaction() as connection:
        operator_id = await connection.fetchval(REPLACE, email, hashed, now(), uuid7())
        if operator_id is None:
            raise OperatorUnknown(email=email)
        await connection.execute(NOTIFY, CHANNEL, topic_of(operator_id))
