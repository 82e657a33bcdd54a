"""Passkeys, from the browser's side: made, named, used in three ways, and removed."""

import asyncio
import json
from random import Random
from typing import Any

import msgspec
import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from tests.house import Answer, House
from tests.kernel.identity.factors.authenticator import (
    PRESENT,
    Authenticator,
    Key,
    encoded,
)

from .people import Person, ada, person, with_policy

pytestmark = pytest.mark.anyio
PASSKEYS, SIGN_IN = "auth/passkeys", "auth/passkeys/sign-in"
FACTORS_OF = (
    "SELECT factors FROM home__.sessions WHERE tenant_id = $1::text::uuid"
    " AND user_id = $2 ORDER BY id DESC LIMIT 1"
)


def browser_of(someone: Person) -> Authenticator:
    """A device at their tenant's page."""
    return Authenticator(f"https://{someone.tenant.domain}")


async def register(
    someone: Person, device: Authenticator, name: str = "My telephone"
) -> Answer:
    """Make a passkey for somebody who is signed in."""
    options = (await someone.caller.post(f"{PASSKEYS}/begin")).data["public_key"]
    made = device.create(options)
    return await someone.caller.post(PASSKEYS, {"name": name, "passkey": made})


async def options(someone: Person, challenge: str | None = None) -> dict[str, Any]:
    """What their browser is asked for, before anybody is signed in."""
    body = {} if challenge is None else {"challenge": challenge}
    answer = await someone.visitor.post(f"{PASSKEYS}/options", body)
    found: dict[str, Any] = answer.data["public_key"]
    return found


async def sign_in(
    someone: Person, device: Authenticator, key: Key | None = None
) -> Answer:
    """Sign in with a passkey alone."""
    used = device.get(await options(someone), key)
    return await someone.visitor.post(SIGN_IN, {"passkey": used})


async def holder(house: House, mode: Isolation = Isolation.shared) -> Person:
    """Somebody who is signed in, without a factor."""
    made = await person(house, await house.tenant(mode))
    await made.sign_in()
    return made


@pytest.mark.parametrize("mode", list(Isolation))
async def test_a_passkey_signs_in_without_a_password(
    house: House, mode: Isolation
) -> None:
    """And counts as two factors, for it has made sure whose it is."""
    it = await holder(house, mode)
    await with_policy(house, it.tenant, mfa="required")
    device = browser_of(it)
    made = (await register(it, device)).data
    assert (made["name"], len(made["backup_codes"])) == ("My telephone", 10)
    assert (await options(it))["allowCredentials"] == []
    it.let(await sign_in(it, device))
    assert (await it.caller.get("auth/user")).data["user"]["email"] == it.email
    factors = (await it.rows(FACTORS_OF, it.id))[0]["factors"]
    assert msgspec.json.decode(factors) == ["hwk"]
    assert await it.told() == ["passkey_added", "backup_codes_made"]
    shown = (await it.caller.get(PASSKEYS)).data
    assert [each["last_used_at"] is not None for each in shown] == [True]


async def test_a_passkey_is_a_second_factor(house: House) -> None:
    """After the password; then it need not ask its user again who they are."""
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    first = await it.login()
    assert (first.code, first.body["error"]["methods"]) == (
        "MFA_REQUIRED",
        ["passkey", "backup_code"],
    )
    challenge = first.body["error"]["challenge"]
    asked = await options(it, challenge)
    assert [each["id"] for each in asked["allowCredentials"]] == [
        encoded(device.keys[0].id)
    ]
    device.flags = PRESENT
    used = {"method": "passkey", "passkey": device.get(asked)}
    assert (await it.answer(challenge, **used)).status == 200
    factors = (await it.rows(FACTORS_OF, it.id))[0]["factors"]
    assert msgspec.json.decode(factors) == ["pwd", "hwk"]


