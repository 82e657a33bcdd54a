"""API keys and personal tokens: what they can do, for how long, and what is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from insula.kernel.database.bus import Bus
from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.authenticate import FRESH, Authenticator
from insula.kernel.services.keys.scopes import included, includes
from insula.kernel.services.keys.sources import NOTED, PersonalTokens, TenantKeys
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio
ASSETS, KEYS, OWN = "maintenance/assets", "api-keys", "auth/tokens"
READ = "maintenance.assets.read"


@pytest.fixture
async def acme(house: House) -> Tenant:
    return await house.tenant()


async def made(caller: Caller, path: str, *scopes: str, **more: Any) -> Any:
    body = {"name": "Reporting", "scopes": list(scopes), **more}
    return (await caller.post(path, body)).data


def with_key(house: House, tenant: Tenant, key: Any) -> Caller:
    return house.caller(tenant.domain, key["key"])


async def change(house: House, tenant: Tenant, sql: str, *args: object) -> Any:
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return await transaction.fetch(Statement(sql), *args)


async def test_a_key_does_what_its_scopes_say_and_no_more(
    house: House, acme: Tenant
) -> None:
    """S4-49: an organisation's key, made by an administrator, acts for itself."""
    owner = await house.user(acme)
    key = await made(owner, KEYS, READ)
    program = with_key(house, acme, key)
    assert (await program.get(ASSETS)).status == 200
    refused = await program.post(ASSETS, {"name": "Pump", "tag": "P-1"})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert (await program.get(KEYS)).code == "FORBIDDEN"
    assert (await program.post(OWN, {"name": "x", "scopes": [READ]})).status == 403


async def test_what_a_key_does_is_audited_as_its_own(
    house: House, acme: Tenant
) -> None:
    """Promise 13: the journal says which key it was."""
    owner = await house.user(acme)
    key = await made(owner, KEYS, "maintenance.assets.manage")
    asset = await with_key(house, acme, key).create(ASSETS, name="Pump", tag="P-1")
    (row,) = await change(
        house,
        acme,
        "SELECT actor_kind, actor_id, via FROM home__.audit_log"
        " WHERE tenant_id = $1::text::uuid AND resource_id = $2",
        UUID(asset["id"]),
    )
    wanted = ("api_key", UUID(key["id"]), f"api_key:{key['id']}")
    assert tuple(row) == wanted


async def test_the_text_of_a_key_is_shown_once_and_kept_nowhere(
    house: House, acme: Tenant
) -> None:
    """Promise 12: the row has a hash, and a prefix that tells which key it is."""
    owner = await house.user(acme)
    key = await made(owner, KEYS, READ)
    assert key["key"].startswith(f"{key['prefix']}")
    assert key["prefix"].startswith("insk_")
    secret = key["key"].removeprefix(key["prefix"])
    assert len(secret) > 40
    shown = await owner.get(f"{KEYS}/{key['id']}")
    found = await owner.get(f"{KEYS}?prefix={key['prefix']}")
    assert [it["id"] for it in found.data] == [key["id"]]
    for table in ("api_keys", "audit_log", "outbox"):
        rows = await change(
            house, acme, f"SELECT r::text FROM home__.{table} r"
            " WHERE tenant_id = $1::text::uuid",
        )  # fmt: skip
        assert rows
        assert secret not in str(rows)
    assert secret not in str(shown.body)
    assert "hash" not in shown.data


async def test_nobody_gives_a_key_more_than_they_have(
    house: House, acme: Tenant
) -> None:
    """S4-49: or whoever may make keys could do everything."""
    await change(
        house,
        acme,
        "INSERT INTO home__.roles (tenant_id, id, version, created_at, updated_at,"
        " name, title, grants, masks) VALUES ($1::text::uuid, gen_random_uuid(), 1,"
        " now(), now(), 'keymaker', 'Key maker', $2, '{}')",
        ["api_keys.manage", READ],
    )
    maker = await house.user(acme, "keymaker")
    assert (await made(maker, KEYS, READ))["scopes"] == [READ]
    for scope in ("*", "*.*.read", "maintenance.*", "maintenance.assets.manage"):
        refused = await maker.post(KEYS, {"name": "x", "scopes": [scope]})
        assert (refused.status, refused.code) == (403, "SCOPE_NOT_HELD"), scope


