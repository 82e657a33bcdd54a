"""Enrolling on the way in: where two factors are required, and somebody has one."""

import pytest

from tests.house import House

from .people import ada, person, with_policy

pytestmark = pytest.mark.anyio
WRONG = "000000"


async def test_a_tenant_may_require_a_second_factor(house: House) -> None:
    """Who has none makes one on the way in, and the challenge is good for that alone."""
    tenant = await house.tenant()
    it = await person(house, tenant)
    await with_policy(house, tenant, mfa="required")
    first = await it.login()
    assert (first.status, first.code) == (401, "MFA_ENROLMENT_REQUIRED")
    challenge = first.body["error"]["challenge"]
    assert (await it.answer(challenge, method="totp", code=WRONG)).code == "MFA_INVALID"
    told = await it.visitor.post("auth/second-factor/enrol", {"challenge": challenge})
    it.secret = told.data["secret"]
    assert it.email in told.data["uri"]
    done = await it.answer(challenge)
    it.let(done)
    codes = done.data["backup_codes"]
    assert len(set(codes)) == 10
    mine = (await it.caller.get("auth/factors")).data
    assert (mine["required"], mine["methods"]) == (True, ["totp", "backup_code"])
    assert await it.told() == ["second_factor_added", "backup_codes_made"]
    again = await it.visitor.post("auth/second-factor/enrol", {"challenge": challenge})
    assert again.code == "MFA_INVALID"
    by_code = {"method": "backup_code", "code": codes[0]}
    again = await it.answer(await it.challenge(), **by_code)
    assert "backup_codes" not in again.data


async def test_a_challenge_to_enrol_is_void_once_there_is_a_factor(
    house: House,
) -> None:
    """Whoever knows the password alone gets no factor in beside the owner's."""
    tenant = await house.tenant()
    it = await person(house, tenant)
    await it.sign_in()
    await with_policy(house, tenant, mfa="required")
    thief = (await it.login()).body["error"]["challenge"]
    stolen = await it.visitor.post("auth/second-factor/enrol", {"challenge": thief})
    await it.enrol()
    mine, it.secret, it.used = it.secret, stolen.data["secret"], 0
    assert (await it.answer(thief)).code == "MFA_INVALID"
    more = await it.visitor.post("auth/second-factor/enrol", {"challenge": thief})
    assert more.code == "MFA_INVALID"
    it.secret = mine
    await it.forget_steps()
    assert (await it.answer(await it.challenge())).status == 200


async def test_another_password_voids_what_was_begun_with_the_old_one(
    house: House,
) -> None:
    """Whoever had the old one comes neither in nor to a factor of their own."""
    tenant = await house.tenant()
    it, new = await ada(house, tenant), await person(house, tenant)
    waiting = await it.challenge()
    await with_policy(house, tenant, mfa="required")
    enrolling = (await new.login()).body["error"]["challenge"]
    begun = await new.visitor.post("auth/second-factor/enrol", {"challenge": enrolling})
    new.secret = begun.data["secret"]
    await it.rows(
        "UPDATE home__.users SET password = 'another' WHERE tenant_id = $1::text::uuid"
    )
    assert (await it.answer(waiting)).code == "MFA_INVALID"
    assert (await new.answer(enrolling)).code == "MFA_INVALID"
    more = await new.visitor.post("auth/second-factor/enrol", {"challenge": enrolling})
    assert more.code == "MFA_INVALID"


async def test_a_challenge_that_is_to_be_answered_enrols_nobody(house: House) -> None:
    it = await ada(house)
    challenge = await it.challenge()
    asked = await it.visitor.post("auth/second-factor/enrol", {"challenge": challenge})
    assert (asked.status, asked.code) == (401, "MFA_INVALID")
