"""Step-up: a session that has been open for a while opens no more doors by itself."""

import asyncio

import pytest

from insula.server.platform import Platform
from tests.house import House

from .people import PASSWORD, Person, ada, person

pytestmark = pytest.mark.anyio
STEP_UP, GUARDED = "auth/step-up", "auth/passkeys/begin"


async def open_door(someone: Person) -> bool:
    """Whether somebody may do what only a fresh proof allows."""
    return (await someone.caller.post(GUARDED)).status == 200


async def test_signing_in_is_a_proof_that_lapses(house: House) -> None:
    it = await person(house, await house.tenant())
    await it.sign_in()
    assert await open_door(it)
    await it.let_proof_lapse()
    assert not await open_door(it)
    proof = {"method": "password", "password": PASSWORD}
    assert (await it.caller.post(STEP_UP, proof)).data["proved_at"]
    assert await open_door(it)
    assert "auth.step_up" in await it.actions()


async def test_every_process_hears_of_the_proof(
    house: House, platform: Platform, second: Platform
) -> None:
    """Within a second, through the bus: the other one remembers the actor as it was."""
    it = await person(house, await house.tenant())
    await it.sign_in()
    await it.let_proof_lapse()
    token = it.caller.token
    assert token is not None
    before = after = await second.authenticator.actor(it.tenant, token)
    proof = {"method": "password", "password": PASSWORD}
    assert (await it.caller.post(STEP_UP, proof)).status == 200
    for _ in range(100):
        after = await second.authenticator.actor(it.tenant, token)
        if after.proved != before.proved:
            break
        await asyncio.sleep(0.01)
    assert before.proved is not None
    assert after.proved is not None
    assert after.proved - before.proved > 600


async def test_another_session_of_the_same_person_has_proved_nothing(
    house: House,
) -> None:
    it = await person(house, await house.tenant())
    await it.sign_in()
    other = (await it.login()).data["access_token"]
    await it.let_proof_lapse()
    proof = {"method": "password", "password": PASSWORD}
    assert (await it.caller.post(STEP_UP, proof)).status == 200
    it.caller.token = other
    assert not await open_door(it)


async def test_a_wrong_password_proves_nothing(house: House) -> None:
    it = await person(house, await house.tenant())
    await it.sign_in()
    await it.let_proof_lapse()
    wrong = {"method": "password", "password": "wrong horse battery"}
    refused = await it.caller.post(STEP_UP, wrong)
    assert (refused.status, refused.code) == (422, "MFA_INVALID")
    assert not await open_door(it)
    assert "auth.step_up_failed" in await it.actions()


async def test_who_has_a_second_factor_proves_it_with_that(house: House) -> None:
    """A password may have been seen, by whoever sits before an open session."""
    it = await ada(house)
    await it.let_proof_lapse()
    proof = {"method": "password", "password": PASSWORD}
    refused = await it.caller.post(STEP_UP, proof)
    assert (refused.status, refused.code) == (403, "STEP_UP_NEEDS_FACTOR")
    assert refused.body["error"]["methods"] == ["totp", "backup_code"]
    assert not await open_door(it)
    await it.forget_steps()
    code = {"method": "totp", "code": it.code()}
    assert (await it.caller.post(STEP_UP, code)).status == 200
    assert await open_door(it)
    assert (await it.caller.post(STEP_UP, code)).code == "MFA_INVALID"
    by_code = {"method": "backup_code", "code": it.codes[0]}
    assert (await it.caller.post(STEP_UP, by_code)).status == 200
    assert (await it.told())[-1] == "backup_code_used"


async def test_an_open_session_is_good_for_ten_guesses(house: House) -> None:
    """S4-13: and guessing there keeps nobody from signing in."""
    it = await ada(house)
    await it.forget_steps()
    wrong = {"method": "totp", "code": "000000"}
    guesses = [it.caller.post(STEP_UP, wrong) for _ in range(14)]
    codes = [each.code for each in await asyncio.gather(*guesses)]
    assert codes.count("MFA_INVALID") == 10
    assert codes.count("MFA_THROTTLED") == 4
    right = {"method": "totp", "code": it.code()}
    told = await it.caller.post(STEP_UP, right)
    assert told.code == "MFA_THROTTLED"
    assert 0 < int(told.headers["retry-after"]) <= 901
    assert (await it.answer(await it.challenge())).status == 200


@pytest.mark.parametrize("body", [{}, {"method": "password"}, {"method": "totp"}])
async def test_a_proof_without_what_proves_it_is_refused(
    house: House, body: dict[str, str]
) -> None:
    it = await person(house, await house.tenant())
    await it.sign_in()
    answer = await it.caller.post(STEP_UP, body)
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
