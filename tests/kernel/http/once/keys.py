"""What the tests of idempotency keys have in common."""

import secrets
from typing import Any

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

ASSETS = "maintenance/assets"
COUNTS = Statement(
    "SELECT (SELECT count(*) FROM home__.maintenance_assets a"
    "   WHERE a.tenant_id = $1::text::uuid AND a.tag = $2) AS rows,"
    " (SELECT count(*) FROM home__.audit_log l JOIN home__.maintenance_assets a"
    "    ON a.tenant_id = l.tenant_id AND a.id = l.resource_id"
    "   WHERE l.tenant_id = $1::text::uuid AND a.tag = $2) AS audits,"
    " (SELECT count(*) FROM home__.outbox o JOIN home__.maintenance_assets a"
    "    ON a.tenant_id = o.tenant_id AND a.id = o.resource_id"
    "   WHERE o.tenant_id = $1::text::uuid AND a.tag = $2) AS events"
)
KEYS = Statement(
    "SELECT answer, actor_id FROM home__.idempotency_keys"
    " WHERE tenant_id = $1::text::uuid"
)

SPOIL = Statement(
    "UPDATE home__.idempotency_keys SET answer = translate(answer, 'Aa', 'aA')"
    " WHERE tenant_id = $1::text::uuid"
)


def key() -> str:
    """A key that nobody has used."""
    return secrets.token_hex(16)


def tag() -> str:
    """A tag that no asset has."""
    return f"K-{secrets.token_hex(6)}"


async def create(who: Caller, name: str, using: str, **fields: Any) -> Answer:
    """Ask for an asset with that tag under a key."""
    body = {"name": "Pump", "tag": name, **fields}
    return await who.post(ASSETS, body, headers={"idempotency-key": using})


async def counts(house: House, tenant: Tenant, name: str) -> tuple[int, int, int]:
    """Assets of a tag, and their entries in audit log and outbox."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return tuple((await transaction.fetch(COUNTS, name))[0])


async def keys(house: House, tenant: Tenant) -> list[Any]:
    """The rows of the keys that a tenant's home has."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return list(await transaction.fetch(KEYS))


async def spoil(house: House, tenant: Tenant) -> None:
    """Make the kept answers what another secret has sealed, as far as one can read."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(SPOIL)
