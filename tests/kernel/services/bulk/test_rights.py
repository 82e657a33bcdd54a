"""Rights: a run does nothing that its asker could not do row by row."""

from typing import Any

import pytest

from tests.house import Caller
from tests.kernel.services.bulk.conftest import ASSETS, Desk, fresh

pytestmark = pytest.mark.anyio
ORDERS = "maintenance/work-orders"


async def somebody(desk: Desk, name: str, *grants: str, **more: Any) -> Caller:
    """A user with these grants and no others."""
    role = {"name": name, "title": name, "grants": [*grants], **more}
    assert (await desk.caller.post("roles", role)).status == 201
    return await desk.house.user(desk.tenant, name)


async def test_each_deed_asks_for_its_own_permission(desk: Desk) -> None:
    """Promise 3."""
    (row,) = await desk.assets(1)
    reader = await somebody(desk, "reader", "maintenance.*.read", "maintenance.*.bulk")
    asked: list[Any] = [
        {"create": [{"name": "A", "tag": fresh()}]},
        {"update": [{"id": row["id"], "name": "X"}]},
        {"delete": [row["id"]]},
        {"restore": [row["id"]]},
        {"action": "retire", "ids": [row["id"]]},
        {"update_where": {"filter": "state==down", "set": {"name": "X"}}},
    ]
    for body in asked:
        for wait in ("true", "false"):
            path = f"{ASSETS}/bulk?wait={wait}"
            answer = await reader.post(path, body)
            if wait == "true" and "update_where" in body:
                assert answer.status in (400, 403)
                continue
            assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert await desk.asset(row) == row


async def test_many_rows_at_once_are_a_power_of_their_own(desk: Desk) -> None:
    """R21: whoever only reads is let through to no write at all."""
    (row,) = await desk.assets(1)
    grants = "maintenance.*.read", "maintenance.assets.delete"
    member = await somebody(desk, "one_by_one", *grants)
    answer = await member.post(f"{ASSETS}/bulk", {"delete": [row["id"]]})
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert await desk.asset(row) == row


async def test_who_loses_a_right_while_the_run_waits_has_lost_it(desk: Desk) -> None:
    (row,) = await desk.assets(1)
    name = "passing"
    grants = (
        "maintenance.*.read",
        "maintenance.*.bulk",
        "maintenance.assets.delete",
        "own:bulk_runs.manage",
    )
    passing = await somebody(desk, name, *grants)
    asked = (await passing.post(f"{ASSETS}/bulk", {"delete": [row["id"]]})).data
    (role,) = [it for it in (await desk.caller.get("roles")).data if it["name"] == name]
    less = {
        "grants": ["maintenance.*.read", "maintenance.*.bulk"],
        "version": role["version"],
    }
    assert (await desk.caller.patch(f"roles/{role['id']}", less)).status == 200
    await desk.house.work(desk.tenant)
    run = await desk.look(asked)
    assert (run["state"], run["done"]) == ("failed", 0)
    assert "maintenance.assets.delete" in run["problem"]
    assert await desk.asset(row) == row


async def test_masks_hold_for_every_row(desk: Desk) -> None:
    (row,) = await desk.assets(1)
    masks = {"maintenance.assets": {"hide": ["serial"]}}
    grants = "maintenance.*.read", "maintenance.*.bulk", "maintenance.assets.update"
    masked = await somebody(desk, "masked", *grants, masks=masks)
    body = {"update": [{"id": row["id"], "serial": "S"}]}
    run = (await masked.post(f"{ASSETS}/bulk?wait=true", body)).data
    assert (run["done"], run["failed"]) == (0, 1)
    (failed,) = await desk.rows(run)
    assert (failed["errors"][0]["field"], failed["errors"][0]["code"]) == (
        "serial",
        "unknown",
    )


async def test_a_run_is_its_askers_alone(desk: Desk) -> None:
    """Who may not see all runs sees their own; a stranger's is not found."""
    mine, theirs = [await desk.house.user(desk.tenant, "member") for _ in range(2)]
    body = {"create": [{"name": "A", "tag": fresh()}]}
    run = (await mine.post(f"{ASSETS}/bulk?wait=true", body)).data
    assert run["done"] == 1
    for path in ("", "/rows"):
        assert (await mine.get(f"bulk-runs/{run['id']}{path}")).status == 200
        assert (await theirs.get(f"bulk-runs/{run['id']}{path}")).status == 404
    assert (await theirs.post(f"bulk-runs/{run['id']}/undo")).status == 404
    assert not (await theirs.get("bulk-runs")).data


async def test_rows_of_the_next_tenant_are_as_unknown_as_any(desk: Desk) -> None:
    """Promise 1, pitfall 23: not only the first id is looked at."""
    (own,) = await desk.assets(1)
    tenant = await desk.house.tenant()
    other = Desk(desk.house, tenant, await desk.house.user(tenant))
    (foreign,) = await other.assets(1)
    ids, run = [own["id"], foreign["id"]], {"id": ""}
    for body in (
        {"update": [{"id": it, "name": "X"} for it in ids]},
        {"action": "retire", "ids": ids},
        {"delete": ids},
    ):
        run = (await desk.ask(body, params={"wait": "true"})).data
        assert (run["done"], run["failed"]) == (1, 1)
        (failed,) = await desk.rows(run, "?failed=true")
        assert failed["errors"][0]["code"] == "NOT_FOUND"
    assert await other.asset(foreign) == foreign
    path = f"bulk-runs/{run['id']}"
    assert (await other.caller.get(path)).status == 404
    assert (await other.caller.get(f"{path}/rows")).status == 404