async def test_a_device_that_did_not_ask_who_it_was_signs_nobody_in_alone(
    house: House,
) -> None:
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    assert (await options(it))["userVerification"] == "required"
    device.flags = PRESENT
    refused = await sign_in(it, device)
    assert (refused.status, refused.code) == (401, "MFA_INVALID")
    assert "auth.login_failed" in await it.actions()


async def test_a_passkey_proves_anew_who_it_is(house: House) -> None:
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    await it.let_proof_lapse()
    assert (await it.caller.post(f"{PASSKEYS}/begin")).code == "STEP_UP_REQUIRED"
    asked = (await it.caller.post("auth/step-up/options")).data["public_key"]
    proof = {"method": "passkey", "passkey": device.get(asked)}
    assert (await it.caller.post("auth/step-up", proof)).status == 200
    assert (await it.caller.post(f"{PASSKEYS}/begin")).status == 200
    assert (await it.caller.post("auth/step-up", proof)).code == "MFA_INVALID"


async def test_a_challenge_is_answered_once(house: House) -> None:
    """However many come with the same answer at once; and a wrong one uses it up."""
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    body = {"passkey": device.get(await options(it))}
    answers = await asyncio.gather(*(it.visitor.post(SIGN_IN, body) for _ in range(8)))
    assert sorted(each.status for each in answers) == [200] + [401] * 7
    asked = await options(it)
    wrong = device.get(asked)
    wrong["response"]["signature"] = encoded(b"0" * 70)
    for used in (wrong, device.get(asked)):
        assert (await it.visitor.post(SIGN_IN, {"passkey": used})).status == 401


async def test_a_challenge_of_our_own_making_is_wanted(house: House) -> None:
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    begun = (await it.caller.post(f"{PASSKEYS}/begin")).data["public_key"]
    for text in (begun["challenge"], encoded(b"inst_nobodys"), encoded(b"\xff" * 32)):
        used = device.get({**await options(it), "challenge": text})
        assert (await it.visitor.post(SIGN_IN, {"passkey": used})).status == 401
        made = device.create({**begun, "challenge": encoded(b"inst_nobodys")})
        body = {"name": "x", "passkey": made}
        assert (await it.caller.post(PASSKEYS, body)).code == "PASSKEY_INVALID"


async def test_a_copy_of_a_passkey_is_found_out(house: House) -> None:
    """Its count falls behind that of the original."""
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    original = device.keys[0]
    copy = Key(original.private, original.handle, original.host, original.id)
    for _ in range(2):
        assert (await sign_in(it, device)).status == 200
    assert (await sign_in(it, device, copy)).status == 401
    assert (await sign_in(it, device)).status == 200


async def test_a_page_elsewhere_and_a_tenant_elsewhere_can_use_nothing(
    house: House,
) -> None:
    """The host is the tenant's, and the page's origin is compared exactly."""
    it, other = await holder(house), await holder(house)
    device = browser_of(it)
    await register(it, device)
    foreign = device.get(await options(other))
    assert (await other.visitor.post(SIGN_IN, {"passkey": foreign})).status == 401
    device.origin = f"https://{other.tenant.domain}"
    assert (await sign_in(it, device)).status == 401
    device.origin = f"https://{it.tenant.domain}:8443"
    assert (await sign_in(it, device)).status == 401
    assert (await register(it, device)).code == "PASSKEY_INVALID"


async def test_a_passkey_is_its_owners_alone(house: House) -> None:
    """Another user of the tenant can neither use, see, rename nor remove it."""
    it = await holder(house)
    other = await ada(house, it.tenant)
    device = browser_of(it)
    key = (await register(it, device)).data["id"]
    challenge = await other.challenge()
    used = {"method": "passkey", "passkey": device.get(await options(it))}
    assert (await other.answer(challenge, **used)).code == "MFA_INVALID"
    assert (await other.caller.get(PASSKEYS)).data == []
    one, nobodys = f"{PASSKEYS}/{key}", f"{PASSKEYS}/{uuid7()}"
    for path in (one, nobodys, f"{PASSKEYS}/x"):
        assert (
            await other.caller.post(f"{path}/rename", {"name": "Mine"})
        ).status == 404
        assert (await other.caller.send("DELETE", path)).status == 404
    assert [each["name"] for each in (await it.caller.get(PASSKEYS)).data] == [
        "My telephone"
    ]


