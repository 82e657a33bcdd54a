"""Rotation: one successor a token, and no session outlives a theft."""

import asyncio

import pytest

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.signing_in import SignedIn
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import (
    ELSEWHERE,
    ORIGIN,
    PASSWORD,
    House,
    Process,
)

pytestmark = pytest.mark.anyio

SESSIONS = "SELECT * FROM home__.sessions WHERE tenant_id = $1::uuid"
LATER = (
    "UPDATE home__.sessions SET rotated_at = rotated_at - interval '11 seconds'"
    " WHERE tenant_id = $1::uuid"
)


async def sign_in(house: House, process: Process, tenant: Tenant) -> SignedIn:
    await house.user(tenant, "ada@acme.test")
    return await house.realm(process, tenant).login("ada@acme.test", PASSWORD, ORIGIN)


async def test_a_refresh_gives_the_next_pair_of_the_same_session(
    house: House, process: Process, acme: Tenant
) -> None:
    first = await sign_in(house, process, acme)
    second = await house.realm(process, acme).renew(first.refresh_token, ORIGIN)
    third = await house.realm(process, acme).renew(second.refresh_token, ORIGIN)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    actors = [
        await process.authenticator.actor(acme, it.access_token)
        for it in (first, second, third)
    ]
    assert len({actor.session for actor in actors}) == 1
    (row,) = await house.rows(acme, SESSIONS)
    assert row["generation"] == 2
    assert third.refresh_expires_in.days == 7


async def test_twenty_refreshes_at_once_have_one_successor(
    house: House, process: Process, other_process: Process, acme: Tenant
) -> None:
    first = await sign_in(house, process, acme)
    realms = [house.realm(it, acme) for it in (process, other_process)] * 10
    renewed = await asyncio.gather(
        *(realm.renew(first.refresh_token, ORIGIN) for realm in realms)
    )
    assert len({it.refresh_token for it in renewed}) == 1
    (row,) = await house.rows(acme, SESSIONS)
    assert (row["generation"], row["revoked_at"]) == (1, None)


async def test_a_client_whose_answer_was_lost_gets_it_again(
    house: House, process: Process, acme: Tenant
) -> None:
    realm = house.realm(process, acme)
    first = await sign_in(house, process, acme)
    lost = await realm.renew(first.refresh_token, ORIGIN)
    again = await realm.renew(first.refresh_token, ORIGIN)
    assert again.refresh_token == lost.refresh_token
    await realm.renew(again.refresh_token, ORIGIN)


@pytest.mark.parametrize("thief", ["late", "elsewhere", "two behind"])
async def test_using_a_token_again_ends_the_session_with_all_its_tokens(
    house: House, process: Process, other_process: Process, acme: Tenant, thief: str
) -> None:
    first = await sign_in(house, process, acme)
    realm = house.realm(process, acme)
    last = await realm.renew(first.refresh_token, ORIGIN)
    if thief == "late":
        await house.rows(acme, LATER)
    if thief == "two behind":
        last = await realm.renew(last.refresh_token, ORIGIN)
    await other_process.authenticator.actor(acme, last.access_token)
    origin = ELSEWHERE if thief == "elsewhere" else ORIGIN
    with pytest.raises(Unauthenticated):
        await realm.renew(first.refresh_token, origin)
    other_process.authenticator.heard(process.announced[-1])
    for refused in (process, other_process):
        for access_token in (first.access_token, last.access_token):
            with pytest.raises(Unauthenticated):
                await refused.authenticator.actor(acme, access_token)
    with pytest.raises(Unauthenticated):
        await realm.renew(last.refresh_token, ORIGIN)
    assert (await house.journal(acme))[-1][0] == "auth.refresh_reused"


async def test_a_refresh_token_of_another_tenant_is_none_here(
    house: House, process: Process, acme: Tenant, globex: Tenant
) -> None:
    signed_in = await sign_in(house, process, acme)
    with pytest.raises(Unauthenticated):
        await house.realm(process, globex).renew(signed_in.refresh_token, ORIGIN)
    await house.realm(process, acme).renew(signed_in.refresh_token, ORIGIN)


async def test_neither_token_does_the_others_work(
    house: House, process: Process, acme: Tenant
) -> None:
    signed_in = await sign_in(house, process, acme)
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, signed_in.refresh_token)
    with pytest.raises(Unauthenticated):
        await house.realm(process, acme).renew(signed_in.access_token, ORIGIN)


async def test_a_disabled_user_gets_no_further_tokens(
    house: House, process: Process, acme: Tenant
) -> None:
    signed_in = await sign_in(house, process, acme)
    disable = "UPDATE home__.users SET disabled_at = now() WHERE tenant_id = $1::uuid"
    await house.rows(acme, disable)
    with pytest.raises(Unauthenticated):
        await house.realm(process, acme).renew(signed_in.refresh_token, ORIGIN)


async def test_signing_out_ends_the_refresh_token_too(
    house: House, process: Process, acme: Tenant
) -> None:
    signed_in = await sign_in(house, process, acme)
    realm = house.realm(process, acme)
    actor = await process.authenticator.actor(acme, signed_in.access_token)
    await realm.logout(actor, ORIGIN)
    await realm.logout(actor, ORIGIN)
    with pytest.raises(Unauthenticated):
        await realm.renew(signed_in.refresh_token, ORIGIN)
    noted = [it[0] for it in await house.journal(acme)]
    assert noted == ["auth.login", "auth.logout"]
