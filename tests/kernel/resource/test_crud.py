"""Rows: made, read, changed, replaced, thrown away and brought back."""

from typing import Any
from uuid import uuid4

import pytest

from tests.house import Answer, Caller
from tests.kernel.resource.conftest import ASSETS, asset, fresh_tag

pytestmark = pytest.mark.anyio

WRITABLE = {
    "name": "Pump",
    "category": None,
    "serial": None,
    "location_id": None,
    "warranty_until": "2030-01-31",
    "custom": {"color": "red"},
}


def codes(answer: Answer) -> dict[str, str]:
    """The refused fields with their codes."""
    assert answer.status == 422, answer.body
    return {it["field"]: it["code"] for it in answer.body["error"]["details"]}


async def change(owner: Caller, row: Any, **fields: Any) -> Answer:
    """Change a row as it was read."""
    path = f"{ASSETS}/{row['id']}"
    return await owner.patch(path, {**fields, "version": row["version"]})


async def test_what_was_made_is_read_as_it_was_answered(owner: Caller) -> None:
    answer = await owner.post(ASSETS, {**WRITABLE, "tag": fresh_tag()})
    made = answer.data
    assert (answer.status, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"/api/v1/{ASSETS}/{made['id']}"
    read = await owner.get(answer.headers["location"])
    assert (read.data, read.headers["etag"]) == (made, '"1"')
    assert (made["type"], made["state"]) == ("maintenance.asset", "in_service")
    assert {name: made[name] for name in WRITABLE} == WRITABLE
    assert {"tenant_id", "deleted_at"}.isdisjoint(made)


async def test_a_patch_changes_what_it_names(owner: Caller) -> None:
    row = await asset(owner, **WRITABLE)
    answer = await change(owner, row, name="Valve", custom={})
    assert answer.headers["etag"] == '"2"'
    changed = {**row, "name": "Valve", "custom": {}, "version": 2}
    assert answer.data == changed | {"updated_at": answer.data["updated_at"]}
    assert answer.data["updated_at"] > row["updated_at"]
    assert (await owner.get(f"{ASSETS}/{row['id']}")).data == answer.data


async def test_a_put_needs_every_field_that_can_be_written(owner: Caller) -> None:
    """R38."""
    row = await asset(owner, **WRITABLE)
    path, match = f"{ASSETS}/{row['id']}", {"if-match": '"1"'}
    few = await owner.send("PUT", path, json_body={"name": "Valve"}, headers=match)
    missing = {*WRITABLE, "tag"} - {"name"}
    assert codes(few) == dict.fromkeys(missing, "required")
    whole = {**dict.fromkeys(WRITABLE), "name": "Valve", "tag": row["tag"]}
    whole["custom"] = {}
    done = await owner.send("PUT", path, json_body=whole, headers=match)
    assert {name: done.data[name] for name in whole} == whole
    assert done.data["version"] == 2


@pytest.mark.parametrize(
    "field", ["id", "tenant_id", "state", "created_at", "updated_at", "deleted_at"]
)
async def test_nobody_writes_what_is_the_kernels(owner: Caller, field: str) -> None:
    """Mass assignment finds nothing: neither when a row is made nor later."""
    made = await owner.post(
        ASSETS, {"name": "Pump", "tag": fresh_tag(), field: "retired"}
    )
    row = await asset(owner)
    changed = await change(owner, row, **{field: "retired"})
    assert codes(made) == codes(changed) == {field: "unknown"}


async def test_what_is_fixed_when_made_is_not_changed_later(owner: Caller) -> None:
    site = await owner.create("maintenance/locations", name="Site")
    hall = await owner.create("maintenance/locations", name="H", parent_id=site["id"])
    path = f"maintenance/locations/{hall['id']}"
    refused = await owner.patch(path, {"parent_id": None, "version": 1})
    assert codes(refused) == {"parent_id": "unknown"}


async def test_null_is_refused_where_there_is_none(owner: Caller) -> None:
    row = await asset(owner)
    made = await owner.post(ASSETS, {"name": None, "tag": None, "custom": None})
    assert set(codes(made)) == {"name", "tag", "custom"}
    assert set(codes(await change(owner, row, name=None, custom=None))) >= {"name"}
    assert (await change(owner, row, category=None)).status == 200


async def test_a_taken_value_is_told_and_nothing_of_who_has_it(owner: Caller) -> None:
    first, second = await asset(owner), await asset(owner)
    made = await owner.post(ASSETS, {"name": "Pump", "tag": first["tag"]})
    changed = await change(owner, second, tag=first["tag"])
    for refused in (made, changed):
        assert codes(refused) == {"tag": "taken"}
        assert first["id"] not in str(refused.body)
        assert first["tag"] not in str(refused.body)
    assert (await owner.get(f"{ASSETS}/{second['id']}")).data == second


@pytest.mark.parametrize("field", ["asset_id", "routine_id"])
async def test_a_reference_to_nothing_is_the_fields_fault(
    owner: Caller, field: str
) -> None:
    orders = "maintenance/work-orders"
    refused = await owner.post(orders, {"title": "Fix", field: str(uuid4())})
    assert codes(refused) == {field: "not_found"}
    order = await owner.create(orders, title="Fix")
    path = f"{orders}/{order['id']}"
    refused = await owner.patch(path, {field: str(uuid4()), "version": 1})
    assert codes(refused) == {field: "not_found"}


async def test_a_broken_rule_is_told_as_a_field_error(owner: Caller) -> None:
    """CHECK, bounds and uniqueness over several fields."""
    machine = await asset(owner)
    routine = {"title": "Oil", "rrule": "FREQ=MONTHLY", "starts_on": "2026-01-01"}
    routines = "maintenance/routines"
    neither = await owner.post(routines, routine)
    both = {**routine, "asset_id": machine["id"], "category": "pump"}
    assert codes(neither) == {"asset_id": "asset_or_category"}
    assert codes(await owner.post(routines, both)) == codes(neither)
    made = await owner.create(routines, **routine, category="pump")
    order = {"title": "Oil", "routine_id": made["id"], "occurrence_on": "2026-02-01"}
    await owner.create("maintenance/work-orders", **order)
    again = await owner.post("maintenance/work-orders", order)
    assert set(codes(again).values()) == {"occurrence_exists"}
    steep = await owner.post("maintenance/work-orders", {"title": "X", "priority": 6})
    assert set(codes(steep)) == {"priority"}


async def test_the_trash_hides_a_row_and_gives_it_back(owner: Caller) -> None:
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    assert (await owner.send("DELETE", path)).body["data"] is None
    gone = [await owner.get(path), await change(owner, row, name="X")]
    gone += [await owner.send("DELETE", path), await owner.post(f"{path}/retire")]
    assert [it.status for it in gone] == [404] * 4
    assert row["id"] not in str((await owner.get(f"{ASSETS}?per_page=100")).data)
    trash = (await owner.get(f"{ASSETS}?deleted=only&per_page=100")).data
    assert row["id"] in {it["id"] for it in trash}
    back = (await owner.post(f"{path}/restore")).data
    assert (back["version"], back["name"]) == (3, row["name"])
    assert (await owner.post(f"{path}/restore")).status == 404


async def test_a_row_cannot_come_back_when_its_place_is_taken(owner: Caller) -> None:
    row = await asset(owner)
    path = f"{ASSETS}/{row['id']}"
    await owner.send("DELETE", path)
    successor = await asset(owner, tag=row["tag"])
    assert codes(await owner.post(f"{path}/restore")) == {"tag": "taken"}
    await owner.send("DELETE", f"{ASSETS}/{successor['id']}")
    assert (await owner.post(f"{path}/restore")).data["tag"] == row["tag"]


@pytest.mark.parametrize(
    "key", ["x", "0", "1" * 36, "%20", "00000000-0000-7000-8000-00000000dead"]
)
async def test_an_id_of_nothing_is_not_found(owner: Caller, key: str) -> None:
    """Malformed and unknown ids answer alike."""
    answers = [
        await owner.get(f"{ASSETS}/{key}"),
        await owner.patch(f"{ASSETS}/{key}", {"name": "X", "version": 1}),
        await owner.send("DELETE", f"{ASSETS}/{key}"),
        await owner.post(f"{ASSETS}/{key}/restore"),
        await owner.post(f"{ASSETS}/{key}/retire"),
    ]
    assert {(it.status, it.code) for it in answers} == {(404, "NOT_FOUND")}
