"""Work orders go their way, and their checklists decide when they are done."""

from typing import Any

import pytest

from insula.apps.maintenance.work_orders import ChecklistOpen, OrderClosed, OutOfRange
from insula.kernel.foundation.errors import Invalid
from insula.kernel.resource.machines import WrongMove
from tests.apps.maintenance.plant import Plant

DUE = "2027-01-01T12:00:00Z"
SHA256 = "0" * 64


async def started(plant: Plant, *items: dict[str, Any]) -> tuple[str, list[str]]:
    """An order in progress and the ids of its checklist's items."""
    order = await plant.make(
        "work_orders", title="Round", kind="preventive", asset_id=await plant.asset()
    )
    checklist = await plant.make("checklists", name="Round")
    for position, item in enumerate(items):
        await plant.make(
            "checklist_items", checklist_id=checklist["id"], position=position, **item
        )
    key = str(order["id"])
    await plant.ask("work_orders.apply_checklist", key, checklist_id=checklist["id"])
    await plant.ask("work_orders.schedule", key, due_at=DUE)
    await plant.ask("work_orders.start", key)
    rows = await plant.every("work_items", work_order_id=key, sort="position")
    return key, [str(row["id"]) for row in rows]


async def test_an_order_goes_from_open_to_verified(plant: Plant) -> None:
    order, _ = await started(plant)
    steps = ("hold", "start", "finish", "verify")
    rows = [await plant.ask(f"work_orders.{step}", order) for step in steps]
    states = [row["state"] for row in rows]
    assert states == ["on_hold", "in_progress", "done", "verified"]
    assert rows[-1]["done_at"] is not None
    assert "maintenance.work_order.done" in await plant.events()


@pytest.mark.parametrize("action", ["start", "hold", "finish", "verify"])
async def test_an_open_order_cannot_skip_a_step(plant: Plant, action: str) -> None:
    order = await plant.make("work_orders", title="Repair")
    with pytest.raises(WrongMove):
        await plant.ask(f"work_orders.{action}", order["id"])


async def test_what_is_done_cannot_be_cancelled(plant: Plant) -> None:
    order, _ = await started(plant)
    await plant.ask("work_orders.finish", order)
    with pytest.raises(WrongMove):
        await plant.ask("work_orders.cancel", order)


async def test_pending_orders_are_those_that_are_not_closed(plant: Plant) -> None:
    """S1-66: executions that still have to be done."""
    orders = [await plant.make("work_orders", title=f"No. {it}") for it in range(3)]
    await plant.ask("work_orders.cancel", orders[0]["id"])
    await plant.ask("work_orders.schedule", orders[1]["id"], due_at=DUE)
    pending = await plant.every("work_orders", scope="pending", sort="id")
    assert [row["title"] for row in pending] == ["No. 1", "No. 2"]


async def test_an_order_is_not_done_while_a_required_item_is_open(plant: Plant) -> None:
    tick = {"label": "No leaks", "kind": "tick"}
    note = {"label": "Remarks", "kind": "text", "required": False}
    order, (ticked, _) = await started(plant, tick, note)
    with pytest.raises(ChecklistOpen):
        await plant.ask("work_orders.finish", order)
    await plant.ask("work_items.answer", ticked, value=False)
    with pytest.raises(ChecklistOpen):
        await plant.ask("work_orders.finish", order)
    answered = await plant.ask("work_items.answer", ticked, value=True)
    assert answered["answer"] == "yes"
    assert answered["answered_by"] == str(plant.ctx.actor.id)
    assert (await plant.ask("work_orders.finish", order))["state"] == "done"


async def test_a_number_out_of_range_raises_one_corrective_order(plant: Plant) -> None:
    oil = {"label": "Oil", "kind": "number", "minimum": 20, "maximum": 75.5}
    order, (item,) = await started(plant, oil)
    await plant.ask("work_items.answer", item, value=75.6)
    answered = await plant.ask("work_items.answer", item, value=19.9)
    with pytest.raises(OutOfRange):
        await plant.ask("work_orders.finish", order)
    (repair,) = await plant.every("work_orders", kind="corrective")
    assert repair["id"] == answered["corrective_id"]
    assert (repair["kind"], repair["state"]) == ("corrective", "open")
    await plant.ask("work_items.answer", item, value=75.5)
    assert (await plant.ask("work_orders.finish", order))["state"] == "done"


@pytest.mark.parametrize(
    ("kind", "value"),
    [("tick", "yes"), ("number", True), ("number", "3"), ("text", 3), ("photo", "x")],
)
async def test_an_answer_fits_its_item(plant: Plant, kind: str, value: object) -> None:
    _, (item,) = await started(plant, {"label": "It", "kind": kind})
    with pytest.raises(Invalid) as refused:
        await plant.ask("work_items.answer", item, value=value)
    assert [it.field for it in refused.value.fields] == ["value"]


async def test_a_photo_is_answered_with_an_attachment_of_the_order(
    plant: Plant,
) -> None:
    order, (item,) = await started(plant, {"label": "Plate", "kind": "photo"})
    photo = {"content_type": "image/png", "size": 1, "sha256": SHA256, "name": "a.png"}
    elsewhere = await plant.make(
        "attachments", asset_id=await plant.asset(tag="P-2"), **photo
    )
    here = await plant.make("attachments", work_order_id=order, **photo)
    with pytest.raises(Invalid):
        await plant.ask("work_items.answer", item, value=elsewhere["id"])
    answered = await plant.ask("work_items.answer", item, value=here["id"])
    assert answered["answer"] == here["id"]


async def test_a_closed_order_keeps_its_answers(plant: Plant) -> None:
    tick = {"label": "No leaks", "kind": "tick", "required": False}
    order, (item,) = await started(plant, tick)
    await plant.ask("work_orders.finish", order)
    with pytest.raises(OrderClosed):
        await plant.ask("work_items.answer", item, value=True)


@pytest.mark.parametrize("owners", [(), ("asset_id", "work_order_id")])
async def test_a_file_belongs_to_an_asset_or_to_an_order(
    plant: Plant, owners: tuple[str, ...]
) -> None:
    """S1-67."""
    order = await plant.make("work_orders", title="Repair")
    ids = {"asset_id": await plant.asset(), "work_order_id": order["id"]}
    with pytest.raises(Invalid) as refused:
        await plant.make(
            "attachments",
            name="a.pdf",
            content_type="application/pdf",
            size=1,
            sha256=SHA256,
            **{owner: ids[owner] for owner in owners},
        )
    assert [it.code for it in refused.value.fields] == ["asset_or_work_order"]
