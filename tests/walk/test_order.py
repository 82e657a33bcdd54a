"""The order of the walk: the earlier step answers, whatever the later ones would say."""

from typing import Any

import pytest

from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio

ASSETS = "maintenance/assets"
SUBSCRIBE = """
INSERT INTO control.subscriptions (id, tenant_id, plan_id, status)
SELECT gen_random_uuid(), $1, p.id, $2 FROM control.plans p LIMIT 1"""
WRONG: dict[str, Any] = {"nonsense": 1}
"""A body that would be refused if anybody came to read it."""


async def subscribed(house: House, caller: Caller, status: str) -> None:
    """Give a tenant another subscription, the newest."""
    tenant = await house.platform.directory.at_host(caller.host)
    await house.platform.control.fetch(SUBSCRIBE, tenant.id, status)
    await house.fresh(tenant.id)


async def write(caller: Caller) -> Answer:
    """Ask for what no step would let through to its end."""
    return await caller.post(ASSETS, WRONG)


async def test_each_step_comes_before_the_next(house: House) -> None:
    """S1-21, S1-22: tenant, then who it is, then subscription, permission, body."""
    tenant = await house.tenant()
    nobody = house.caller("nobody-here.localhost", "nonsense")
    assert (await write(nobody)).status == 404  # the tenant, before the bad token
    stranger = house.caller(tenant.domain)
    assert (await write(stranger)).status == 401  # who it is, before the body
    viewer = await house.user(tenant, "viewer")
    assert (await write(viewer)).code == "FORBIDDEN"  # the permission, before the body
    owner = await house.user(tenant)
    assert (await write(owner)).status == 422
    await subscribed(house, viewer, "canceled")
    assert (
        await write(viewer)
    ).status == 402  # the subscription, before the permission


@pytest.mark.parametrize("status", ["unpaid", "canceled"])
async def test_without_a_subscription_the_apps_are_closed_and_the_account_is_not(
    house: House, status: str
) -> None:
    """S1-27, R18: 402, a code and where to renew; signing in and out still work."""
    owner = await house.user(await house.tenant())
    await subscribed(house, owner, status)
    refused = await owner.get(ASSETS)
    assert (refused.status, refused.code) == (402, "SUBSCRIPTION_INACTIVE")
    assert "/settings/subscription" in refused.body["error"]["message"]
    assert (await owner.get("auth/user")).status == 200
    assert (await owner.get("profile")).status == 200


async def test_what_is_past_due_is_read_and_not_written(house: House) -> None:
    """S1-27, R18: a late payment stops no reader."""
    owner = await house.user(await house.tenant())
    await subscribed(house, owner, "past_due")
    assert (await owner.get(ASSETS)).status == 200
    refused = await owner.post(ASSETS, {"name": "Pump", "tag": "P1"})
    assert (refused.status, refused.code) == (402, "SUBSCRIPTION_INACTIVE")
