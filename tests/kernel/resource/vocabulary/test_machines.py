"""Machines: moves by name, who may make them, and what stays as it was (K1)."""

from typing import Any

import pytest

from insula.kernel.resource.declaration import DeclarationError
from insula.sdk import Resource
from tests.house import Caller, House
from tests.kernel.resource.conftest import Journal
from tests.kernel.resource.vocabulary.shop import Invoice, S

pytestmark = pytest.mark.anyio
INVOICES = "shop/invoices"


async def final(owner: Caller, **more: Any) -> dict[str, Any]:
    """An invoice that is final, as it is then."""
    made = await owner.create(INVOICES, title="A", **more)
    found: dict[str, Any] = (await owner.post(f"{INVOICES}/{made['id']}/finalize")).data
    return found


async def test_a_declared_move_is_an_action(owner: Caller) -> None:
    made = await final(owner)
    assert (made["state"], made["version"]) == ("final", 2)
    paid = await owner.post(f"{INVOICES}/{made['id']}/pay")
    assert paid.data["state"] == "paid"


async def test_a_wrong_move_tells_what_is_possible(owner: Caller) -> None:
    made = await owner.create(INVOICES, title="A")
    answer = await owner.post(f"{INVOICES}/{made['id']}/pay")
    assert (answer.status, answer.code) == (409, "WRONG_STATE")
    error = answer.body["error"]
    assert (error["present"], error["possible"]) == ("draft", ["final", "void"])
    done = await final(owner)
    await owner.post(f"{INVOICES}/{done['id']}/pay")
    again = await owner.post(f"{INVOICES}/{done['id']}/pay")
    assert again.body["error"]["possible"] == []


async def test_a_move_may_ask_for_a_permission(
    shop: House, tenant: Any, owner: Caller
) -> None:
    """The guard holds for the state, whichever action leads there."""
    helper = await shop.user(tenant, "shop.helper")
    made = await helper.create(INVOICES, title="A")
    path = f"{INVOICES}/{made['id']}"
    assert (await helper.post(f"{path}/void")).status == 403
    assert (await helper.post(f"{path}/finalize")).status == 403
    assert (await owner.post(f"{path}/void")).data["state"] == "void"


async def test_a_state_that_is_announced_is_an_event(
    owner: Caller, journal: Journal
) -> None:
    made = await final(owner)
    await owner.post(f"{INVOICES}/{made['id']}/pay")
    told = {it["name"]: it["payload"] for it in await journal.outbox(made["id"])}
    assert told["shop.invoice.paid"] == {
        "id": made["id"],
        "before": "final",
        "after": "paid",
    }
    assert "shop.invoice.final" not in told


@pytest.mark.parametrize(
    "moves",
    [
        {"reopen": S.draft},
        {"skip": (S.draft, S.paid)},
        {"update": S.final},
    ],
)
def test_a_move_that_the_machine_lacks_does_not_load(moves: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        Resource(Invoice, moves=moves)


async def test_a_final_invoice_keeps_its_amount(owner: Caller) -> None:
    """K1: what is frozen is refused by the UPDATE itself, the rest still changes."""
    row = await final(owner, amount_minor=500, currency="EUR")
    path = f"{INVOICES}/{row['id']}"
    answer = await owner.patch(path, {"amount_minor": 1, "title": "B", "version": 2})
    assert (answer.status, answer.code) == (409, "FROZEN")
    assert answer.body["error"]["present"] == "final"
    details = answer.body["error"]["details"]
    assert {it["field"] for it in details} == {"amount_minor", "title"}
    assert {it["code"] for it in details} == {"frozen"}
    assert (await owner.get(path)).data == row
    noted = await owner.patch(path, {"note": "sent", "version": 2})
    assert noted.data["note"] == "sent"


async def test_saying_the_same_again_is_no_change(owner: Caller) -> None:
    row = await final(owner, amount_minor=500, currency="EUR")
    path = f"{INVOICES}/{row['id']}"
    fields = {"amount_minor": 500, "title": "A", "note": "x", "version": 2}
    assert (await owner.patch(path, fields)).data["note"] == "x"
    stale = await owner.patch(path, {"amount_minor": 1, "version": 2})
    assert stale.status in (409, 412)


async def test_an_old_version_is_told_before_a_frozen_field(owner: Caller) -> None:
    row = await owner.create(INVOICES, title="A")
    path = f"{INVOICES}/{row['id']}"
    await owner.patch(path, {"title": "B", "version": 1})
    assert (await owner.patch(path, {"title": "C", "version": 1})).status == 412


async def test_not_even_an_action_changes_what_is_frozen(owner: Caller) -> None:
    row = await final(owner)
    body = {"title": "B", "lines": 0}
    answer = await owner.post(f"{INVOICES}/{row['id']}/retitle", body)
    assert (answer.status, answer.code) == (409, "FROZEN")
    kept = await owner.post(f"{INVOICES}/{row['id']}/retitle", {**body, "title": "A"})
    assert kept.status == 200
