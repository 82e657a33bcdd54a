"""Includes: related rows inside a row, as far as the caller may read them."""

from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import ASSETS, asset
from tests.kernel.resource.querying.conftest import ORDERS, Plant, checked_order

pytestmark = pytest.mark.anyio


async def included(caller: Caller, row: Any, include: str) -> Any:
    """An order with what is included in it, from the list and by itself alike."""
    query = f"include={include}"
    alone = (await caller.get(f"{ORDERS}/{row['id']}?{query}")).data
    rows = (await caller.get(f"{ORDERS}?{query}&per_page=100")).data
    assert alone in rows
    return alone


async def test_a_reference_brings_its_row(owner: Caller, plant: Plant) -> None:
    """S4-32: as the very same JSON that the row has by itself."""
    found = await included(owner, plant.order, "asset,routine")
    pump = (await owner.get(f"{ASSETS}/{plant.pump['id']}")).data
    assert found == plant.order | {"asset": pump, "routine": None, "tags": []}
    assert (await included(owner, plant.bare, "asset"))["asset"] is None


async def test_two_steps_are_one_inside_the_other(owner: Caller, plant: Plant) -> None:
    found = await included(owner, plant.order, "asset.location,asset.meters")
    pump, location = plant.pump, plant.location
    inside = {"location": location, "meters": [], "truncated": []}
    assert found["asset"] == pump | inside


async def test_children_come_in_their_own_order(owner: Caller, plant: Plant) -> None:
    found = await included(owner, plant.order, "work_items,work_items.corrective")
    items = [item | {"corrective": None} for item in plant.items]
    assert found == plant.order | {
        "work_items": items,
        "truncated": [],
        "tags": [],
    }
    bare = await included(owner, plant.bare, "work_items")
    assert (bare["work_items"], bare["truncated"]) == ([], [])


async def test_children_are_bounded_and_say_so(owner: Caller) -> None:
    labels = [f"L{number}" for number in range(101)]
    order, items = await checked_order(owner, labels)
    assert len(items) == 15  # as many as a page has
    found = (await owner.get(f"{ORDERS}/{order['id']}?include=work_items")).data
    assert found["truncated"] == ["work_items"]
    places = [item["position"] for item in found["work_items"]]
    assert len(places) == 100
    assert places == sorted(places)


async def test_only_the_wanted_fields_of_a_related_row_come(
    owner: Caller, plant: Plant
) -> None:
    """S4-31: of the row and of what is in it, each by itself."""
    query = "fields=title&include=asset.location&fields[asset]=name"
    query += "&fields[asset.location]=id"
    found = (await owner.get(f"{ORDERS}/{plant.order['id']}?{query}")).data
    location = {"type": "maintenance.location", "id": plant.location["id"]}
    pump = {name: plant.pump[name] for name in ("type", "id", "name")}
    mine = {name: plant.order[name] for name in ("type", "id", "title")}
    assert found == mine | {"asset": pump | {"location": location}}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("include=nothing", "includes: asset, routine, work_items"),
        ("include=", "cannot include ''"),
        ("include=asset_id", "cannot include"),
        ("include=assignee", "cannot include"),
        ("include=asset.nothing", "cannot include 'asset.nothing'"),
        ("include=asset.location.parent", "2 steps"),
        ("include=a,b,c,d,e,f,g,h,i", "at most 8"),
        ("include=work_items.work_items", "includes: corrective, work_order"),
        ("include=asset&fields[asset]=nme", "'nme'"),
        ("include=asset&fields[asset]=tenant_id", "'tenant_id'"),
        ("include=asset&fields[routine]=title", "'fields[routine]'"),
        ("fields[asset]=name", "'fields[asset]'"),
        ("include=asset&fields[=name", "'fields["),
    ],
)
async def test_what_cannot_be_included_is_refused_with_what_can(
    owner: Caller, plant: Plant, query: str, told: str
) -> None:
    for path in (ORDERS, f"{ORDERS}/{plant.order['id']}"):
        answer = await owner.get(f"{path}?{query}")
        assert (answer.status, answer.code) == (400, "INVALID_QUERY")
        assert told in answer.body["error"]["message"]