@pytest.mark.parametrize(
    ("wide", "narrow", "said"),
    [
        ("*", "*", True),
        ("*", "crm.*", True),
        ("*.*.manage", "crm.deals.read", True),
        ("*.*.manage", "crm.*.manage", True),
        ("*.*.manage", "crm.*", False),
        ("*.*.read", "crm.deals.*", False),
        ("crm.*", "crm.deals.*", True),
        ("crm.deals.manage", "crm.deals.*", False),
        ("crm.deals.read", "crm.*.read", False),
        ("files.manage", "files.*", False),
        ("own:crm.deals.read", "crm.deals.read", False),
    ],
)
def test_one_scope_is_part_of_another_only_if_all_of_it_is(
    wide: str, narrow: str, said: bool
) -> None:
    assert includes(wide, narrow) is said
    assert included([narrow], [wide]) is said


async def test_a_personal_token_does_what_both_it_and_its_user_may(
    house: House, acme: Tenant
) -> None:
    """S3-66, R09: it acts as the user, within its scopes, whatever it was given."""
    viewer = await house.user(acme, "viewer")
    token = await made(viewer, OWN, "*")
    assert token["prefix"].startswith("insp_")
    program = with_key(house, acme, token)
    assert (await program.get("auth/user")).data["user"]["id"] == str(viewer.actor_id)
    assert (await program.get(ASSETS)).status == 200
    assert (await program.post(ASSETS, {"name": "a", "tag": "b"})).code == "FORBIDDEN"
    owner = await house.user(acme)
    narrow = with_key(house, acme, await made(owner, OWN, READ))
    assert (await narrow.get(ASSETS)).status == 200
    assert (await narrow.post(ASSETS, {"name": "a", "tag": "b"})).code == "FORBIDDEN"


async def test_a_personal_token_loses_what_its_user_loses(
    house: House, acme: Tenant
) -> None:
    """S4-49: never more than its user holds at any later moment."""
    user = await house.user(acme, "owner")
    program = with_key(house, acme, await made(user, OWN, "*"))
    assert (await program.post(ASSETS, {"name": "a", "tag": "b"})).status == 201
    await change(
        house, acme, "UPDATE home__.users SET roles = '[\"viewer\"]'"
        " WHERE tenant_id = $1::text::uuid AND id = $2", user.actor_id,
    )  # fmt: skip
    assert user.actor_id is not None
    house.platform.identity.left(user.actor_id)
    assert (await program.post(ASSETS, {"name": "c", "tag": "d"})).code == "FORBIDDEN"
    await change(
        house, acme, "UPDATE home__.users SET disabled_at = now()"
        " WHERE tenant_id = $1::text::uuid AND id = $2", user.actor_id,
    )  # fmt: skip
    house.platform.identity.left(user.actor_id)
    assert (await program.get(ASSETS)).status == 401


@pytest.mark.parametrize("path", [KEYS, OWN])
async def test_a_revoked_key_works_nowhere_a_second_later(
    house: House, acme: Tenant, path: str
) -> None:
    """Promise 6, S4-49: another process, which knew the key, hears of it."""
    owner = await house.user(acme)
    key = await made(owner, path, READ)
    async with other_process(house) as other:
        assert await known(other, acme, key["key"])
        assert (await with_key(house, acme, key).get(ASSETS)).status == 200
        done = await owner.post(f"{path}/{key['id']}/revoke")
        assert done.data["revoked_at"] is not None
        assert (await with_key(house, acme, key).get(ASSETS)).status == 401
        began = monotonic()
        for _ in range(500):
            if not await known(other, acme, key["key"]):
                break
            await asyncio.sleep(0.01)
        assert monotonic() - began < FRESH / 2  # it heard; it would forget only later


@asynccontextmanager
async def other_process(house: House) -> AsyncIterator[Authenticator]:
    """Another process's memory, with a connection of its own to hear of changes."""
    it = house.platform
    bus = Bus(it.cluster.app(it.cluster.control))
    other = Authenticator(
        it.authenticator.tokens,
        it.engine.roles,
        it.control,
        it.open_session,
        lambda: bus.connected,
        lambda: (TenantKeys(it.key), PersonalTokens(it.key, it.authenticator.user)),
    )
    bus.subscribe(other.heard)
    await bus.start()
    yield other
    await bus.stop()


async def known(authenticator: Authenticator, tenant: Tenant, key: str) -> bool:
    try:
        await authenticator.actor(tenant, key)
    except Unauthenticated:
        return False
    return True


