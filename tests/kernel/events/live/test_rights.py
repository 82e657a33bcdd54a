"""Rights while listening: whoever may no more hears no more, within a second."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.events.live.hub import Capacity
from insula.kernel.foundation.clock import now
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.events.live.hearing import Ear, happen, listening, tags

pytestmark = pytest.mark.anyio
SECOND = 1.0
DISABLE = Statement(
    "UPDATE home__.users SET disabled_at = $3 WHERE tenant_id = $1::text::uuid"
    " AND id = $2"
)
DEMOTE = Statement(
    "UPDATE home__.users SET roles = $3 WHERE tenant_id = $1::text::uuid AND id = $2"
)


async def change(
    house: House, tenant: Tenant, user: Caller, how: Statement, value: object
) -> None:
    """Change a user's row, and tell the processes as whoever does so tells them."""
    assert user.actor_id is not None
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(how, user.actor_id, value)
    house.platform.bus.announce(topic_of(user.actor_id))


async def ends_soon(ear: Ear) -> None:
    """The stream ends within a second."""
    began = time.monotonic()
    await ear.over()
    assert time.monotonic() - began < SECOND


async def test_signing_out_ends_every_stream_of_the_session(house: House) -> None:
    """S2-90."""
    tenant = await house.tenant()
    owner, user = await house.user(tenant), await house.user(tenant)
    async with listening(house, user) as ear, listening(house, owner) as other:
        await user.post("auth/logout")
        await ends_soon(ear)
        await happen(house, tenant, owner, "A1")
        assert tags(await other.until(1)) == ["A1"]
        assert b"A1" not in ear.text


async def test_a_disabled_user_hears_no_more(house: House) -> None:
    tenant = await house.tenant()
    owner, user = await house.user(tenant), await house.user(tenant)
    async with listening(house, user) as ear:
        await change(house, tenant, user, DISABLE, now())
        await ends_soon(ear)
        await happen(house, tenant, owner, "A1")
    assert b"A1" not in ear.text


async def test_a_suspended_tenant_hears_no_more(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    async with listening(house, owner) as ear:
        await house.platform.provisioning.suspend(tenant.id, "unpaid")
        await ends_soon(ear)


async def test_who_lost_a_role_hears_what_is_left(house: House) -> None:
    tenant = await house.tenant()
    owner, user = await house.user(tenant), await house.user(tenant, "viewer")
    async with listening(house, user) as ear, listening(house, owner) as other:
        await happen(house, tenant, owner, "A1")
        assert tags(await ear.until(1)) == ["A1"]
        await change(house, tenant, user, DEMOTE, ["customer"])
        await happen(house, tenant, owner, "A2")
        assert tags(await other.until(2)) == ["A1", "A2"]
        await asyncio.sleep(0)
        assert not ear.ended
        assert b"A2" not in ear.text


async def test_an_app_that_was_removed_tells_nothing(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await happen(house, tenant, owner, "A1")
    assert len((await owner.get("events")).data) == 1
    await house.platform.installations.uninstall(tenant.id, "maintenance")
    await house.fresh(tenant.id)
    assert (await owner.get("events")).data == []


async def test_a_ticket_opens_a_stream_and_nothing_else(house: House) -> None:
    """S2-90: a browser's EventSource sends no header."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    given = (await owner.post("events/tickets")).data
    assert given["expires_in"] == 30
    browser = house.caller(tenant.domain)
    async with listening(house, browser, ticket=given["ticket"]) as ear:
        assert ear.status == 200
        await happen(house, tenant, owner, "A1")
        assert tags(await ear.until(1)) == ["A1"]
    refused = await browser.get(f"events?ticket={given['ticket']}")
    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("ticket", ["", "x", "nonsense.nonsense", "é"])
async def test_a_ticket_that_is_none_opens_nothing(house: House, ticket: str) -> None:
    browser = house.caller((await house.tenant()).domain)
    refused = await browser.get("events/stream", params={"ticket": ticket})
    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


async def test_a_ticket_is_of_one_tenant(house: House) -> None:
    """S0-57, pitfall 31."""
    mine, theirs = await house.tenant(), await house.tenant()
    ticket = (await (await house.user(mine)).post("events/tickets")).data["ticket"]
    browser = house.caller(theirs.domain)
    refused = await browser.get("events/stream", params={"ticket": ticket})
    assert (refused.status, refused.code) == (403, "TENANT_MISMATCH")
    forged = f"{theirs.id}.{ticket.partition('.')[2]}"
    refused = await browser.get("events/stream", params={"ticket": forged})
    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


async def test_one_user_has_so_many_connections(house: House) -> None:
    """Promise 15."""
    tenant = await house.tenant()
    user, other = await house.user(tenant), await house.user(tenant)
    async with AsyncExitStack() as stack:
        for _ in range(Capacity().of_one):
            ear = await stack.enter_async_context(listening(house, user))
            assert ear.status == 200
        refused = await user.get("events/stream")
        assert (refused.status, refused.code) == (429, "TOO_MANY_LISTENERS")
        async with listening(house, other) as ear:
            assert ear.status == 200
    assert len(house.platform.live) == 0
    async with listening(house, user) as ear:
        assert ear.status == 200
