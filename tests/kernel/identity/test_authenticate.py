"""Authentication: fast from memory, and never longer than the session lives."""

import asyncio
import time
from uuid import UUID

import pytest
from msgspec.structs import replace

from insula.kernel.database.bus import Bus
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity import authenticate
from insula.kernel.identity.authenticate import Epochs
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.tenancy.signals import TenantMismatch
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import KEY, ORIGIN, PASSWORD, House, Process

pytestmark = pytest.mark.anyio

REVOKE = "UPDATE home__.sessions SET revoked_at = now() WHERE tenant_id = $1::uuid"
PROMOTE = "UPDATE home__.users SET roles = '[\"admin\"]' WHERE tenant_id = $1::uuid"


async def token_of(house: House, process: Process, tenant: Tenant) -> str:
    await house.user(tenant, "ada@acme.test")
    realm = house.realm(process, tenant)
    return (await realm.login("ada@acme.test", PASSWORD, ORIGIN)).access_token


async def test_signing_out_ends_the_token_here_at_once_and_elsewhere_when_heard(
    house: House, process: Process, other_process: Process, acme: Tenant
) -> None:
    token = await token_of(house, process, acme)
    actor = await process.authenticator.actor(acme, token)
    await other_process.authenticator.actor(acme, token)
    await house.realm(process, acme).logout(actor, ORIGIN)
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, token)
    assert process.announced == [f"actor:{actor.id}"]
    other_process.authenticator.heard(process.announced[0])
    with pytest.raises(Unauthenticated):
        await other_process.authenticator.actor(acme, token)


@pytest.mark.parametrize("notice", ["tenant", "actor", "anything"])
async def test_a_notice_has_roles_and_revocations_read_anew(
    house: House, process: Process, acme: Tenant, notice: str
) -> None:
    token = await token_of(house, process, acme)
    before = await process.authenticator.actor(acme, token)
    await house.rows(acme, PROMOTE)
    assert await process.authenticator.actor(acme, token) is before
    topics = {"tenant": f"tenant:{acme.id}", "actor": f"actor:{before.id}"}
    process.authenticator.heard(topics.get(notice))
    after = await process.authenticator.actor(acme, token)
    assert (before.roles, after.roles) == (("member",), ("admin",))
    assert await process.authenticator.actor(acme, token) is after
    await house.rows(acme, REVOKE)
    process.authenticator.forget(acme.id)
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, token)


async def test_notices_about_others_leave_an_actor_alone(
    house: House, process: Process, acme: Tenant
) -> None:
    token = await token_of(house, process, acme)
    actor = await process.authenticator.actor(acme, token)
    for topic in (f"tenant:{uuid7()}", f"actor:{uuid7()}", "tenant:x", "nonsense", ""):
        process.authenticator.heard(topic)
    assert await process.authenticator.actor(acme, token) is actor


async def test_a_lost_notice_costs_seconds_and_less_while_none_arrive(
    house: House, process: Process, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (authenticate.FRESH, authenticate.FRESH_ALONE) == (15.0, 1.0)
    monkeypatch.setattr(authenticate, "FRESH_ALONE", 0.0)
    token = await token_of(house, process, acme)
    await process.authenticator.actor(acme, token)
    await house.rows(acme, REVOKE)
    await process.authenticator.actor(acme, token)
    process.connected = False
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, token)


async def test_what_was_loaded_while_it_changed_is_not_believed(
    house: House, process: Process, acme: Tenant
) -> None:
    token = await token_of(house, process, acme)
    loading = asyncio.create_task(process.authenticator.actor(acme, token))
    await asyncio.sleep(0)
    process.authenticator.forget(acme.id)
    await loading
    await house.rows(acme, REVOKE)
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, token)


async def test_a_token_of_another_tenant_is_a_mismatch(
    house: House, process: Process, acme: Tenant, globex: Tenant
) -> None:
    token = await token_of(house, process, acme)
    for _ in ("never seen", "known"):
        with pytest.raises(TenantMismatch):
            await process.authenticator.actor(globex, token)
        await process.authenticator.actor(acme, token)
    assert (TenantMismatch.status, TenantMismatch.code) == (403, "TENANT_MISMATCH")
    assert process.authenticator.tenant_of(token) == acme.id


