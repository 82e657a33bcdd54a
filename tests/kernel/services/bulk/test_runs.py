"""Bulk runs: many rows by one request, each as if it were written alone (S3-57, S3-58)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.kernel.resource.conftest import Journal
from tests.kernel.services.bulk.conftest import Desk, fresh

pytestmark = pytest.mark.anyio


def journal_of(desk: Desk) -> Journal:
    """What the tenant's journal says."""
    open_session = desk.house.platform.open_session
    return Journal(open_session(desk.tenant.home, desk.tenant.id))


async def test_each_row_of_a_run_has_its_audit_and_its_event(desk: Desk) -> None:
    """S3-58: as after single writes, under the id of the request."""
    first, second = await desk.assets(2)
    changes = [{"id": it["id"], "version": 1, "name": "New"} for it in (first, second)]
    run = await desk.run({"update": changes})
    told = {name: run[name] for name in ("state", "total", "done", "failed")}
    assert told == {"state": "done", "total": 2, "done": 2, "failed": 0}
    for row in (first, second):
        now = await desk.asset(row)
        assert (now["name"], now["version"]) == ("New", 2)
        audit = (await journal_of(desk).audit(row["id"]))[-1]
        event = (await journal_of(desk).outbox(row["id"]))[-1]
        assert audit["action"] == "maintenance.assets.update"
        assert audit["changes"] == {"name": [row["name"], "New"]}
        assert audit["actor_id"] == desk.caller.actor_id
        assert (event["name"], event["id"]) == (
            "maintenance.asset.updated",
            audit["id"],
        )


async def test_one_row_that_fails_keeps_none_of_the_others_back(desk: Desk) -> None:
    rows = await desk.assets(3)
    wrong: list[dict[str, Any]] = [
        {"id": rows[0]["id"], "name": "A"},
        {"id": rows[1]["id"], "version": 7, "name": "B"},
        {"id": rows[2]["id"], "tag": rows[0]["tag"]},
        {"id": str(uuid4()), "name": "C"},
        {"id": (await desk.assets(1))[0]["id"], "nonsense": 1},
    ]
    run = await desk.run({"update": wrong})
    assert (run["done"], run["failed"]) == (1, 4)
    failed = await desk.rows(run, "?failed=true")
    assert [(it["row"], it["errors"][0]["code"]) for it in failed] == [
        (1, "VERSION_MISMATCH"),
        (2, "taken"),
        (3, "NOT_FOUND"),
        (4, "unknown"),
    ]
    assert (await desk.asset(rows[0]))["name"] == "A"
    assert (await desk.asset(rows[2])) == rows[2]


async def test_rows_are_made_and_each_says_its_id(desk: Desk) -> None:
    tag = fresh()
    new = [{"name": "A", "tag": tag}, {"name": "B", "tag": tag}, {"tag": fresh()}]
    run = await desk.run({"create": new})
    made, taken, lacking = await desk.rows(run)
    assert (await desk.asset(made))["tag"] == tag
    assert [made["version"], made["errors"], taken["id"]] == [1, [], None]
    assert taken["errors"][0]["message"] == "The tag field has already been taken."
    fault = {"field": "name", "code": "required"}
    assert fault.items() <= lacking["errors"][0].items()


async def test_an_action_is_done_to_many(desk: Desk) -> None:
    up, down = await desk.assets(2)
    await desk.caller.post(
        f"maintenance/assets/{down['id']}/take-down", {"reason": "x"}
    )
    ids, command = [up["id"], down["id"]], {"reason": "leak"}
    run = await desk.run({"action": "take-down", "ids": ids, "command": command})
    assert (run["done"], run["failed"], run["undo_until"]) == (1, 1, None)
    assert (await desk.asset(up))["state"] == "down"
    (failed,) = await desk.rows(run, "?failed=true")
    assert (failed["id"], failed["errors"][0]["code"]) == (down["id"], "WRONG_STATE")


