"""Passkeys as a browser makes and uses them; its machine's own holder is a virtual one."""

from typing import Any

import pyotp

from tests.browser.person import Person

MAKE = """async ({public_key}) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(public_key);
  return (await navigator.credentials.create({publicKey})).toJSON();
}"""
USE = """async ({public_key}) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(public_key);
  return (await navigator.credentials.get({publicKey})).toJSON();
}"""


async def make(person: Person) -> Any:
    """Register a passkey, being signed in."""
    options = await person.ask("auth/passkeys/begin", {})
    made = await person.page.evaluate(MAKE, options)
    return await person.ask("auth/passkeys", {"name": "Here", "passkey": made})


async def test_a_browser_makes_a_passkey_and_signs_in_with_it(scripted: Person) -> None:
    """Nobody is asked for an address, let alone a password."""
    await scripted.open("/")
    await scripted.carry_authenticator()
    await scripted.log_in()
    made = await make(scripted)
    assert made["name"] == "Here"
    await scripted.window.clear_cookies()
    scripted.headers = {}
    used = await scripted.page.evaluate(
        USE, await scripted.ask("auth/passkeys/options", {})
    )
    body = {"passkey": used, "cookie": True}
    done = await scripted.ask("auth/passkeys/sign-in", body)
    assert done["user"]["email"] == scripted.scene.email
    assert (await scripted.ask("auth/user"))["user"] == done["user"]
    status, said = await scripted.call("auth/passkeys/sign-in", body)
    assert (status, said["error"]["code"]) == (401, "MFA_INVALID")


async def test_a_passkey_is_the_second_step_of_a_password(scripted: Person) -> None:
    """The options of a challenge name the passkeys of whoever it is."""
    await scripted.open("/")
    await scripted.carry_authenticator()
    await scripted.log_in()
    await make(scripted)
    await scripted.window.clear_cookies()
    scripted.headers = {}
    challenge = (await scripted.stopped())["challenge"]
    options = await scripted.ask("auth/passkeys/options", {"challenge": challenge})
    assert len(options["public_key"]["allowCredentials"]) == 1
    used = await scripted.page.evaluate(USE, options)
    said = {"challenge": challenge, "method": "passkey", "passkey": used}
    done = await scripted.ask("auth/second-factor", said)
    assert done["user"]["email"] == scripted.scene.email


async def test_an_authenticator_app_is_the_second_step(scripted: Person) -> None:
    """S4-10: from the secret that the page shows to the session, with pyotp as the app."""
    await scripted.open("/")
    await scripted.log_in()
    secret = (await scripted.ask("auth/totp", {}))["secret"]
    app = pyotp.TOTP(secret)
    await scripted.ask("auth/totp/confirm", {"code": app.now()})
    await scripted.window.clear_cookies()
    scripted.headers = {}
    challenge = (await scripted.stopped())["challenge"]
    said = {"challenge": challenge, "method": "totp", "code": scripted.next_code(app)}
    done = await scripted.ask("auth/second-factor", said)
    assert done["user"]["email"] == scripted.scene.email