async def test_a_key_that_has_expired_is_refused(house: House, acme: Tenant) -> None:
    owner = await house.user(acme)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = await made(owner, KEYS, READ, expires_at=later)
    program = with_key(house, acme, key)
    assert (await program.get(ASSETS)).status == 200
    it = house.platform
    late = TenantKeys(it.key, clock=lambda: datetime.now(UTC) + timedelta(hours=2))
    session = it.open_session(acme.home, acme.id)
    with pytest.raises(Exception, match="UNAUTHENTICATED"):
        await late.load(session, acme, key["key"])
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    refused = await owner.post(
        KEYS, {"name": "x", "scopes": [READ], "expires_at": past}
    )
    assert (refused.status, refused.body["error"]["details"][0]["code"]) == (
        422,
        "past",
    )


async def test_the_last_use_is_noted_at_most_once_a_minute(
    house: House, acme: Tenant
) -> None:
    """S4-49: not with each request."""
    owner = await house.user(acme)
    key = await made(owner, KEYS, READ)
    it = house.platform
    session = it.open_session(acme.home, acme.id)
    start, seen = datetime.now(UTC), []
    for seconds in (0, 1, 30, 59, 61, 62):
        moment = start + timedelta(seconds=seconds)
        await TenantKeys(it.key, clock=partial(always, moment)).load(
            session, acme, key["key"]
        )
        shown = (await owner.get(f"{KEYS}/{key['id']}")).data
        seen.append((datetime.fromisoformat(shown["last_used_at"]), shown["version"]))
    assert timedelta(minutes=1) == NOTED
    assert seen == [(start, 1)] * 4 + [(start + timedelta(seconds=61), 1)] * 2


def always(moment: datetime) -> datetime:
    return moment


async def test_keys_of_others_are_as_unknown_as_any(house: House, acme: Tenant) -> None:
    """Promise 1: another user's token, another tenant's key, a made up one."""
    owner, other = await house.user(acme), await house.user(acme)
    mine = await made(owner, OWN, READ)
    theirs = await other.post(f"{OWN}/{mine['id']}/revoke")
    nobodys = await other.post(f"{OWN}/{UUID(int=7)}/revoke")
    assert (theirs.status, nobodys.status) == (404, 404)
    assert [it["id"] for it in (await owner.get(OWN)).data] == [mine["id"]]
    assert (await other.get(OWN)).data == []
    globex = await house.tenant()
    elsewhere = house.caller(globex.domain, mine["key"])
    assert (await elsewhere.get(ASSETS)).code == "TENANT_MISMATCH"
    near = mine["key"][:-4] + mine["key"][-4:].swapcase()
    for text in (near, "insp_" + "A" * 86, "insk_x", "insp_"):
        assert (await house.caller(acme.domain, text).get(ASSETS)).status == 401


async def test_an_administrator_sees_and_ends_the_tokens_of_all(
    house: House, acme: Tenant
) -> None:
    admin, user = await house.user(acme, "admin"), await house.user(acme, "member")
    token = await made(user, OWN, READ)
    found = await admin.get(f"{KEYS}?owner_id={user.actor_id}")
    assert [it["id"] for it in found.data] == [token["id"]]
    await admin.post(f"{KEYS}/{token['id']}/revoke")
    assert (await with_key(house, acme, token).get(ASSETS)).status == 401
    assert (await user.get(KEYS)).code == "FORBIDDEN"


async def test_no_key_makes_keys(house: House, acme: Tenant) -> None:
    """ASVS 6: a stolen key must not leave another one behind."""
    owner = await house.user(acme)
    personal = with_key(house, acme, await made(owner, OWN, "*"))
    key = with_key(house, acme, await made(owner, KEYS, "*"))
    answers: list[Answer] = [
        await caller.post(path, {"name": "x", "scopes": [READ]})
        for caller, path in ((personal, KEYS), (personal, OWN), (key, KEYS))
    ]
    assert {it.code for it in answers} == {"STEP_UP_REQUIRED"}


@pytest.mark.parametrize(
    "scope", ["", "CRM.deals.read", "crm", "crm..read", "a.b.c.d.e", "own:a.b", "a b.c"]
)
async def test_a_scope_reads_as_a_permission_does(
    house: House, acme: Tenant, scope: str
) -> None:
    owner = await house.user(acme)
    refused = await owner.post(KEYS, {"name": "x", "scopes": [scope]})
    assert refused.status == 422
