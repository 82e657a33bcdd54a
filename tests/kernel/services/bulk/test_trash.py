"""The trash: what may come back, and what leaves for good (S3-57)."""

from typing import Any
from uuid import uuid4

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Statement
from insula.kernel.services.jobs.manifest import schedules_of
from tests.kernel.services.bulk.conftest import ASSETS, Desk
from tests.kernel.services.bulk.test_rights import somebody
from tests.kernel.services.bulk.test_runs import journal_of

pytestmark = pytest.mark.anyio
METERS = "maintenance/meters"
WAITS = {"params": {"wait": "true"}}


async def thrown_away(desk: Desk, count: int = 1) -> list[dict[str, Any]]:
    """Assets that are in the trash."""
    rows = await desk.assets(count)
    await desk.ask({"delete": [it["id"] for it in rows]}, **WAITS)
    return rows


async def test_a_part_does_not_come_back_without_its_whole(desk: Desk) -> None:
    (asset,) = await desk.assets(1)
    new = {"asset_id": asset["id"], "name": "Hours", "unit": "h"}
    meter = await desk.caller.create(METERS, **new)
    whole, part = f"{ASSETS}/{asset['id']}", f"{METERS}/{meter['id']}"
    for path in (part, whole):
        assert (await desk.caller.send("DELETE", path)).status == 200
    refused = await desk.caller.post(f"{part}/restore")
    details = refused.body["error"]["details"]
    told = [(it["field"], it["code"]) for it in details]
    assert (refused.status, told) == (422, [("asset_id", "in_trash")])
    many = (
        await desk.caller.post(f"{METERS}/bulk", {"restore": [meter["id"]]}, **WAITS)
    ).data
    assert (many["done"], many["failed"]) == (0, 1)
    await desk.caller.post(f"{whole}/restore")
    assert (await desk.caller.post(f"{part}/restore")).data["version"] == 3


async def test_a_row_whose_place_is_taken_stays_in_the_trash(desk: Desk) -> None:
    (row,) = await thrown_away(desk)
    await desk.caller.create(ASSETS, name="Next", tag=row["tag"])
    refused = await desk.caller.post(f"{ASSETS}/{row['id']}/restore")
    assert (refused.status, list(refused.body["error"]["fields"])) == (422, ["tag"])


async def test_what_is_purged_is_gone_and_only_that_it_was(desk: Desk) -> None:
    """The journal keeps that it went, who did it, and nothing of what it said."""
    rows, (alive,) = await thrown_away(desk, 2), await desk.assets(1)
    ids = [it["id"] for it in rows] + [alive["id"], str(uuid4())]
    run = (await desk.ask({"purge": ids}, **WAITS)).data
    assert (run["done"], run["failed"], run["undo_until"]) == (2, 2, None)
    assert await desk.asset(alive) == alive
    back = await desk.caller.post(f"{ASSETS}/{rows[0]['id']}/restore")
    assert back.status == 404
    audit = (await journal_of(desk).audit(rows[0]["id"]))[-1]
    assert audit["action"] == "maintenance.assets.purge"
    assert (audit["changes"], audit["actor_id"]) == ({}, desk.caller.actor_id)
    event = (await journal_of(desk).outbox(rows[0]["id"]))[-1]
    assert event["name"] == "maintenance.asset.purged"


async def test_the_trash_is_emptied_but_for_what_is_referred_to(desk: Desk) -> None:
    _, used = await thrown_away(desk, 2)
    order = await desk.caller.create("maintenance/work-orders", title="Fix")
    path = f"{ASSETS}/{used['id']}"
    await desk.caller.post(f"{path}/restore")
    fields = {"asset_id": used["id"], "version": order["version"]}
    await desk.caller.patch(f"maintenance/work-orders/{order['id']}", fields)
    await desk.caller.send("DELETE", path)
    asked = await desk.caller.post(f"{ASSETS}/trash/empty")
    assert (asked.status, asked.data["verb"]) == (202, "purge")
    await desk.house.work(desk.tenant)
    run = await desk.look(asked.data)
    assert run["state"] == "done"
    failed = await desk.rows(run, "?failed=true")
    assert [(it["id"], it["errors"][0]["code"]) for it in failed] == [
        (used["id"], "IN_USE")
    ]
    left = (await desk.caller.get(f"{ASSETS}?deleted=only&per_page=100")).data
    assert [it["id"] for it in left] == [used["id"]]


async def test_who_throws_away_may_not_purge_by_that(desk: Desk) -> None:
    (row,) = await thrown_away(desk)
    grants = "maintenance.*.read", "maintenance.*.bulk", "maintenance.assets.delete"
    thrower = await somebody(desk, "thrower", *grants)
    tried = [
        await thrower.post(f"{ASSETS}/bulk", {"purge": [row["id"]]}),
        await thrower.post(f"{ASSETS}/trash/empty"),
    ]
    assert [it.code for it in tried] == ["FORBIDDEN"] * 2
    assert (await desk.caller.post(f"{ASSETS}/{row['id']}/restore")).status == 200


AGE = Statement(
    "UPDATE home__.maintenance_assets SET deleted_at = deleted_at - interval '91 days'"
    " WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid"
)


async def swept(desk: Desk) -> None:
    """The night is over."""
    platform, tenant = desk.house.platform, desk.tenant
    session = platform.open_session(tenant.home, tenant.id)
    system = Actor(ActorKind.system, None, tenant=tenant.id, grants=("*",))
    ctx = Context(system, tenant=tenant, session=session)
    schedules = schedules_of(platform.engine.apps.values())
    async with platform.engine.work(ctx) as work:
        await schedules["bulk.sweep"][1].run(work)
    await desk.house.work(tenant)


async def test_what_has_lain_in_the_trash_for_long_goes_unless_it_is_held(
    desk: Desk,
) -> None:
    old, new = await thrown_away(desk, 2)
    tenant = desk.tenant
    session = desk.house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(AGE, old["id"])
    hold = await desk.caller.create("legal-holds", reason="A lawsuit")
    run = (await desk.ask({"purge": [old["id"]]}, **WAITS)).data
    assert (run["state"], run["done"]) == ("failed", 0)
    assert "legal hold" in run["problem"]
    await swept(desk)
    trash = f"{ASSETS}?deleted=only&per_page=100"
    assert old["id"] in {it["id"] for it in (await desk.caller.get(trash)).data}
    await desk.caller.send("DELETE", f"legal-holds/{hold['id']}")
    await swept(desk)
    left = {it["id"] for it in (await desk.caller.get(trash)).data}
    assert (old["id"] in left, new["id"] in left) == (False, True)
