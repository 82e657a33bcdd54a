"""Linked accounts: one person in two tenants, proved at both, and nobody hears of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.identity.sessions import Origin
from insula.kernel.services.linking.switching import OFFER_LASTS
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio
MAKE = Statement(
    "UPDATE home__.users SET email = $3, email_verified_at = $4"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
CHANGED = Statement(
    "UPDATE home__.users SET password_changed_at = $3"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
DISABLED = Statement(
    "UPDATE home__.users SET disabled_at = $3"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
POLICY = "UPDATE control.tenants SET security = $2 WHERE id = $1"


class Somebody:
    """A person with a user in two tenants, signed in at both with a password."""

    def __init__(self, house: House) -> None:
        self.house, self.email = house, f"{uuid4().hex[:10]}@ada.test"
        self.at: dict[str, Caller] = {}
        self.tenants: dict[str, Tenant] = {}

    async def settle(self, name: str) -> None:
        """Have a user in a new tenant."""
        tenant = await self.house.tenant()
        caller = await self.house.user(tenant, "member")
        self.at[name], self.tenants[name] = caller, tenant
        await self.write(name, MAKE, self.email, now())

    async def write(self, name: str, statement: Statement, *args: object) -> None:
        """Change the user as nothing else would."""
        tenant = self.tenants[name]
        session = self.house.platform.open_session(tenant.home, tenant.id)
        async with session.transaction() as transaction:
            await transaction.fetch(statement, self.at[name].actor_id, *args)

    async def link(self, one: str = "acme", other: str = "globex") -> Answer:
        """Prove at both that it is the same person."""
        token = (await self.at[one].post("auth/link")).data["token"]
        return await self.at[other].post("auth/link/accept", {"token": token})

    async def switch(self, one: str = "acme", other: str = "globex") -> Answer:
        """Ask to go from one to the other."""
        body = {"tenant_id": str(self.tenants[other].id)}
        return await self.at[one].post("auth/switch", body)

    async def forbid(self, name: str) -> None:
        """Have a tenant forbid links."""
        tenant = self.tenants[name]
        await self.house.platform.control.fetch(POLICY, tenant.id, {"linking": False})
        self.tenants[name] = await self.house.fresh(tenant.id)

    async def redeem(self, answer: Answer) -> Answer:
        """Come in over there."""
        visitor = self.house.caller(answer.data["host"])
        return await visitor.post("auth/switch/redeem", {"token": answer.data["token"]})


@pytest.fixture
async def ada(house: House) -> Somebody:
    """Somebody with two users, not linked yet."""
    ada = Somebody(house)
    await ada.settle("acme")
    await ada.settle("globex")
    return ada


async def test_a_person_goes_from_one_tenant_to_the_other(
    house: House, ada: Somebody
) -> None:
    """S3-03, R06: by a sign-in at both, and from then on in either direction."""
    assert (await ada.at["acme"].get("auth/organisations")).data == []
    linked = (await ada.link()).data
    ids = {str(it.id) for it in ada.tenants.values()}
    assert {it["id"] for it in linked} == ids
    there = [it["slug"] for it in linked if it["current"]]
    assert there == [ada.tenants["globex"].slug]
    for one, other in (("acme", "globex"), ("globex", "acme")):
        asked = await ada.switch(one, other)
        assert asked.data["host"] == ada.tenants[other].domain
        came = await ada.redeem(asked)
        inside = house.caller(asked.data["host"], came.data["access_token"])
        current = (await inside.get("auth/user")).data
        assert current["user"]["id"] == str(ada.at[other].actor_id)
        spent = await ada.redeem(asked)
        assert (spent.status, spent.code) == (410, "TOKEN_INVALID")


async def test_a_switch_is_redeemed_at_its_own_host_alone(ada: Somebody) -> None:
    await ada.link()
    asked = await ada.switch()
    visitor = ada.house.caller(ada.tenants["acme"].domain)
    answer = await visitor.post("auth/switch/redeem", {"token": asked.data["token"]})
    assert answer.code == "TOKEN_INVALID"
    assert (await ada.redeem(asked)).status == 200


async def test_without_a_link_every_tenant_is_as_unknown_as_any(
    house: House, ada: Somebody
) -> None:
    """R06: the one where the same address has a user, too."""
    for key in (ada.tenants["globex"].id, ada.tenants["acme"].id, uuid4()):
        answer = await ada.at["acme"].post("auth/switch", {"tenant_id": str(key)})
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_another_address_is_another_person(ada: Somebody) -> None:
    """R06: and so is one that was not confirmed, at either side."""
    await ada.write("globex", MAKE, "other@ada.test", now())
    assert (await ada.link()).code == "ACCOUNTS_DIFFER"
    for name in ("acme", "globex"):
        await ada.write("globex", MAKE, ada.email, now())
        await ada.write("acme", MAKE, ada.email, now())
        await ada.write(name, MAKE, ada.email, None)
        assert (await ada.link()).code == "ACCOUNTS_DIFFER"


async def test_what_is_no_offer_links_nobody(
    ada: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await ada.at["acme"].post("auth/link")).data["token"]
    at_home = await ada.at["acme"].post("auth/link/accept", {"token": token})
    assert at_home.code == "TOKEN_INVALID"
    for text in ("x", "insl_", f"insl_{'A' * 300}", "é"):
        answer = await ada.at["globex"].post("auth/link/accept", {"token": text})
        assert (answer.status, answer.code) == (410, "TOKEN_INVALID")
    monkeypatch.setattr(
        "insula.kernel.services.linking.switching.time",
        lambda: now().timestamp() + OFFER_LASTS,
    )
    late = await ada.at["globex"].post("auth/link/accept", {"token": token})
    assert late.code == "TOKEN_INVALID"


async def test_a_link_needs_a_proof_of_late_at_both(ada: Somebody) -> None:
    """R06: a session that somebody left open is none."""
    old = Statement(
        "UPDATE home__.sessions SET proved_at = $3"
        " WHERE tenant_id = $1::text::uuid AND user_id = $2"
    )
    token = (await ada.at["acme"].post("auth/link")).data["token"]
    for name in ("acme", "globex"):
        await ada.write(name, old, now() - timedelta(hours=1))
        ada.house.platform.authenticator.heard(f"actor:{ada.at[name].actor_id}")
    assert (await ada.at["acme"].post("auth/link")).code == "STEP_UP_REQUIRED"
    answer = await ada.at["globex"].post("auth/link/accept", {"token": token})
    assert answer.code == "STEP_UP_REQUIRED"


async def test_who_runs_a_tenant_gets_nowhere_as_somebody_else(
    house: House, ada: Somebody
) -> None:
    """R06: whoever gave the user another address or password is not them."""
    await ada.link()
    await ada.write("acme", CHANGED, now() + timedelta(seconds=1))
    asleep = await ada.switch()
    assert (asleep.status, asleep.code) == (409, "LINK_ASLEEP")
    await ada.write("acme", CHANGED, None)
    assert (await ada.switch()).status == 200
    await ada.write("acme", MAKE, "thief@acme.test", now())
    assert (await ada.switch()).code == "LINK_ASLEEP"
    await ada.write("acme", MAKE, ada.email, now())
    tenant = ada.tenants["acme"]
    session = house.platform.open_session(tenant.home, tenant.id)
    ctx = Context(Actor(ActorKind.visitor, None), tenant=tenant, session=session)
    realm = house.platform.identity.users(ctx)
    account = await realm.accounts.find(ada.email)
    assert account is not None
    origin = Origin("test", "127.0.0.1")
    for methods in (("mail",), ("sso",), ("hwk",)):
        came = await realm.begin(account, methods, origin)
        thief = house.caller(tenant.domain, came.access_token)
        body = {"tenant_id": str(ada.tenants["globex"].id)}
        assert (await thief.post("auth/switch", body)).code == "LINK_ASLEEP"


@pytest.mark.parametrize("where", ["acme", "globex"])
async def test_a_tenant_may_forbid_links(ada: Somebody, where: str) -> None:
    """R06: then there is nothing to be seen of it, and no way in."""
    await ada.link()
    asked = await ada.switch()
    await ada.forbid(where)
    if where == "acme":
        for answer in (
            await ada.at["acme"].post("auth/link"),
            await ada.at["acme"].get("auth/organisations"),
            await ada.switch(),
        ):
            assert (answer.status, answer.code) == (403, "LINKING_FORBIDDEN")
        return
    assert (await ada.redeem(asked)).code == "LINKING_FORBIDDEN"
    shown = (await ada.at["acme"].get("auth/organisations")).data
    assert [it["id"] for it in shown] == [str(ada.tenants["acme"].id)]
    assert (await ada.switch()).code == "NOT_FOUND"


async def test_who_is_disabled_over_there_does_not_come_in(ada: Somebody) -> None:
    await ada.link()
    asked = await ada.switch()
    await ada.write("globex", DISABLED, now())
    assert (await ada.redeem(asked)).code == "TOKEN_INVALID"
    assert (await ada.switch()).code == "NOT_FOUND"


async def test_three_are_one_and_a_fourth_of_anothers_is_not(ada: Somebody) -> None:
    """R06: links join, but never two people."""
    await ada.link()
    await ada.settle("initech")
    assert len((await ada.link("globex", "initech")).data) == 3
    assert (await ada.switch("acme", "initech")).status == 200
    other = Somebody(ada.house)
    other.email = ada.email
    await other.settle("umbrella")
    await other.settle("hooli")
    await other.link("umbrella", "hooli")
    other.at |= ada.at
    other.tenants |= ada.tenants
    clash = await other.link("acme", "hooli")
    assert (clash.status, clash.code) == (409, "ACCOUNT_LINKED_ELSEWHERE")


async def test_who_unlinks_is_nobody_else_any_more(ada: Somebody) -> None:
    await ada.link()
    assert (await ada.at["globex"].post("auth/unlink")).status == 200
    for name in ("acme", "globex"):
        assert (await ada.at[name].get("auth/organisations")).data == []
    assert (await ada.switch()).code == "NOT_FOUND"
    assert len((await ada.link()).data) == 2


async def test_no_tenant_sees_where_else_its_people_are(
    house: House, ada: Somebody
) -> None:
    """R06: not in its log, and not the other's name anywhere."""
    await ada.link()
    await ada.redeem(await ada.switch())
    for name, other in (("acme", "globex"), ("globex", "acme")):
        owner = await house.user(ada.tenants[name])
        rows: Any = (await owner.get("audit-log?per_page=100")).data
        told = str(rows) + str((await owner.get("users?per_page=100")).data)
        assert str(ada.tenants[other].id) not in told
        assert ada.tenants[other].slug not in told
        assert str(ada.at[other].actor_id) not in told
