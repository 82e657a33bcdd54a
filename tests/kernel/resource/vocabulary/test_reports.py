"""Reports of money, of parts, of spans, and those that a function works out."""

from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
SALES = "shop/reports/sales"
SOLD = [
    ("T%1", "EUR", 1050),
    ("T2", "EUR", 1),
    ("T2", "JPY", 9),
    ("Hidden $1", "EUR", 5),
]
NAMES = ["count", "sum(amount_minor)", "open_minor", "likely", "share", "states"]


@pytest.fixture(scope="module")
async def sold(the_owner: Caller) -> list[Any]:
    """Invoices with the numbers 1000 to 1003; the first is final."""
    made = [
        await the_owner.create(
            "shop/invoices", title=title, currency=currency, amount_minor=amount
        )
        for title, currency, amount in SOLD
    ]
    await the_owner.post(f"shop/invoices/{made[0]['id']}/finalize")
    return made


def drawn(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Each row's group and measures as one tuple."""
    return [(*it["group"].values(), *it["measures"].values()) for it in rows]


async def test_a_report_comes_as_it_can_be_drawn(owner: Caller, sold: Any) -> None:
    """K16: parts, weights and shares; by currency, and whole in spite of its limit."""
    report = (await owner.get(SALES)).data
    assert [it["name"] for it in report["measures"]] == NAMES
    units = [it["unit"] for it in report["measures"]]
    assert units == ["number", "money", "money", "money", "share", "number"]
    assert [(it["name"], it["kind"]) for it in report["dimensions"]] == [
        ("title", "text"),
        ("currency", "currency"),
    ]
    assert drawn(report["rows"]) == [
        ("T%1", "EUR", 1, 1050, None, 1043, 1.0, 1),
        ("T2", "JPY", 1, 9, 9, 9, 0.0, 1),
    ]
    assert drawn(report["totals"]) == [
        ("EUR", 2, 1051, 1, 1044, 0.5, 2),
        ("JPY", 1, 9, 9, 9, 0.0, 1),
    ]
    assert report["truncated"] is True
    assert report["digits"] == {"EUR": 2, "JPY": 0}


async def test_a_span_takes_whole_days_where_the_tenant_is(owner: Caller) -> None:
    for guest, first, last, vip in (
        ("A", "2026-01-31", "2026-02-02", True),
        ("B", "2026-02-01", "2026-02-02", False),
        ("C", "2026-03-01", None, False),
    ):
        fields = {"guest": guest, "first_on": first, "last_on": last, "vip": vip}
        await owner.create("shop/stays", room=guest, **fields)
    path = "shop/reports/nights?from=2026-01-31&to=2026-02-28"
    assert drawn((await owner.get(path)).data["rows"]) == [
        ("2026-01-01", True, 172800.0),
        ("2026-02-01", False, 86400.0),
    ]
    report = (await owner.get(f"{path}&by=year")).data
    assert drawn(report["rows"]) == [
        ("2026-01-01", False, 86400.0),
        ("2026-01-01", True, 172800.0),
    ]
    assert drawn(report["totals"]) == [(129600.0,)]
    assert (report["from"], report["to"]) == ("2026-01-31", "2026-02-28")
    assert report["dimensions"][0]["kind"] == "year"


async def test_a_function_says_what_a_declaration_cannot(
    owner: Caller, sold: Any
) -> None:
    """Its answer has the shape of all others, and says its choices in words."""
    report = (await owner.get("shop/reports/steps")).data
    assert drawn(report["rows"]) == [("all", 4), ("draft", 3)]
    assert report["rows"][1]["labels"] == {"step": "Draft"}


async def test_a_hidden_field_takes_its_reports_along(
    shop: House, tenant: Tenant, owner: Caller, sold: Any
) -> None:
    """PITFALLS 24: also one by which a report only chooses its rows."""
    given = {"name": "blind", "title": "Blind", "grants": ["shop.*.read"]}
    masks = {"shop.invoices": {"hide": ["state"]}}
    await owner.create("roles", **given, masks=masks)
    blind = await shop.user(tenant, "blind")
    for name in ("sales", "steps"):
        assert (await blind.get(f"shop/reports/{name}")).status == 404
    listed = (await blind.get("shop/reports")).data
    assert [it["name"] for it in listed] == ["shop.nights"]
    assert (await blind.get("dashboard")).data == []


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=2026-02-30", "from is a day"),
        ("from=20260101", "from is a day"),
        ("to=now", "to is a day"),
        ("from=2026-02-02&to=2026-02-01", "not after"),
        ("by=month", "by is one of"),
        ("group=title", "has no 'group'"),
        ("page=1", "has no 'page'"),
        ("filter=title==x", "cannot filter by 'title'"),
        ("nosuch=1", "cannot filter by 'nosuch'"),
    ],
)
async def test_what_a_report_does_not_take_is_refused(
    owner: Caller, query: str, told: str
) -> None:
    answer = await owner.get(f"{SALES}?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert told in answer.body["error"]["message"]


async def test_what_is_kept_is_dropped_with_the_next_row(
    owner: Caller, sold: Any
) -> None:
    """A filter has an answer of its own, and none outlives a change."""
    draft = f"{SALES}?filter=state==draft"
    before = (await owner.get(SALES)).data["totals"]
    assert drawn((await owner.get(draft)).data["totals"])[0][1] == 1
    assert (await owner.get(SALES)).data["totals"] == before
    more = {"title": "T3", "currency": "EUR", "amount_minor": 10}
    await owner.create("shop/invoices", **more)
    assert drawn((await owner.get(SALES)).data["totals"])[0][:3] == ("EUR", 3, 1061)
    assert drawn((await owner.get(draft)).data["totals"])[0][:3] == ("EUR", 2, 11)
