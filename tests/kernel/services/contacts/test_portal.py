"""The portal: contacts come in by a door of their own, which leads nowhere else."""

from typing import Any

import pytest

from insula.kernel.access.operation import Audience
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.tenancy.tenant import Tenant
from insula.server.build import operations
from tests.house import Caller, House
from tests.kernel.services.contacts.visiting import (
    CONTACTS,
    PASSWORD,
    PORTAL,
    at_portal,
    invited,
    new_contact,
    signed_in,
    token_of,
)

pytestmark = pytest.mark.anyio


async def test_a_contact_chooses_a_password_and_comes_in(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """S1-49: the mail proves the address as well."""
    contact, token = await invited(house, acme, owner)
    caller = house.caller(acme.domain)
    chosen = {"token": token, "password": PASSWORD}
    weak = await caller.post(f"{PORTAL}/password", {**chosen, "password": "password"})
    assert weak.code == "PASSWORD_WEAK"
    assert (await caller.post(f"{PORTAL}/password", chosen)).status == 200
    spent = await caller.post(f"{PORTAL}/password", chosen)
    assert (spent.status, spent.code) == (410, "TOKEN_INVALID")
    await signed_in(caller, contact["email"].upper())
    current = (await caller.get(f"{PORTAL}/me")).data
    assert (current["user"]["email"], current["roles"]) == (
        contact["email"],
        ["customer"],
    )
    assert current["tenant"]["id"] == str(acme.id)
    shown = (await owner.get(f"{CONTACTS}/{contact['id']}")).data
    assert shown["verified_at"]
    assert "password" not in shown


async def test_tokens_turn_and_die_with_the_sign_in(
    house: House, acme: Tenant, owner: Caller
) -> None:
    caller = await at_portal(house, acme, owner)
    body = {"refresh_token": caller.headers["x-refresh"]}
    pair = (await caller.post(f"{PORTAL}/refresh", body)).data
    caller.token = pair["access_token"]
    assert (await caller.get(f"{PORTAL}/me")).status == 200
    assert (await caller.post(f"{PORTAL}/logout")).status == 200
    assert (await caller.get(f"{PORTAL}/me")).status == 401
    body = {"refresh_token": pair["refresh_token"]}
    assert (await caller.post(f"{PORTAL}/refresh", body)).status == 401


async def test_a_contact_can_do_nothing_of_the_staffs(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """S1-02, S1-49: no operation of the tenant takes a contact's token, nor a refresh."""
    caller = await at_portal(house, acme, owner)
    for operation in operations(house.platform):
        if operation.audience is not Audience.tenant or operation.socket:
            continue
        path = operation.path.replace("{id}", str(acme.id))
        body: Any = {} if operation.body is not None else None
        answer = await caller.send(operation.method, path, json_body=body)
        assert answer.status == 401, (operation.name, answer.status)
    body = {"refresh_token": caller.headers["x-refresh"]}
    assert (await caller.post("auth/refresh", body)).status == 401
    caller.host = f"admin.{house.platform.settings.base_domain}"
    assert (await caller.get("tenants")).status == 401


async def test_the_staff_can_do_nothing_of_a_contacts(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """S1-49: not even the owner, and not with the address of a contact."""
    assert (await owner.get(f"{PORTAL}/me")).status == 401
    assert (await owner.post(f"{PORTAL}/logout")).status == 401
    key = await owner.create("api-keys", name="All", scopes=["*"])
    program = house.caller(acme.domain, key["key"])
    portal = TokenAudience.portal
    with pytest.raises(Unauthenticated):
        await house.platform.authenticator.actor(acme, key["key"], portal)
    assert (await program.get(f"{PORTAL}/me")).status == 401
    assert (await program.get("users")).status == 200
    email = (await owner.get("auth/user")).data["user"]["email"]
    contact, token = await invited(house, acme, owner, email=email)
    assert contact["email"] == email
    visitor = house.caller(acme.domain)
    chosen = {"token": token, "password": PASSWORD}
    assert (await visitor.post(f"{PORTAL}/password", chosen)).status == 200
    body = {"email": email, "password": PASSWORD}
    assert (await visitor.post("auth/login", body)).code == "INVALID_CREDENTIALS"
    assert (await visitor.post("auth/reset-password", chosen)).status in (404, 410)
    assert (await signed_in(visitor, email)).token


async def test_a_contact_is_of_one_tenant(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """S1-26: neither their token nor their password is good next door."""
    caller = await at_portal(house, acme, owner)
    email = (await caller.get(f"{PORTAL}/me")).data["user"]["email"]
    other = await house.tenant()
    caller.host = other.domain
    assert (await caller.get(f"{PORTAL}/me")).code == "TENANT_MISMATCH"
    visitor = house.caller(other.domain)
    body = {"email": email, "password": PASSWORD}
    assert (await visitor.post(f"{PORTAL}/login", body)).code == "INVALID_CREDENTIALS"
    body = {"refresh_token": caller.headers["x-refresh"]}
    assert (await visitor.post(f"{PORTAL}/refresh", body)).status == 401


@pytest.mark.parametrize("how", ["disable", "delete", "change-email"])
async def test_whom_the_staff_shut_out_is_out_at_once(
    house: House, acme: Tenant, owner: Caller, how: str
) -> None:
    caller = await at_portal(house, acme, owner)
    contact = (await caller.get(f"{PORTAL}/me")).data["user"]
    one = f"{CONTACTS}/{contact['id']}"
    row = await owner.get(one)
    deeds: dict[str, Any] = {
        "disable": lambda: owner.post(f"{one}/disable"),
        "delete": lambda: owner.send(
            "DELETE", one, headers={"if-match": row.headers["etag"]}
        ),
        "change-email": lambda: owner.post(
            f"{one}/change-email", {"email": f"NEW-{contact['email']}"}
        ),
    }
    token = caller.token or ""
    done = await deeds[how]()
    assert done.status < 300, done.body
    known = house.platform.authenticator
    with pytest.raises(Unauthenticated):
        await known.actor(acme, token, TokenAudience.portal)
    assert (await caller.get(f"{PORTAL}/me")).status == 401
    body = {"email": contact["email"], "password": PASSWORD}
    refused = await house.caller(acme.domain).post(f"{PORTAL}/login", body)
    assert refused.code == "INVALID_CREDENTIALS"


async def test_a_forgotten_password_tells_nobody_who_is_known(
    house: House, acme: Tenant, owner: Caller
) -> None:
    contact, first = await invited(house, acme, owner)
    visitor = house.caller(acme.domain)
    known = await visitor.post(f"{PORTAL}/forgot-password", {"email": contact["email"]})
    unknown = await visitor.post(f"{PORTAL}/forgot-password", {"email": "no@x.test"})
    assert (known.status, known.data) == (unknown.status, unknown.data) == (202, None)
    second = await token_of(house, acme)
    assert second != first
    chosen = {"token": second, "password": PASSWORD}
    assert (await visitor.post(f"{PORTAL}/password", chosen)).status == 200
    old = await visitor.post(f"{PORTAL}/password", {**chosen, "token": first})
    assert old.code == "TOKEN_INVALID"


async def test_nobody_floods_a_contact_with_mails(
    house: House, acme: Tenant, owner: Caller
) -> None:
    contact = await new_contact(owner)
    visitor, body = house.caller(acme.domain), {"email": contact["email"]}
    for _ in range(8):
        answer = await visitor.post(f"{PORTAL}/forgot-password", body)
        assert answer.status == 202
    assert len((await owner.get("mails")).data) == 5


async def test_an_address_is_one_contacts_in_any_spelling(
    house: House, acme: Tenant, owner: Caller
) -> None:
    contact = await new_contact(owner)
    again = await owner.post(
        CONTACTS, {"name": "Eve", "email": contact["email"].upper()}
    )
    assert (again.status, list(again.body["error"]["fields"])) == (422, ["email"])
    other = await house.user(await house.tenant())
    assert (await new_contact(other, email=contact["email"]))["id"] != contact["id"]


async def test_what_the_door_keeps_the_staff_cannot_write(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """S1-49: no password, no proof of an address, no role."""
    contact = await new_contact(owner)
    one, version = f"{CONTACTS}/{contact['id']}", {"version": 1}
    for field in ("password", "verified_at", "disabled_at", "role", "email"):
        answer = await owner.patch(one, {field: "x", **version})
        assert (answer.status, list(answer.body["error"]["fields"])) == (422, [field])
    changed = await owner.patch(one, {"name": "Eve B.", **version})
    assert changed.data["name"] == "Eve B."


async def test_who_may_keep_contacts(house: House, acme: Tenant, owner: Caller) -> None:
    """S1-23: reading and managing are permissions of their own."""
    contact = await new_contact(owner)
    viewer = await house.user(acme, "technician")
    assert (await viewer.get(CONTACTS)).code == "FORBIDDEN"
    body = {"name": "Eve", "email": "eve@shop.test"}
    assert (await viewer.post(CONTACTS, body)).code == "FORBIDDEN"
    invite = await viewer.post(f"{CONTACTS}/{contact['id']}/invite")
    assert invite.code == "FORBIDDEN"
    assert (await owner.post(f"{CONTACTS}/{contact['id']}/invite")).status == 200
    assert (await owner.post(f"{CONTACTS}/{acme.id}/invite")).status == 404