async def test_what_may_not_be_read_cannot_be_included(
    house: House, tenant: Tenant, owner: Caller, plant: Plant
) -> None:
    """PITFALLS 24: it is told apart from what is not there by nothing."""
    grants = ["maintenance.work_orders.read"]
    await owner.create("roles", name="clerk", title="Clerk", grants=grants)
    clerk = await house.user(tenant, "clerk")
    refused = await clerk.get(f"{ORDERS}?include=asset")
    unknown = await clerk.get(f"{ORDERS}?include=nosuch")
    assert (refused.status, unknown.status) == (400, 400)
    told = [it.body["error"]["message"] for it in (refused, unknown)]
    assert told[0].replace("asset", "nosuch") == told[1]
    assert told[1].endswith("includes: none.")


async def test_a_mask_holds_inside_of_other_rows(
    house: House, tenant: Tenant, owner: Caller, plant: Plant
) -> None:
    """PITFALLS 24: fields, references and what they lead to."""
    masks = {
        "maintenance.assets": {"hide": ["name", "location_id"]},
        "maintenance.work_orders": {"hide": ["routine_id"]},
        "maintenance.work_items": {"hide": ["work_order_id"]},
    }
    given = {"name": "masked", "title": "M", "grants": ["maintenance.*.read"]}
    await owner.create("roles", **given, masks=masks)
    masked = await house.user(tenant, "masked")
    row = (await masked.get(f"{ORDERS}/{plant.order['id']}?include=asset")).data
    assert row["asset"]["tag"] == plant.pump["tag"]
    assert not {"name", "location_id"} & row["asset"].keys()
    for path in ("asset.location", "routine", "work_items"):
        answer = await masked.get(f"{ORDERS}?include={path}")
        assert (answer.status, answer.code) == (400, "INVALID_QUERY"), path
    sparse = await masked.get(f"{ORDERS}?include=asset&fields[asset]=name")
    assert sparse.status == 400


async def test_what_is_out_of_reach_or_in_the_trash_is_not_there(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    pump = await asset(owner)
    order = await owner.create(ORDERS, title="Look", asset_id=pump["id"])
    item = (await checked_order(owner, ["a"]))[1][0]
    grants = ["own:maintenance.work_orders.read", "maintenance.work_items.read"]
    await owner.create("roles", name="own", title="Own", grants=grants)
    mine = await house.user(tenant, "own")
    path = f"maintenance/work-items/{item['id']}?include=work_order"
    assert (await mine.get(path)).data["work_order"] is None
    assert (await owner.get(path)).data["work_order"][
        "type"
    ] == "maintenance.work_order"
    await owner.send("DELETE", f"{ASSETS}/{pump['id']}")
    found = await included(owner, order, "asset")
    assert (found["asset"], found["asset_id"]) == (None, pump["id"])


async def test_an_answer_with_more_in_it_has_a_tag_of_its_own(
    owner: Caller, plant: Plant
) -> None:
    path = f"{ORDERS}/{plant.bare['id']}"
    assert (await owner.get(f"{path}?fields=title")).headers["etag"] == '"1"'
    answer = await owner.get(f"{path}?include=work_items")
    tag = answer.headers["etag"]
    assert tag.startswith('W/"')
    again = await owner.get(
        f"{path}?include=work_items", headers={"if-none-match": tag}
    )
    assert again.status == 304


async def test_pages_with_related_rows_are_walked_like_others(
    owner: Caller, plant: Plant
) -> None:
    following, seen = f"/api/v1/{ORDERS}?include=asset,work_items&per_page=1", []
    while following:
        page = (await owner.get(following)).body
        seen += [row["id"] for row in page["data"]]
        following = page["links"]["next"]
    every = (await owner.get(f"{ORDERS}?per_page=100")).data
    assert seen == [row["id"] for row in every]
