"""A tenant that asks for two factors from now on asks whoever is signed in already."""

import asyncio

import pytest

from insula.server.build import build_app
from insula.server.platform import Platform
from tests.house import Answer, Caller, House

from .people import Person, person, with_policy

pytestmark = pytest.mark.anyio

ASSETS, READ = "maintenance/assets", "maintenance.assets.read"


async def answered(caller: Caller, code: str | None) -> Answer:
    """What is answered within a second: every process hears of it, none at once."""
    answer = await caller.get(ASSETS)
    for _ in range(100):
        if (answer.code if answer.status >= 400 else None) == code:
            return answer
        await asyncio.sleep(0.01)
        answer = await caller.get(ASSETS)
    raise AssertionError((answer.status, answer.body))


async def signed_in(house: House) -> Person:
    """Somebody with a password alone, in a session of now."""
    made = await person(house, await house.tenant(), "owner")
    await made.sign_in()
    return made


async def test_a_session_with_one_factor_is_good_for_adding_another(
    house: House, second: Platform
) -> None:
    """S4-13, promise 6: in every process within a second, and then for everything."""
    it = await signed_in(house)
    other = House(second, build_app(second, {}, house.witness), house.witness)
    twin = Caller(other.http, it.caller.host, it.caller.token)
    async with other.http:
        for caller in (it.caller, twin):
            assert (await caller.get(ASSETS)).status == 200
        await it.caller.patch("security-policy", {"mfa": "required"})
        for caller in (it.caller, twin):
            refused = await answered(caller, "MFA_STEP_UP_REQUIRED")
            assert refused.status == 403
            assert (await caller.get("auth/user")).status == 200
            assert (await caller.get("auth/factors")).data["required"] is True
        undo = await it.caller.patch("security-policy", {"mfa": "optional"})
        assert undo.code == "MFA_STEP_UP_REQUIRED"
        await it.enrol()
        for caller in (twin, it.caller):
            await answered(caller, None)


async def test_who_has_a_second_factor_proves_it(house: House) -> None:
    it = await signed_in(house)
    old = it.caller.token
    await it.enrol()
    await it.forget_steps()
    await it.rows(
        "UPDATE home__.sessions SET factors = '[\"pwd\"]'"
        " WHERE tenant_id = $1::text::uuid AND user_id = $2", it.id,
    )  # fmt: skip
    house.platform.authenticator.forget_actor(it.id)
    await with_policy(house, it.tenant, mfa="required")
    assert it.caller.token == old
    assert (await it.caller.get(ASSETS)).code == "MFA_STEP_UP_REQUIRED"
    proof = {"method": "totp", "code": it.code()}
    assert (await it.caller.post("auth/step-up", proof)).status == 200
    assert (await it.caller.get(ASSETS)).status == 200


async def test_what_a_key_may_do_it_may_still(house: House) -> None:
    """Whoever made it had to prove that it was them; it signs in with nothing."""
    it = await signed_in(house)
    made = await it.caller.post("auth/tokens", {"name": "x", "scopes": [READ]})
    await with_policy(house, it.tenant, mfa="required")
    key = house.caller(it.tenant.domain, made.data["key"])
    assert (await key.get(ASSETS)).status == 200


async def test_a_session_that_is_limited_can_be_ended(house: House) -> None:
    it = await signed_in(house)
    await with_policy(house, it.tenant, mfa="required")
    assert (await it.caller.post("auth/logout")).status == 200
    assert (await it.caller.get("auth/user")).status == 401
