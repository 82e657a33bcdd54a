"""A tenant with the maintenance app for each module, and its journal to look into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from insula.kernel.database.session import CONTEXT, HOME, Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

ASSETS = "maintenance/assets"
AUDIT = Statement(
    f"WITH {CONTEXT} SELECT j.* FROM ctx CROSS JOIN LATERAL (SELECT * FROM"
    f" {HOME}.audit_log WHERE resource_id = $2::text::uuid ORDER BY id) j"
)
OUTBOX = Statement(
    f"WITH {CONTEXT} SELECT j.* FROM ctx CROSS JOIN LATERAL (SELECT * FROM"
    f" {HOME}.outbox WHERE resource_id = $2::text::uuid"
    " OR payload->>'asset_id' = $2::text ORDER BY id) j"
)
COUNTS = Statement(
    f"WITH {CONTEXT} SELECT (SELECT count(*) FROM {HOME}.audit_log a"
    f" WHERE a.tenant_id = ctx.tenant_id) + (SELECT count(*) FROM {HOME}.outbox o"
    " WHERE o.tenant_id = ctx.tenant_id) AS rows FROM ctx"
)


@dataclass(frozen=True, slots=True)
class Journal:
    """What a tenant's journal says."""

    session: Session

    async def _read(self, statement: Statement, row_id: str) -> list[dict[str, Any]]:
        rows: Sequence[Any] = await self.session.fetch(statement, row_id)
        return [
            {
                name: msgspec.json.decode(value)
                if isinstance(value, msgspec.Raw)
                else value
                for name, value in row.items()
            }
            for row in rows
        ]

    async def audit(self, row_id: str) -> list[dict[str, Any]]:
        """The audit of one row, in order."""
        return await self._read(AUDIT, row_id)

    async def outbox(self, row_id: str) -> list[dict[str, Any]]:
        """The events of one row, in order."""
        return await self._read(OUTBOX, row_id)

    async def length(self) -> int:
        """How many entries there are of both kinds."""
        rows = await self.session.fetch(COUNTS)
        return int(rows[0]["rows"])


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant for the tests of one module."""
    return await the_house.tenant()


@pytest.fixture(scope="module")
async def the_owner(the_house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await the_house.user(tenant)


@pytest.fixture
def owner(house: House, the_owner: Caller) -> Caller:
    """Who may do everything there; a fault of the program fails the test."""
    assert house.http is the_owner.http
    return the_owner


@pytest.fixture
def journal(house: House, tenant: Tenant) -> Journal:
    """The tenant's journal."""
    return Journal(house.platform.open_session(tenant.home, tenant.id))


def fresh_tag() -> str:
    """A tag that no other asset has."""
    return f"T-{uuid7().hex}"


async def asset(owner: Caller, **more: Any) -> dict[str, Any]:
    """A new asset."""
    fields = {"name": "Pump", "tag": fresh_tag()} | more
    found: dict[str, Any] = await owner.create(ASSETS, **fields)
    return found
