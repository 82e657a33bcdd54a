"""Aggregates of money, and of every measure and dimension that anything declares."""

from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
INVOICES = "shop/invoices"
AMOUNTS = [("EUR", 1050), ("USD", 700), ("EUR", 1), (None, None), ("JPY", 9)]


@pytest.fixture(scope="module")
async def invoices(the_owner: Caller) -> list[Any]:
    """Invoices in several currencies, one of nothing."""
    return [
        await the_owner.create(
            INVOICES, title=f"T{at % 2}", currency=currency, amount_minor=amount
        )
        for at, (currency, amount) in enumerate(AMOUNTS)
    ]


async def test_amounts_of_two_currencies_are_never_added(
    owner: Caller, invoices: list[Any]
) -> None:
    """K16: whether the currency was asked for or not."""
    path = f"{INVOICES}/aggregate?measures=sum(amount_minor),avg(amount_minor),count"
    answer = await owner.get(f"{path}&sort=-sum(amount_minor)")
    assert [it["group"] for it in answer.data] == [
        {"currency": it} for it in ("EUR", "USD", "JPY", None)
    ]
    assert answer.data[0]["measures"] == {
        "sum(amount_minor)": 1051,
        "avg(amount_minor)": 525.5,
        "count": 2,
    }
    assert answer.data[-1]["measures"]["sum(amount_minor)"] is None
    of_titles = (await owner.get(f"{path}&group=title")).data
    assert [tuple(it["group"].values()) for it in of_titles] == [
        ("T0", "EUR"),
        ("T0", "JPY"),
        ("T1", "USD"),
        ("T1", None),
    ]


async def test_a_sum_may_be_larger_than_what_it_is_of(owner: Caller) -> None:
    """Nothing that can be kept makes a question fail."""
    huge = 2**63 - 1
    for _ in range(3):
        fields = {"title": "Huge", "currency": "KWD", "amount_minor": huge}
        await owner.create(INVOICES, **fields)
    path = f"{INVOICES}/aggregate?group=title&measures=sum(amount_minor)"
    sums = {
        it["group"]["currency"]: it["measures"]["sum(amount_minor)"]
        for it in (await owner.get(path)).data
        if it["group"]["title"] == "Huge"
    }
    assert sums == {"KWD": 3 * huge}


async def test_a_hidden_currency_hides_the_amounts(
    shop: House, tenant: Tenant, owner: Caller, invoices: list[Any]
) -> None:
    """PITFALLS 24: a measure tells of the currency that it is grouped by."""
    given = {"name": "blind", "title": "Blind", "grants": ["shop.*.read"]}
    masks = {"shop.invoices": {"hide": ["currency"]}}
    await owner.create("roles", **given, masks=masks)
    blind = await shop.user(tenant, "blind")
    path = f"{INVOICES}/aggregate?measures="
    refused = await blind.get(f"{path}sum(amount_minor)")
    assert (refused.status, refused.code) == (400, "INVALID_QUERY")
    assert "there are: count, max(created_at)" in refused.body["error"]["message"]
    assert (await blind.get(f"{path}count")).status == 200
    told = (await blind.get("meta/shop.invoices")).data["aggregate"]
    assert [it["name"] for it in told["measures"]] == ["count", "max(created_at)"]


async def test_every_measure_and_dimension_is_answered_and_counts_all_rows(
    shop: House, owner: Caller, invoices: list[Any]
) -> None:
    """Of every resource that declares any: groups hold each row once."""
    pump = await owner.create("maintenance/assets", name="P", tag="T")
    await owner.create("maintenance/work-orders", title="W", asset_id=pump["id"])
    await owner.create("shop/stays", room="1", guest="G", first_on="2026-02-28")
    asked = 0
    for api in shop.platform.engine.apis:
        resource = api.resource
        measures, dimensions = resource.aggregates
        if not measures or resource.app not in ("shop", "maintenance"):
            continue
        total = (await owner.get(f"{resource.address}?page=1")).body["meta"]
        every = f"{resource.address}/aggregate?measures={','.join(measures)}"
        for name in ("", *dimensions):
            groups = (await owner.get(f"{every}&group={name}" if name else every)).data
            counts = [it["measures"]["count"] for it in groups]
            assert sum(counts) == total["pagination"]["total"], (resource.name, name)
            asked += 1
    assert asked > 30


async def test_a_group_points_at_what_it_is_of(owner: Caller) -> None:
    """By its title, read in the same statement; without one it has no label."""
    invoice = await owner.create(INVOICES, title="Named")
    await owner.create("shop/tickets", name="A", invoice_id=invoice["id"])
    await owner.create("shop/tickets", name="B")
    found = (await owner.get("shop/tickets/aggregate?group=invoice_id")).data
    assert [(it["group"]["invoice_id"], it["labels"]) for it in found] == [
        (invoice["id"], {"invoice_id": "Named"}),
        (None, {}),
    ]