async def test_all_or_nothing_leaves_nothing(desk: Desk) -> None:
    rows, whole = await desk.assets(3), {"all_or_nothing": True}
    changes = [{"id": it["id"], "name": "Z"} for it in rows]
    changes[1]["version"] = "9"
    refused = await desk.ask({"update": changes, **whole})
    assert refused.status == 422
    changes[1]["version"] = 9
    run = await desk.run({"update": changes, **whole})
    assert (run["state"], run["done"], run["failed"]) == ("failed", 0, 1)
    states = [it["state"] for it in await desk.rows(run)]
    assert states == ["untouched", "failed", "untouched"]
    assert [await desk.asset(it) for it in rows] == rows
    del changes[1]["version"]
    run = await desk.run({"update": changes, **whole})
    assert (run["state"], run["done"]) == ("done", 3)


async def test_what_a_filter_selects_is_written(desk: Desk) -> None:
    """S4-33: any number of rows, and those alone that the list would show."""
    rows = await desk.assets(4, category="spare")
    await desk.assets(1, category="other")
    where = {"filter": "category==spare", "set": {"category": "used"}}
    run = await desk.run({"update_where": where})
    assert (run["state"], run["done"], run["failed"]) == ("done", 4, 0)
    assert {(await desk.asset(it))["category"] for it in rows} == {"used"}
    gone = await desk.run({"delete_where": {"filter": "category==used"}})
    assert gone["done"] == 4
    assert not (await desk.caller.get("maintenance/assets?category=used")).data


async def test_a_few_rows_can_be_waited_for(desk: Desk) -> None:
    rows, waits = await desk.assets(2), {"params": {"wait": "true"}}
    ids = [it["id"] for it in rows]
    done = await desk.ask({"delete": ids}, **waits)
    assert (done.status, done.data["state"], done.data["done"]) == (200, "done", 2)
    back = await desk.ask({"restore": ids}, **waits)
    assert (back.data["verb"], back.data["done"]) == ("restore", 2)
    assert (await desk.asset(rows[0]))["version"] == 3
    many = {"restore": [str(uuid4()) for _ in range(101)]}
    assert (await desk.ask(many, **waits)).code == "INVALID_QUERY"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"delete": [str(uuid4())], "create": [{}]}, "body"),
        ({"delete": []}, "delete"),
        ({"delete": ["nonsense"]}, "delete.0"),
        ({"delete": [str(uuid4())] * 10_001}, "delete"),
        ({"delete": ["01920000-0000-7000-8000-000000000001"] * 2}, "delete"),
        ({"update": [{"name": "X"}]}, "update.0.id"),
        ({"update": [{"id": str(uuid4()), "version": 0}]}, "update.0.version"),
        ({"update_where": {"filter": "state==down", "set": {"id": "1"}}}, "id"),
        ({"update_where": {"filter": "", "set": {}}}, "update_where.filter"),
        ({"action": "retire"}, "ids"),
        ({"action": "take-down", "ids": [str(uuid4())]}, "reason"),
        ({"delete": [str(uuid4())], "command": {}}, "command"),
        (
            {"delete": [str(uuid4()) for _ in range(1001)], "all_or_nothing": True},
            "all_or_nothing",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_at_once(
    desk: Desk, body: Any, field: str
) -> None:
    refused = await desk.ask(body)
    assert (refused.status, list(refused.body["error"]["fields"])) == (422, [field])


async def test_what_is_not_offered_is_not_done(desk: Desk) -> None:
    ids = [str(uuid4())]
    odd = await desk.ask({"action": "nonsense", "ids": ids})
    assert (odd.status, odd.code) == (403, "BULK_NOT_OFFERED")
    wrong = await desk.ask({"delete_where": {"filter": "nonsense==1"}})
    assert (wrong.status, wrong.code) == (400, "INVALID_QUERY")
    assert (await desk.caller.post("teams/bulk", {"delete": ids})).status in (404, 405)


async def test_a_run_that_is_cancelled_writes_no_further(desk: Desk) -> None:
    rows = await desk.assets(2)
    asked = (await desk.ask({"delete": [it["id"] for it in rows]})).data
    stopped = await desk.caller.post(f"bulk-runs/{asked['id']}/cancel")
    assert stopped.data["state"] == "cancelled"
    await desk.house.work(desk.tenant)
    assert [await desk.asset(it) for it in rows] == rows
    again = await desk.caller.post(f"bulk-runs/{asked['id']}/cancel")
    assert again.code == "BULK_ENDED"
