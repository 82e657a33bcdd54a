"""A tenant uses the apps that it has, in the version of the platform (S0-23..27)."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from insula.kernel.catalog.installations import (
    AppNotInstalled,
    AppUnknown,
    Installations,
)
from insula.kernel.database.bus import Bus
from insula.kernel.database.cluster import Cluster
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.signals import TenantNotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
def installations(control: Control) -> Installations:
    return Installations(control, {"crm": "1.2.0", "shop": "0.9.0"})


@pytest.fixture
async def tenant_id(control: Control, homes: Homes) -> UUID:
    """A tenant without any app."""
    made = uuid7()
    await control.fetch(
        "INSERT INTO control.tenants (id, name, slug, state, isolation)"
        " VALUES ($1, 'Apps', $2, 'active', 'shared')",
        *(made, f"apps-{made.hex[-8:]}"),
    )
    return made


async def test_an_app_is_installed_once_however_often_it_is_asked_for(
    installations: Installations, tenant_id: UUID
) -> None:
    asked = [installations.install(tenant_id, "crm") for _ in range(4)]
    assert {it.version for it in await asyncio.gather(*asked)} == {"1.2.0"}
    (only,) = await installations.list(tenant_id)
    assert (only.app, only.status) == ("crm", "active")


async def test_an_app_comes_back_as_it_is_now(
    installations: Installations, control: Control, tenant_id: UUID
) -> None:
    await Installations(control, {"crm": "1.0.0"}).install(tenant_id, "crm")
    assert (await installations.uninstall(tenant_id, "crm")).status == "disabled"
    back = await installations.enable(tenant_id, "crm")
    assert (back.status, back.version) == ("active", "1.0.0")
    assert (await installations.install(tenant_id, "crm")).version == "1.2.0"


async def test_what_there_is_not_is_not_found(
    installations: Installations, control: Control, tenant_id: UUID
) -> None:
    with pytest.raises(AppUnknown, match="crm, shop"):
        await installations.install(tenant_id, "isp")
    with pytest.raises(AppNotInstalled):
        await installations.uninstall(tenant_id, "shop")
    with pytest.raises(TenantNotFound):
        await installations.install(uuid7(), "crm")
    await control.fetch(
        "UPDATE control.tenants SET state = 'deleting' WHERE id = $1", tenant_id
    )
    with pytest.raises(TenantNotFound):
        await installations.install(tenant_id, "crm")


async def test_servers_hear_of_it_and_the_log_keeps_it(
    installations: Installations, control: Control, cluster: Cluster, tenant_id: UUID
) -> None:
    bus, heard = Bus(cluster.app(cluster.control)), asyncio.Queue[str | None]()
    await bus.start()
    try:
        bus.subscribe(heard.put_nowait)
        await installations.install(tenant_id, "shop")
        assert await heard.get() == f"tenant:{tenant_id}"
    finally:
        await bus.stop()
    (row,) = await control.fetch(
        "SELECT action, changes FROM control.audit_logs WHERE tenant_id = $1", tenant_id
    )
    assert row["action"] == "apps.install"
    assert msgspec.json.decode(row["changes"]) == {"app": "shop", "version": "0.9.0"}
