"""Signing in: the right password opens, and a wrong one learns nothing."""

import asyncio
import time
from statistics import median

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from insula.kernel.database.pool import Pools
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.passwords import hash_password
from insula.kernel.identity.refresh import LIFETIME
from insula.kernel.identity.sessions import Ending, Opening
from insula.kernel.identity.signing_in import InvalidCredentials, Queue, SignInBusy
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import ORIGIN, PASSWORD, House, Process

pytestmark = pytest.mark.anyio

USER = Statement(
    "SELECT login_count, last_login_at, password, version FROM home__.users"
    " WHERE tenant_id = $1::uuid AND id = $2"
)
SESSIONS = "SELECT * FROM home__.sessions WHERE tenant_id = $1::uuid"


async def test_signing_in_opens_a_session_counts_it_and_is_noted(
    house: House, process: Process, acme: Tenant
) -> None:
    user_id = await house.user(acme, "ada@acme.test")
    signed_in = await house.realm(process, acme).login(
        "Ada@ACME.test ", PASSWORD, ORIGIN
    )
    actor = await process.authenticator.actor(acme, signed_in.access_token)
    (user,) = await house.rows(acme, USER, user_id)
    assert (user["login_count"], user["version"]) == (1, 1)  # S4-23
    assert (now() - user["last_login_at"]).total_seconds() < 5  # S1-54
    assert (actor.id, actor.tenant, actor.roles) == (user_id, acme.id, ("member",))
    assert actor.may("crm.deals.read")
    assert await house.journal(acme) == [
        ("auth.login", actor.session, "user", user_id, ORIGIN.client)
    ]


async def test_no_token_is_in_the_database(
    house: House, process: Process, acme: Tenant
) -> None:
    await house.user(acme, "ada@acme.test")
    signed_in = await house.realm(process, acme).login(
        "ada@acme.test", PASSWORD, ORIGIN
    )
    (row,) = await house.rows(acme, SESSIONS)
    kept = " ".join(str(value) for value in row.values())
    for token in (signed_in.refresh_token, signed_in.access_token):
        assert token not in kept
        assert token[-43:] not in kept
    assert len(row["refresh_hash"]) == 64


async def test_every_wrong_way_in_gets_the_same_answer_and_is_noted(
    house: House, process: Process, acme: Tenant
) -> None:
    ada = await house.user(acme, "ada@acme.test")
    bob = await house.user(acme, "bob@acme.test", password=None)
    eve = await house.user(acme, "eve@acme.test", disabled=now())
    realm, told = house.realm(process, acme), set()
    tries = [("ada", "swordfish"), *((it, PASSWORD) for it in ("no", "bob", "eve"))]
    for name, password in tries:
        with pytest.raises(InvalidCredentials) as caught:
            await realm.login(f"{name}@acme.test", password, ORIGIN)
        problem = caught.value
        told.add((problem.status, problem.code, problem.message, problem.fields))
    assert len(told) == 1
    noted = await house.rows(
        acme, "SELECT * FROM home__.audit_log WHERE tenant_id = $1::uuid ORDER BY id"
    )
    reasons = [(it["resource_id"], bytes(it["changes"])) for it in noted]
    wanted = ["wrong_password", "unknown", "no_password", "disabled"]
    assert reasons == [
        (it, b'{"reason": "%s"}' % reason.encode())
        for it, reason in zip([ada, None, bob, eve], wanted, strict=True)
    ]
    assert not await house.rows(acme, SESSIONS)


async def test_another_tenants_password_opens_nothing_here(
    house: House, process: Process, acme: Tenant, globex: Tenant
) -> None:
    await house.user(acme, "ada@acme.test")
    with pytest.raises(InvalidCredentials):
        await house.realm(process, globex).login("ada@acme.test", PASSWORD, ORIGIN)
    assert [it[0] for it in await house.journal(globex)] == ["auth.login_failed"]
    assert await house.journal(acme) == []


@pytest.mark.usefixtures("real_hashing")
async def test_a_wrong_password_takes_as_long_as_an_unknown_address(
    house: House, process: Process, acme: Tenant
) -> None:
    known = await hash_password(PASSWORD)
    await house.user(acme, "ada@acme.test", password=known)
    realm = house.realm(process, acme)
    taken: dict[str, list[float]] = {"ada": [], "nobody": []}
    for name in ("ada", "nobody") * 9:
        began = time.perf_counter()
        with pytest.raises(InvalidCredentials):
            await realm.login(f"{name}@acme.test", "wrong", ORIGIN)
        taken[name].append(time.perf_counter() - began)
    one, other = median(taken["ada"]), median(taken["nobody"])
    assert abs(one - other) < 0.3 * max(one, other)


@pytest.mark.usefixtures("real_hashing")
async def test_an_aged_hash_is_replaced_when_its_owner_signs_in(
    house: House, process: Process, acme: Tenant
) -> None:
    weak = Argon2Hasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    user_id = await house.user(acme, "ada@acme.test", password=weak)
    await house.realm(process, acme).login("ada@acme.test", PASSWORD, ORIGIN)
    (user,) = await house.rows(acme, USER, user_id)
    assert user["password"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.usefixtures("real_hashing")
async def test_nobody_signs_in_with_a_password_that_was_just_replaced(
    house: House, process: Process, acme: Tenant
) -> None:
    known = await hash_password(PASSWORD)
    user_id = await house.user(acme, "ada@acme.test", password=known)
    accounts = house.realm(process, acme).accounts
    found = await accounts.find("ada@acme.test")
    login = asyncio.create_task(
        house.realm(process, acme).login("ada@acme.test", PASSWORD, ORIGIN)
    )
    await asyncio.sleep(0.02)  # while the password is being checked
    change = (
        "UPDATE home__.users SET password = 'x' WHERE tenant_id = $1::uuid AND id = $2"
    )
    await house.rows(acme, change, user_id)
    with pytest.raises(InvalidCredentials):
        await login
    assert found is not None
    assert not await house.rows(acme, SESSIONS)


async def test_a_session_opens_and_ends_whatever_plan_postgresql_chooses(
    house: House, acme: Tenant
) -> None:
    """After five rounds on one connection the plan is a generic one."""
    await house.user(acme, "ada@acme.test")
    single = House(house.cluster, Pools(budget=1), house.hashed)
    accounts = single.realm(single.process(), acme).accounts
    ada = await accounts.find("ada@acme.test")
    assert ada is not None
    for _ in range(12):
        at, session = now(), uuid7()
        opening = Opening(session, "0" * 64, at, at + LIFETIME, None)
        assert await accounts.open(ada, opening, ORIGIN)
        active = await accounts.active(session, ada.id)
        assert active is not None
        assert active.account == ada
        await accounts.end(session, Ending.logout, ORIGIN)
        assert await accounts.active(session, ada.id) is None
    await single.pools.close()
    (user,) = await house.rows(acme, USER, ada.id)
    assert user["login_count"] == 12
    assert len(await house.journal(acme)) == 24


async def test_a_flood_of_sign_ins_is_turned_away_at_once(
    house: House, process: Process
) -> None:
    queue = Queue(2)
    tries = [queue.verify("wrong", house.hashed) for _ in range(4)]
    began = time.perf_counter()
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(it) for it in answers] == [tuple, tuple, SignInBusy, SignInBusy]
    assert time.perf_counter() - began < 5
    assert await queue.verify(PASSWORD, house.hashed) == (True, None)
