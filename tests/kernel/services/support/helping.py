"""Helping: an operator who asks a tenant for access, and the tenant that answers."""

from typing import Any

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

PATH, ASSETS = "support-accesses", "maintenance/assets"
JOURNAL = Statement(
    "SELECT action, actor_kind, actor_id, via, changes::text AS changes"
    " FROM home__.audit_log"
    " WHERE tenant_id = $1::text::uuid AND via = $2 AND action <> 'mails.create'"
    " ORDER BY id"
)
MAILS = Statement(
    "SELECT recipient FROM home__.mails WHERE tenant_id = $1::text::uuid ORDER BY id"
)
LOG = """
SELECT action, admin_id, tenant_id FROM control.audit_logs
 WHERE tenant_id = $1 ORDER BY id
"""


async def ask(operator: Caller, tenant: Tenant, **more: Any) -> Answer:
    """Ask for access to a tenant."""
    wish = {"tenant_id": str(tenant.id), "reason": "Ticket 4711", "hours": 4}
    return await operator.post(PATH, {**wish, **more})


async def granted(
    operator: Caller, owner: Caller, tenant: Tenant, **more: Any
) -> dict[str, Any]:
    """An access that the tenant's owner approved."""
    access = (await ask(operator, tenant, **more)).data
    approved = await owner.post(f"{PATH}/{access['id']}/approve", {})
    found: dict[str, Any] = approved.data
    return found


async def enter(house: House, operator: Caller, access: dict[str, Any]) -> Caller:
    """The operator inside."""
    entered = (await operator.post(f"{PATH}/{access['id']}/enter")).data
    return house.caller(entered["host"], entered["access_token"])


async def journal(house: House, tenant: Tenant, access: dict[str, Any]) -> list[Any]:
    """What the tenant's own log has of an access."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return list(await transaction.fetch(JOURNAL, f"support:{access['id']}"))


async def mailed(house: House, tenant: Tenant) -> list[str]:
    """To whom mails of a tenant go."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return [row["recipient"] for row in await transaction.fetch(MAILS)]


async def log(house: House, tenant: Tenant) -> list[str]:
    """What the operators' log has of a tenant."""
    rows = await house.platform.control.fetch(LOG, tenant.id)
    return [row["action"] for row in rows]