async def test_a_passkey_is_renamed_and_removed(house: House) -> None:
    it = await holder(house)
    device = browser_of(it)
    key = (await register(it, device)).data["id"]
    renamed = await it.caller.post(f"{PASSKEYS}/{key}/rename", {"name": "The old one"})
    assert renamed.data["name"] == "The old one"
    assert (await it.caller.send("DELETE", f"{PASSKEYS}/{key}")).status == 200
    assert (await it.caller.get(PASSKEYS)).data == []
    assert (await it.told())[-1] == "passkey_removed"
    assert (await sign_in(it, device)).status == 401
    assert (await it.login()).status == 200
    assert (await it.caller.get("auth/factors")).data["backup_codes_left"] == 0


async def test_one_device_has_one_passkey_and_nobody_has_too_many(
    house: House,
) -> None:
    it = await holder(house)
    device = browser_of(it)
    for _ in range(20):
        assert (await register(it, device)).status == 201
    full = await register(it, device)
    assert (full.status, full.code) == (409, "PASSKEYS_EXHAUSTED")
    begun = (await it.caller.post(f"{PASSKEYS}/begin")).data["public_key"]
    known = {each["id"] for each in begun["excludeCredentials"]}
    assert known == {encoded(each.id) for each in device.keys[:20]}


async def test_a_tenant_may_switch_passkeys_off_as_a_way_in(house: House) -> None:
    """They stay a second factor."""
    it = await holder(house)
    device = browser_of(it)
    await register(it, device)
    await with_policy(house, it.tenant, methods=["password"])
    refused = await sign_in(it, device)
    assert (refused.status, refused.code) == (403, "SIGN_IN_METHOD_OFF")
    challenge = await it.challenge()
    used = {"method": "passkey", "passkey": device.get(await options(it, challenge))}
    assert (await it.answer(challenge, **used)).status == 200


async def test_asking_for_a_passkey_tells_nothing(house: House) -> None:
    """A challenge that is not good is answered as if there were none."""
    it = await ada(house)
    for challenge in (None, "inst_nobodys", await it.challenge()):
        asked = await options(it, challenge)
        assert asked["allowCredentials"] == []
        assert asked["userVerification"] == "required"


@pytest.mark.parametrize("name", ["", " ", "a\u202eb", "x" * 256, 7])
async def test_a_name_that_is_none_is_refused(house: House, name: object) -> None:
    """Promise 15."""
    it = await holder(house)
    key = (await register(it, browser_of(it))).data["id"]
    answer = await it.caller.post(f"{PASSKEYS}/{key}/rename", {"name": name})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")


async def test_no_answer_of_a_browser_is_a_fault_of_ours(house: House) -> None:
    """Promise 15: bytes of any kind, and some that are almost right."""
    visitor = house.caller((await house.tenant()).domain)
    dice = Random(7)  # noqa: S311  # the same bytes every time
    names = ("clientDataJSON", "authenticatorData", "signature", "userHandle")
    for _ in range(20):
        parts = [encoded(dice.randbytes(dice.randrange(80))) for _ in range(5)]
        response = dict(zip(names, parts, strict=False))
        said = {"type": "webauthn.get", "challenge": parts[4], "origin": "https://x"}
        shaped = response | {"clientDataJSON": encoded(json.dumps(said).encode())}
        for each in (response, shaped):
            used = {"id": parts[4], "rawId": parts[4], "type": "public-key"}
            body = {"passkey": {**used, "response": each}}
            assert (await visitor.post(SIGN_IN, body)).status == 401
