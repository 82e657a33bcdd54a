"""A write with a key has its effects once (S4-15, R25, promise 9)."""

import asyncio
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.http.once import repeatable
from insula.server.build import operations
from tests.house import House

from .keys import ASSETS, counts, create, key, keys, spoil, tag

pytestmark = pytest.mark.anyio
MODES = [Isolation.shared, Isolation.schema, Isolation.database]


@pytest.mark.parametrize("mode", MODES)
async def test_sent_again_it_is_answered_again_and_done_once(
    house: House, mode: Isolation
) -> None:
    """S4-15: status, ETag, Location and every byte of the body are the first one's."""
    tenant = await house.tenant(mode)
    owner, name, using = await house.user(tenant), tag(), key()
    first = await create(owner, name, using)
    again = await create(owner, name, using)
    assert first.status == again.status == 201
    assert first.body == again.body
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    for header in ("etag", "location", "content-type", "cache-control"):
        assert first.headers[header] == again.headers[header]
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert await counts(house, tenant, name) == (1, 1, 1)


async def test_another_body_or_query_under_the_same_key_is_refused(
    house: House,
) -> None:
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    await create(owner, name, using)
    other = await create(owner, name, using, serial="S-1")
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    sent = {"json_body": {"name": "Pump", "tag": name}}
    headers = {"idempotency-key": using}
    queried = await owner.send("POST", f"{ASSETS}?a=b", **sent, headers=headers)
    assert (queried.status, queried.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await counts(house, tenant, name) == (1, 1, 1)


async def test_a_key_is_of_its_tenant_its_owner_its_method_and_its_path(
    house: House,
) -> None:
    """Pitfall 29: nobody else's key, and no other address, meets it."""
    here, there = await house.tenant(), await house.tenant()
    ada, bob, eve = [await house.user(it) for it in (here, here, there)]
    using = key()
    made = [await create(who, tag(), using) for who in (ada, bob, eve)]
    assert [it.status for it in made] == [201, 201, 201]
    assert len({it.data["id"] for it in made}) == 3
    asset = made[0].data
    headers = {"idempotency-key": using, "if-match": '"1"'}
    path = f"{ASSETS}/{asset['id']}"
    patched = await ada.patch(path, {"name": "Other"}, headers=headers)
    assert patched.status == 200
    deleted = await ada.send("DELETE", path, headers={**headers, "if-match": '"2"'})
    assert deleted.status == 200
    restored = await ada.post(f"{path}/restore", headers={"idempotency-key": using})
    assert restored.status == 200
    assert "idempotent-replayed" not in restored.headers


async def test_a_change_that_is_sent_again_is_not_stale(house: House) -> None:
    tenant = await house.tenant()
    owner, using = await house.user(tenant), key()
    asset = await owner.create(ASSETS, name="Pump", tag=tag())
    headers = {"idempotency-key": using, "if-match": '"1"'}
    path, change = f"{ASSETS}/{asset['id']}", {"name": "Fan"}
    first = await owner.patch(path, change, headers=headers)
    again = await owner.patch(path, change, headers=headers)
    assert first.body == again.body
    assert again.headers["etag"] == '"2"'
    assert (await owner.get(path)).data["version"] == 2


async def test_an_action_runs_once(house: House) -> None:
    tenant = await house.tenant()
    owner, using = await house.user(tenant), key()
    asset = await owner.create(ASSETS, name="Pump", tag=tag())
    path, headers = f"{ASSETS}/{asset['id']}/take-down", {"idempotency-key": using}
    first = await owner.post(path, {"reason": "leak"}, headers=headers)
    again = await owner.post(path, {"reason": "leak"}, headers=headers)
    assert first.status == 200, first.body
    assert first.body == again.body
    without = await owner.post(path, {"reason": "leak"})
    assert without.code == "WRONG_STATE"


async def test_a_refusal_does_not_use_up_the_key(house: House) -> None:
    """Neither one before the execution nor one that the execution raises."""
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    unread = await owner.post(ASSETS, {"name": 1}, headers={"idempotency-key": using})
    assert unread.code == "VALIDATION_ERROR"
    await owner.create(ASSETS, name="First", tag=name)
    taken = await create(owner, name, using)
    assert (taken.status, taken.code) == (422, "VALIDATION_ERROR")
    again = await create(owner, name, using)
    assert "idempotent-replayed" not in again.headers
    assert await keys(house, tenant) == []
    made = await create(owner, tag(), using)
    assert made.status == 201


async def test_what_a_refused_action_had_done_is_undone(house: House) -> None:
    tenant = await house.tenant()
    owner, using = await house.user(tenant), key()
    asset = await owner.create(ASSETS, name="Pump", tag=tag())
    path = f"{ASSETS}/{asset['id']}/take-down"
    await owner.post(path, {"reason": "leak"})
    refused = await owner.post(
        path, {"reason": "leak"}, headers={"idempotency-key": using}
    )
    assert refused.code == "WRONG_STATE"
    assert await keys(house, tenant) == []


async def test_many_at_once_are_one(house: House) -> None:
    """S4-15: 24 requests in parallel; each is the answer, its replay, or told to wait."""
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    found = await asyncio.gather(*(create(owner, name, using) for _ in range(24)))
    assert {it.status for it in found} <= {201, 409}
    made = [it for it in found if it.status == 201]
    assert len([it for it in made if "idempotent-replayed" not in it.headers]) == 1
    assert len({it.data["id"] for it in made}) == 1
    in_flight = {it.code for it in found if it.status == 409}
    assert in_flight <= {"IDEMPOTENCY_IN_FLIGHT"}
    assert await counts(house, tenant, name) == (1, 1, 1)


@pytest.mark.parametrize("bad", ["", " ", "a b", "x" * 256, "\x7f", "ü"])
async def test_a_key_is_1_to_255_visible_characters(house: House, bad: str) -> None:
    tenant = await house.tenant()
    owner, name = await house.user(tenant), tag()
    headers = {"idempotency-key": bad.encode("latin-1").decode("latin-1")}
    answer = await owner.http.post(
        f"/api/v1/{ASSETS}",
        json={"name": "Pump", "tag": name},
        headers=[
            (b"host", tenant.domain.encode()),
            (b"authorization", f"Bearer {owner.token}".encode()),
            (b"idempotency-key", headers["idempotency-key"].encode("latin-1")),
        ],
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "IDEMPOTENCY_KEY_INVALID"
    assert await counts(house, tenant, name) == (0, 0, 0)


async def test_the_longest_key_will_do(house: House) -> None:
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), "~" * 255
    assert (await create(owner, name, using)).status == 201
    assert "idempotent-replayed" in (await create(owner, name, using)).headers


async def test_what_is_kept_is_sealed(house: House) -> None:
    tenant = await house.tenant()
    owner, name = await house.user(tenant), tag()
    await create(owner, name, key())
    (row,) = await keys(house, tenant)
    assert name not in row["answer"]
    assert row["actor_id"] == owner.actor_id


async def test_an_answer_that_cannot_be_read_is_lost_and_nothing_is_done_twice(
    house: House,
) -> None:
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    await create(owner, name, using)
    await spoil(house, tenant)
    for _ in range(2):
        again = await create(owner, name, using)
        assert (again.status, again.code) == (409, "IDEMPOTENCY_ANSWER_LOST")
    assert await counts(house, tenant, name) == (1, 1, 1)


async def test_who_may_not_any_more_gets_no_replay(house: House) -> None:
    """The answer is behind the same admission as the operation."""
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    await create(owner, name, using)
    await house.platform.installations.uninstall(tenant.id, "maintenance")
    await house.fresh(tenant.id)
    assert (await create(owner, name, using)).status == 402


async def test_an_import_under_a_key_is_whole_or_not_at_all(house: House) -> None:
    tenant = await house.tenant()
    owner, name, using = await house.user(tenant), tag(), key()
    sent: dict[str, Any] = {
        "content": f"name,tag\nPump,{name}\nFan,{name}-2\n,{name}-3\n".encode(),
        "headers": {"content-type": "text/csv", "idempotency-key": using},
    }
    first = await owner.send("POST", f"{ASSETS}/import", **sent)
    again = await owner.send("POST", f"{ASSETS}/import", **sent)
    assert first.status == 200, first.body
    assert first.body == again.body
    assert first.data["created"] == 2
    assert await counts(house, tenant, name) == (1, 1, 1)


async def test_the_openapi_document_says_where_a_key_works(house: House) -> None:
    tenant = await house.tenant()
    document = (await house.caller(tenant.domain).get("/api/v1/openapi.json")).body
    asset = document["paths"]["/api/v1/maintenance/assets"]
    names = [it["name"] for it in asset["post"]["parameters"]]
    assert "Idempotency-Key" in names
    assert "IDEMPOTENCY_IN_FLIGHT" in asset["post"]["responses"]["409"]["description"]
    names = [it["name"] for it in asset["get"]["parameters"]]
    assert "Idempotency-Key" not in names


async def test_every_write_of_a_tenant_takes_a_key(house: House) -> None:
    """S4-15: but for streams, and for what tries credentials."""
    left_out = {
        it.name
        for it in operations(house.platform)
        if it.writes and it.audience in ("tenant", "portal") and not repeatable(it)
    }
    assert all(
        it.upload or it.live or it.socket or it.limit in ("login", "auth")
        for it in operations(house.platform)
        if it.name in left_out
    )
    assert len(left_out) < 20, left_out