async def test_a_signed_token_needs_a_session_of_its_user(
    house: House, process: Process, acme: Tenant
) -> None:
    token = await token_of(house, process, acme)
    tokens = process.authenticator.tokens
    claims = tokens.read(token)
    ids: list[tuple[UUID, UUID]] = [(claims.sub, uuid7()), (uuid7(), claims.sid)]
    for subject, session in ids:
        forged = tokens.claims(TokenAudience.tenant, subject, session, acme.id)
        with pytest.raises(Unauthenticated):
            await process.authenticator.actor(acme, tokens.issue(forged))
    assert len(process.authenticator) == 0


async def test_a_token_expires_in_memory_too(
    house: House, process: Process, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await token_of(house, process, acme)
    await process.authenticator.actor(acme, token)
    expiry = process.authenticator.tokens.read(token).exp
    monkeypatch.setattr(time, "time", lambda: float(expiry))
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, token)
    assert len(process.authenticator) == 0


async def test_an_expired_session_is_as_good_as_none(
    house: House, process: Process, acme: Tenant
) -> None:
    token = await token_of(house, process, acme)
    expire = "UPDATE home__.sessions SET expires_at = now() WHERE tenant_id = $1::uuid"
    await house.rows(acme, expire)
    with pytest.raises(Unauthenticated):
        await process.authenticator.actor(acme, token)


async def test_the_memory_is_bounded_and_keeps_whoever_came_last(
    house: House, process: Process, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticate, "MOST", 3)
    authenticator = process.authenticator
    claims = authenticator.tokens.read(await token_of(house, process, acme))
    tokens = [
        authenticator.tokens.issue(replace(claims, exp=claims.exp + shift))
        for shift in range(8)
    ]
    actors = [await authenticator.actor(acme, token) for token in tokens]
    assert len(authenticator) == 3
    assert await authenticator.actor(acme, tokens[-1]) is actors[-1]


async def test_a_text_that_is_no_token_reaches_no_database(
    house: House, process: Process, acme: Tenant
) -> None:
    for text in ("", "a.b.c", "ÿ" * 100, "x" * 1_000_000):
        with pytest.raises(Unauthenticated):
            await process.authenticator.actor(acme, text)
    assert house.pools.open == 0  # no connection was even opened


def test_a_change_outlives_the_bound_of_what_is_remembered() -> None:
    epochs, old, new = Epochs(most=2), uuid7(), uuid7()
    before = epochs.present
    epochs.advance(old)
    after = epochs.present
    for _ in range(5):
        epochs.advance(uuid7())
    assert not epochs.hold(before, old)
    assert not epochs.hold(after, new)  # it was forgotten, so it counts for everybody
    assert epochs.hold(epochs.present, old, new)
    recent = epochs.present
    epochs.advance(new)
    assert epochs.hold(recent, old)
    assert not epochs.hold(recent, old, new)
    epochs.advance_all()
    assert not epochs.hold(recent, old)


async def outlast(process: Process, tenant: Tenant, token: str) -> None:
    for _ in range(100):
        await process.authenticator.actor(tenant, token)
        await asyncio.sleep(0.01)


async def test_signing_out_is_felt_by_other_processes_within_a_second(
    house: House, process: Process, other_process: Process, acme: Tenant
) -> None:
    bus, other_bus = (Bus(house.cluster.app(house.cluster.control)) for _ in range(2))
    other_bus.subscribe(other_process.authenticator.heard)
    await bus.start()
    await other_bus.start()
    token = await token_of(house, process, acme)
    actor = await process.authenticator.actor(acme, token)
    await other_process.authenticator.actor(acme, token)
    identity = Identity(KEY, process.authenticator, bus.announce)
    await identity.users(house.context(acme)).logout(actor, ORIGIN)
    with pytest.raises(Unauthenticated):
        await outlast(other_process, acme, token)
    await bus.stop()
    await other_bus.stop()
