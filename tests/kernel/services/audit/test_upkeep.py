"""Every night the months of the log go on, but where something must be kept."""

from datetime import timedelta

import pytest

from insula.kernel.database.bootstrap import opened
from insula.kernel.database.home import Isolation
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.services.audit.upkeep import AuditUpkeep
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House

pytestmark = pytest.mark.anyio
HOLD = Statement(
    "INSERT INTO home__.legal_holds (tenant_id, id, version, created_at, updated_at,"
    " reason, until) VALUES ($1::text::uuid, $2, 1, $3, $3, 'a lawsuit', $4)"
)
LATER = now() + timedelta(days=365)


def upkeep(house: House) -> AuditUpkeep:
    """The upkeep, a year from now; entries are kept for six months."""
    platform = house.platform
    return AuditUpkeep(platform.control, platform.homes, 6, lambda: LATER)


async def left(house: House, tenant: Tenant) -> int:
    """How many entries the tenant has."""
    session = house.platform.open_session(tenant.home, tenant.id)
    count = Statement(
        "SELECT count(*) FROM home__.audit_log WHERE tenant_id = $1::text::uuid"
    )
    async with session.transaction() as transaction:
        return int((await transaction.fetch(count))[0][0])


@pytest.mark.parametrize("isolation", [Isolation.schema, Isolation.database])
async def test_entries_go_when_their_time_is_over(
    house: House, isolation: Isolation
) -> None:
    tenant = await house.tenant(isolation, apps=())
    await house.user(tenant)
    assert await left(house, tenant) > 0
    rolled = await upkeep(house).roll_home(tenant.home, [tenant.id])
    assert len(rolled.made) == 3
    assert await left(house, tenant) == 0


@pytest.mark.parametrize("isolation", [Isolation.schema, Isolation.database])
@pytest.mark.parametrize(("days", "kept"), [(None, True), (400, True), (300, False)])
async def test_a_legal_hold_keeps_them(
    house: House, isolation: Isolation, days: int | None, kept: bool
) -> None:
    tenant = await house.tenant(isolation, apps=())
    await house.user(tenant)
    session = house.platform.open_session(tenant.home, tenant.id)
    until = None if days is None else now() + timedelta(days=days)
    async with session.transaction() as transaction:
        await transaction.fetch(HOLD, uuid7(), now(), until)
    await upkeep(house).roll_home(tenant.home, [tenant.id])
    assert (await left(house, tenant) > 0) is kept


async def test_all_homes_are_rolled_on_though_one_is_gone(house: House) -> None:
    gone = await house.tenant(Isolation.schema, apps=())
    fine = await house.tenant(Isolation.schema, apps=())
    homes = house.platform.homes
    async with opened(homes.owner(gone.home)) as owner:
        await owner.execute(f"ALTER SCHEMA {gone.home.schema} RENAME TO gone")
        await AuditUpkeep(house.platform.control, homes, 24).roll()
        await owner.execute(f"ALTER SCHEMA gone RENAME TO {gone.home.schema}")
        made = await owner.fetchval(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = $1::regclass",
            f"{fine.home.schema}.audit_log",
        )
    assert made == 4
