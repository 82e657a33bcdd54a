"""Children: rows that are part of another one, written with it or not at all (K1)."""

from typing import Any

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.declaration import DeclarationError
from insula.kernel.tenancy.tenant import Tenant
from insula.sdk import Resource
from tests.house import Caller, House
from tests.kernel.resource.conftest import Journal
from tests.kernel.resource.vocabulary.shop import Invoice, tickets

pytestmark = pytest.mark.anyio
INVOICES = "shop/invoices"


def line(label: str, **more: Any) -> dict[str, Any]:
    return {"label": label, **more}


async def invoice(owner: Caller, *lines: dict[str, Any]) -> Any:
    """An invoice with these lines."""
    return await owner.create(INVOICES, title="A", lines=list(lines))


async def lines_of(owner: Caller, row: Any) -> list[str]:
    found = await owner.get(f"shop/lines?filter=invoice_id=={row['id']}")
    return [it["label"] for it in found.data]


def whole(row: Any, **changed: Any) -> dict[str, Any]:
    """What a PUT of the invoice sends."""
    names = ("title", "note", "currency", "amount_minor", "discount_minor", "version")
    return {name: row[name] for name in names} | changed


async def test_an_invoice_is_made_with_its_lines(
    owner: Caller, journal: Journal
) -> None:
    made = await invoice(owner, line("a", quantity=3, price_minor=5), line("b"))
    assert [(it["label"], it["total_minor"]) for it in made["lines"]] == [
        ("a", 15),
        ("b", 0),
    ]
    assert {it["invoice_id"] for it in made["lines"]} == {made["id"]}
    (entry,) = await journal.audit(made["lines"][0]["id"])
    assert entry["action"] == "shop.lines.create"
    assert entry["changes"]["total_minor"] == 15


async def test_an_invoice_without_lines_is_answered_as_ever(owner: Caller) -> None:
    made = await owner.create(INVOICES, title="A")
    assert "lines" not in made
    assert (await owner.get(f"{INVOICES}/{made['id']}")).data == made


@pytest.mark.parametrize(
    ("lines", "field", "code"),
    [
        ([line("a"), line("")], "lines.1.label", "string_too_short"),
        ([line("a"), {"quantity": 2}], "lines.1.label", "required"),
        ([line("a", invoice_id=str(uuid7()))], "lines.0.invoice_id", "unknown"),
        ([line("a", sku="x"), line("b", sku="x")], "lines.1.sku", "twice"),
        ([line("a", total_minor=1)], "lines.0.total_minor", "unknown"),
        ([line("a")] * 201, "lines", "too_long"),
        ("a", "lines", "list_type"),
    ],
)
async def test_a_wrong_line_is_told_by_its_place_and_nothing_is_written(
    owner: Caller, journal: Journal, lines: Any, field: str, code: str
) -> None:
    before = await journal.length()
    answer = await owner.post(INVOICES, {"title": "A", "lines": lines})
    assert answer.status == 422
    found = {(it["field"], it["code"]) for it in answer.body["error"]["details"]}
    assert (field, code) in found
    assert await journal.length() == before


async def test_replacing_adds_changes_and_removes(owner: Caller) -> None:
    row = await invoice(owner, line("a", sku="1"), line("b", sku="2"), line("c"))
    a, b, _ = row["lines"]
    sent = [
        line("b", id=b["id"], quantity=4, sku="2"),
        line("new", sku="1"),
    ]
    path = f"{INVOICES}/{row['id']}"
    answer = await owner.send("PUT", path, json_body=whole(row, lines=sent))
    kept, added = answer.data["lines"]
    assert (kept["id"], kept["version"], kept["quantity"]) == (b["id"], 2, 4)
    assert (added["label"], added["sku"]) == ("new", a["sku"])
    assert sorted(await lines_of(owner, row)) == ["b", "new"]
    trash = await owner.get(f"shop/lines?deleted=only&filter=invoice_id=={row['id']}")
    assert {it["label"] for it in trash.data} == {"a", "c"}


async def test_replacing_without_a_list_leaves_the_lines(owner: Caller) -> None:
    row = await invoice(owner, line("a"))
    path = f"{INVOICES}/{row['id']}"
    answer = await owner.send("PUT", path, json_body=whole(row, title="B"))
    assert answer.data["title"] == "B"
    assert await lines_of(owner, row) == ["a"]
    sent = whole(row, lines=[], version=2)
    assert (await owner.send("PUT", path, json_body=sent)).data["lines"] == []
    assert await lines_of(owner, row) == []


async def test_anothers_line_is_not_found(owner: Caller) -> None:
    one, two = await invoice(owner, line("a")), await invoice(owner, line("b"))
    theirs, mine = two["lines"][0]["id"], one["lines"][0]["id"]
    path = f"{INVOICES}/{one['id']}"
    for ids in ([theirs], [mine, mine], [str(uuid7())]):
        sent = whole(one, title="X", lines=[line("x", id=it) for it in ids])
        answer = await owner.send("PUT", path, json_body=sent)
        assert answer.status == 422
        assert answer.body["error"]["details"][0]["code"] == "not_found"
    assert (await owner.get(path)).data["title"] == "A"


async def test_an_old_version_changes_no_line(owner: Caller) -> None:
    row = await invoice(owner, line("a"))
    path = f"{INVOICES}/{row['id']}"
    await owner.patch(path, {"note": "x", "version": 1})
    answer = await owner.send("PUT", path, json_body=whole(row, lines=[]))
    assert answer.status == 412
    assert await lines_of(owner, row) == ["a"]


async def test_whoever_may_not_write_lines_writes_none(
    shop: House, tenant: Tenant, owner: Caller
) -> None:
    helper = await shop.user(tenant, "shop.helper")
    sent = {"title": "H", "lines": [line("a")]}
    assert (await helper.post(INVOICES, sent)).status == 403
    assert (await helper.post(INVOICES, {"title": "H"})).status == 201
    row = await invoice(owner, line("a"))
    clerk = await shop.user(tenant, "shop.clerk")
    path = f"{INVOICES}/{row['id']}"
    sent = whole(row, lines=[])
    assert (await clerk.send("PUT", path, json_body=sent)).status == 403


async def test_a_rehearsed_invoice_leaves_nothing(
    owner: Caller, journal: Journal
) -> None:
    before = await journal.length()
    body = {"title": "A", "lines": [line("a")]}
    answer = await owner.post(f"{INVOICES}?dry_run=true", body)
    assert len(answer.data["lines"]) == 1
    assert await journal.length() == before


def test_only_parts_are_written_with_their_whole() -> None:
    with pytest.raises(DeclarationError):
        Resource(Invoice, children=(tickets,))


async def test_a_checklist_is_written_with_its_items(owner: Caller) -> None:
    items = [{"label": "Oil", "position": 1}, {"label": "Belt", "kind": "photo"}]
    path = "maintenance/checklists"
    made = await owner.create(path, name="Monthly", checklist_items=items)
    assert [it["label"] for it in made["checklist_items"]] == ["Oil", "Belt"]
    wrong = {"name": "W", "checklist_items": [{"label": "x", "minimum": 2.0}, {}]}
    answer = await owner.post(path, wrong)
    assert answer.body["error"]["details"][0]["field"] == "checklist_items.1.label"
