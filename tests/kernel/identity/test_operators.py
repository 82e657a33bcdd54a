"""Operators: another door, another key ring, and no way between the two."""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

import pytest

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.operators import (
    OperatorExists,
    Operators,
    OperatorUnknown,
)
from insula.kernel.identity.passwords import PasswordWeak
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import InvalidCredentials, Realm, SignedIn
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import ELSEWHERE, ORIGIN, PASSWORD, House, Process

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "another good one"
JOURNAL = """
SELECT action, ip_address::text FROM control.audit_logs
 WHERE admin_id = (SELECT id FROM control.system_admins WHERE email = $1)
    OR resource_id = (SELECT id::text FROM control.system_admins WHERE email = $1)
 ORDER BY id
"""
FROM_THERE = "SELECT action, admin_id FROM control.audit_logs WHERE ip_address = $1"
LAST_LOGIN = "SELECT last_login_at FROM control.system_admins WHERE email = $1"


@dataclass
class Root:
    """An operator of this test alone."""

    house: House
    realm: Realm
    email: str

    async def sign_in(self, password: str = PASSWORD) -> SignedIn:
        return await self.realm.login(self.email, password, ORIGIN)

    async def journal(self) -> list[tuple[Any, ...]]:
        rows = await self.house.control.fetch(JOURNAL, self.email)
        return [tuple(row) for row in rows]


@pytest.fixture
async def root(house: House, process: Process, acme: Tenant) -> Root:
    name = uuid7().hex
    await Operators(house.control).create(f"{name.upper()}@Insula.test ", PASSWORD)
    realm = process.identity.operators(house.context(acme))
    return Root(house, realm, f"{name}@insula.test")


async def test_an_operator_signs_in_and_out_and_both_are_noted(
    house: House, process: Process, other_process: Process, root: Root
) -> None:
    token = (await root.sign_in()).access_token
    actor = await process.authenticator.operator(token)
    assert (actor.kind, actor.tenant) == ("operator", None)
    assert actor.may("tenants.create")
    assert await process.authenticator.operator(token) is actor
    await other_process.authenticator.operator(token)
    await root.realm.logout(actor, ORIGIN)
    other_process.authenticator.heard(process.announced[-1])
    for each in (process, other_process):
        with pytest.raises(Unauthenticated):
            await each.authenticator.operator(token)
    assert await root.journal() == [
        ("admins.create", None),
        ("auth.login", "203.0.113.7/32"),
        ("auth.logout", "203.0.113.7/32"),
    ]
    (row,) = await house.control.fetch(LAST_LOGIN, root.email)
    assert row[0] is not None  # S1-54


async def test_a_wrong_password_and_an_unknown_operator_are_told_the_same(
    house: House, root: Root
) -> None:
    with pytest.raises(InvalidCredentials):
        await root.realm.login(root.email, "swordfish", ORIGIN._replace(client="unix"))
    assert (await root.journal())[1:] == [("auth.login_failed", None)]
    there = str(IPv6Address(uuid7().int))
    with pytest.raises(InvalidCredentials):
        await root.realm.login("nobody@insula.test", PASSWORD, Origin("", there))
    noted = await house.control.fetch(FROM_THERE, there)
    assert [tuple(row) for row in noted] == [("auth.login_failed", None)]


async def test_an_operators_refresh_tokens_rotate_and_betray_a_theft(
    process: Process, root: Root
) -> None:
    first = await root.sign_in()
    second = await root.realm.renew(first.refresh_token, ORIGIN)
    again = await root.realm.renew(first.refresh_token, ORIGIN)
    assert again.refresh_token == second.refresh_token
    await process.authenticator.operator(second.access_token)
    for token, origin in ((first, ELSEWHERE), (second, ORIGIN)):
        with pytest.raises(Unauthenticated):
            await root.realm.renew(token.refresh_token, origin)
    with pytest.raises(Unauthenticated):
        await process.authenticator.operator(second.access_token)
    assert (await root.journal())[-1][0] == "auth.refresh_reused"


async def test_users_and_operators_never_pass_through_each_others_door(
    house: House, process: Process, root: Root, acme: Tenant
) -> None:
    """S1-02, S1-49: for both tokens, and for the password."""
    await house.user(acme, "ada@acme.test", roles=["owner"])
    users = house.realm(process, acme)
    user = await users.login("ada@acme.test", PASSWORD, ORIGIN)
    operator = await root.sign_in()
    for _ in ("never seen", "known"):
        with pytest.raises(Unauthenticated):
            await process.authenticator.operator(user.access_token)
        with pytest.raises(Unauthenticated):
            await process.authenticator.actor(acme, operator.access_token)
        await process.authenticator.operator(operator.access_token)
        await process.authenticator.actor(acme, user.access_token)
    with pytest.raises(Unauthenticated):
        await root.realm.renew(user.refresh_token, ORIGIN)
    with pytest.raises(Unauthenticated):
        await users.renew(operator.refresh_token, ORIGIN)
    for realm, email in ((root.realm, "ada@acme.test"), (users, root.email)):
        with pytest.raises(InvalidCredentials):
            await realm.login(email, PASSWORD, ORIGIN)


async def test_an_operator_is_made_once_and_gets_a_good_password(
    house: House, root: Root
) -> None:
    operators = Operators(house.control)
    with pytest.raises(OperatorExists):
        await operators.create(root.email, NEW_PASSWORD)
    with pytest.raises(PasswordWeak):
        await operators.create("new@insula.test", "password")
    with pytest.raises(OperatorUnknown):
        await operators.id_of("new@insula.test")
    await root.sign_in()


async def test_another_password_signs_an_operator_out_everywhere(
    house: House, process: Process, root: Root
) -> None:
    signed_in = await root.sign_in()
    operators = Operators(house.control)
    await operators.set_password(await operators.id_of(root.email), NEW_PASSWORD)
    with pytest.raises(Unauthenticated):
        await process.authenticator.operator(signed_in.access_token)
    with pytest.raises(Unauthenticated):
        await root.realm.renew(signed_in.refresh_token, ORIGIN)
    with pytest.raises(InvalidCredentials):
        await root.sign_in()
    await root.sign_in(NEW_PASSWORD)
    actions = [action for action, _ in await root.journal()]
    assert actions.count("admins.password_reset") == 1
