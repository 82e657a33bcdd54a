"""The journal: every write with its audit and its event, or none of the three."""

from itertools import pairwise

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import ASSETS, Journal, asset, fresh_tag

pytestmark = pytest.mark.anyio


async def test_every_write_has_one_audit_row_and_one_event(
    owner: Caller, journal: Journal
) -> None:
    """Promises 4 and 13."""
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    await owner.patch(path, {"name": "Valve", "version": 1})
    await owner.send("DELETE", path)
    await owner.post(f"{path}/restore")
    audit, outbox = await journal.audit(row["id"]), await journal.outbox(row["id"])
    verbs = ("create", "update", "delete", "restore")
    assert [it["action"] for it in audit] == [f"maintenance.assets.{v}" for v in verbs]
    happened = ("created", "updated", "deleted", "restored")
    assert [it["name"] for it in outbox] == [f"maintenance.asset.{h}" for h in happened]
    assert {it["actor_id"] for it in (*audit, *outbox)} == {owner.actor_id}
    assert {it["actor_kind"] for it in audit} == {"user"}
    assert {it["resource"] for it in audit} == {"maintenance.asset"}
    assert all(first["id"] < second["id"] for first, second in pairwise(audit))


async def test_the_audit_names_the_request(owner: Caller, journal: Journal) -> None:
    fields = {"name": "Pump", "tag": fresh_tag()}
    answer = await owner.post(ASSETS, fields)
    (entry,) = await journal.audit(answer.data["id"])
    (event,) = await journal.outbox(answer.data["id"])
    assert entry["request_id"] == event["request_id"] == answer.headers["x-request-id"]
    assert entry["client"]


async def test_a_change_is_told_as_what_differs(
    owner: Caller, journal: Journal
) -> None:
    row = await asset(owner, category="pump", custom={"a": 1})
    body = {"name": "Valve", "category": "pump", "custom": {"a": 2}, "serial": None}
    await owner.patch(f"{ASSETS}/{row['id']}", {**body, "version": 1})
    *_, entry = await journal.audit(row["id"])
    *_, event = await journal.outbox(row["id"])
    differs = {"name": ["Pump", "Valve"], "custom": [{"a": 1}, {"a": 2}]}
    assert entry["changes"] == event["payload"] == differs


async def test_a_new_row_is_told_as_a_whole(owner: Caller, journal: Journal) -> None:
    row = await asset(owner, custom={"a": [1, None]})
    (entry,) = await journal.audit(row["id"])
    (event,) = await journal.outbox(row["id"])
    assert entry["changes"] == event["payload"] == row


async def test_what_is_refused_leaves_no_trace(owner: Caller, journal: Journal) -> None:
    row = await asset(owner)
    path, before = f"{ASSETS}/{row['id']}", await journal.length()
    refused = [
        await owner.post(ASSETS, {"name": "Pump", "tag": row["tag"]}),
        await owner.patch(path, {"name": "X", "version": 7}),
        await owner.patch(path, {"nme": "X", "version": 1}),
        await owner.post(f"{path}/bring-up"),
        await owner.post(f"{path}/take-down", {}),
        await owner.post("maintenance/routines", {"title": "x"}),
    ]
    assert all(400 <= it.status < 500 for it in refused)
    assert await journal.length() == before


async def test_a_connection_that_dies_leaves_none_of_the_three(
    house: House, tenant: Tenant, owner: Caller, journal: Journal
) -> None:
    """Promise 4: the journal fails, so the row fails with it."""
    writer = house.platform.engine.api("maintenance.assets").writer
    await asset(owner)
    known = dict(writer._creates)
    for given, statement in known.items():
        broken = statement.text.replace("SELECT 1 FROM ctx", "SELECT 1 / 0 FROM ctx")
        writer._creates[given] = Statement(broken)
    before, tag = await journal.length(), fresh_tag()
    try:
        answer = await owner.post(ASSETS, {"name": "Pump", "tag": tag})
    finally:
        writer._creates.update(known)
    assert answer.status == 500
    assert "division" not in str(answer.body)
    assert house.witness.faults.pop().args
    assert await journal.length() == before
    assert (await asset(owner, tag=tag))["tag"] == tag


async def test_nobody_edits_the_journal(house: House, tenant: Tenant) -> None:
    """Promise 13: the application's role has no right to it."""
    async with house.platform.pools.borrow(tenant.home.login) as connection:
        for verb in ("UPDATE", "DELETE"):
            rows = await connection.fetch(
                "SELECT has_table_privilege(current_user, $1, $2)",
                f"{tenant.home.schema}.audit_log",
                verb,
            )
            assert rows[0][0] is False
