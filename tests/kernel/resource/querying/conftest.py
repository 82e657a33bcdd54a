"""A small plant: orders of an asset somewhere, with a checklist."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.house import Caller
from tests.kernel.resource.conftest import asset, fresh_tag

ORDERS = "maintenance/work-orders"


@dataclass(frozen=True, slots=True)
class Plant:
    """What there is in it."""

    location: dict[str, Any]
    pump: dict[str, Any]
    order: dict[str, Any]
    bare: dict[str, Any]
    """An order of nothing."""
    items: list[dict[str, Any]]


async def checked_order(
    owner: Caller, labels: list[str], **more: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An order with a checklist of these labels, the last of them first."""
    checklist = await owner.create("maintenance/checklists", name=fresh_tag())
    for place, label in enumerate(labels):
        item = {"checklist_id": checklist["id"], "label": label}
        position = len(labels) - place
        await owner.create("maintenance/checklist-items", **item, position=position)
    order = await owner.create(ORDERS, title="Look", **more)
    apply = f"{ORDERS}/{order['id']}/apply-checklist"
    await owner.post(apply, {"checklist_id": checklist["id"]})
    items = (
        await owner.get(f"maintenance/work-items?work_order_id={order['id']}")
    ).data
    return order, sorted(items, key=lambda it: it["position"])


@pytest.fixture(scope="module")
async def plant(the_owner: Caller) -> Plant:
    """The plant of one module's tenant."""
    location = await the_owner.create("maintenance/locations", name="Hall")
    pump = await asset(the_owner, location_id=location["id"])
    labels = ["c", "b", "a"]
    order, items = await checked_order(the_owner, labels, asset_id=pump["id"])
    bare = await the_owner.create(ORDERS, title="Nothing")
    return Plant(location, pump, order, bare, items)
