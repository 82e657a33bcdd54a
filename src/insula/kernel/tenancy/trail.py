"""The trail of a tenant's changes: the operators' log and the notice to all servers."""

from collections.abc import Mapping
from uuid import UUID

from insula.kernel.database.pool import Connection
from insula.kernel.foundation.ids import uuid7

ANNOUNCE = """
WITH logged AS (
    INSERT INTO control.audit_logs
        (id, tenant_id, admin_id, action, resource_type, resource_id, changes)
    VALUES ($1, $2::uuid, $3, $4, 'tenant', $2::text, $5)
)
SELECT pg_notify('insula', 'tenant:' || $2::text)
"""


async def announce(
    connection: Connection,
    tenant_id: UUID,
    action: str,
    *,
    by: UUID | None = None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Log a change, and have every server forget the tenant when it commits.

    The log outlives the tenant: ``changes`` must name nobody.
    """
    await connection.execute(
        ANNOUNCE, uuid7(), str(tenant_id), by, action, dict(changes or {})
    )
