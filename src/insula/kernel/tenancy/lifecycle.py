"""The life of a tenant between its first day and its last: suspend, delete, undo."""

from uuid import UUID

from insula.kernel.database.pool import Connection
from insula.kernel.foundation.errors import Conflict, Problem
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.trail import announce

SUSPEND = """
UPDATE control.tenants
   SET state = 'suspended', updated_at = now(), metadata = metadata ||
       jsonb_build_object('suspension',
           jsonb_build_object('reason', $2::text, 'before', state))
 WHERE id = $1 AND state IN ('active', 'read_only') RETURNING id
"""
RESUME = """
UPDATE control.tenants
   SET state = COALESCE(metadata->'suspension'->>'before', 'active'),
       updated_at = now(), metadata = metadata - 'suspension'
 WHERE id = $1 AND state = 'suspended' RETURNING id
"""
DELETE = """
UPDATE control.tenants
   SET state = 'deleting', updated_at = now(), deleted_at = now(),
       purge_after = now() + make_interval(days => $2::int),
       metadata = metadata || jsonb_build_object('before_deletion', state)
 WHERE id = $1 AND state IN ('active', 'read_only', 'suspended', 'archived')
RETURNING id
"""
RESTORE = """
UPDATE control.tenants
   SET state = COALESCE(metadata->>'before_deletion', 'active'),
       updated_at = now(), deleted_at = NULL, purge_after = NULL,
       metadata = metadata - 'before_deletion'
 WHERE id = $1 AND state = 'deleting' RETURNING id
"""


class WrongState(Conflict):
    """The tenant is {state}: this cannot be done with it now."""

    code = "TENANT_STATE"


class Lifecycle:
    """Changes of a tenant's state that are one statement each."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def suspend(self, tenant_id: UUID, reason: str, by: UUID | None) -> None:
        """Close a tenant to everybody, keeping all that it has."""
        await self._change(SUSPEND, "tenants.suspend", tenant_id, by, reason)

    async def resume(self, tenant_id: UUID, by: UUID | None) -> None:
        """Open a suspended tenant again."""
        await self._change(RESUME, "tenants.resume", tenant_id, by)

    async def delete(self, tenant_id: UUID, days: int, by: UUID | None) -> None:
        """Close a tenant for good; it can be restored until it is purged."""
        await self._change(DELETE, "tenants.delete", tenant_id, by, days)

    async def restore(self, tenant_id: UUID, by: UUID | None) -> None:
        """Take back a deletion."""
        await self._change(RESTORE, "tenants.restore", tenant_id, by)

    async def _change(
        self,
        statement: str,
        action: str,
        tenant_id: UUID,
        by: UUID | None,
        *args: object,
    ) -> None:
        async with self._control.transaction() as connection:
            if not await connection.fetch(statement, tenant_id, *args):
                raise await refusal(connection, tenant_id)
            await announce(connection, tenant_id, action, by=by)


async def refusal(connection: Connection, tenant_id: UUID) -> Problem:
    """Why a tenant's state did not change: it is not there, or not in the right one."""
    state = await connection.fetchval(
        "SELECT state FROM control.tenants WHERE id = $1", tenant_id
    )
    return TenantNotFound() if state is None else WrongState(state=state)
