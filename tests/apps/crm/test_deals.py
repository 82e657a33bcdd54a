"""Deals go through their pipeline, and what happened on the way stays known."""

import pytest

from tests.apps.crm.shop import Shop, opened
from tests.house import House

pytestmark = pytest.mark.anyio


async def test_a_deal_begins_in_the_first_stage_and_is_moved_on(
    house: House, shop: Shop
) -> None:
    """S2-30, apps 4.2 (2): each move tells stage, probability and the time spent."""
    deal = await shop.deal(amount_minor=10_000, currency="USD")
    assert deal["stage_id"] == shop.stages["Engaging"]
    assert (deal["probability"], deal["state"], deal["value_minor"]) == (
        20,
        "open",
        10_000,
    )
    moved = (await shop.move(deal, "Offered")).data
    assert (moved["probability"], moved["version"]) == (50, 2)
    won = (await shop.move(deal, "Won")).data
    assert (won["state"], won["probability"]) == ("won", 100)
    assert won["closed_at"] is not None
    path = f"crm/deal-stage-spans?deal_id={deal['id']}&sort=started_at"
    spans = (await shop.boss.get(path)).data
    assert [it["stage_id"] for it in spans] == [
        shop.stages[it] for it in ("Engaging", "Offered", "Won")
    ]
    assert [it["forward"] for it in spans] == [True, True, None]
    assert spans[0]["ended_at"] == spans[1]["started_at"]


async def test_a_lost_deal_has_a_reason_and_may_be_reopened(
    house: House, shop: Shop
) -> None:
    """Apps 4.2 (2): a reason is asked for; reopening keeps the history."""
    deal = await shop.deal()
    assert (await shop.move(deal, "Lost")).status == 422
    lost = (await shop.act(deal, "lose", lost_reason="price")).data
    assert (lost["state"], lost["lost_reason"]) == ("lost", "price")
    assert (await shop.move(deal, "Won")).code == "WRONG_STATE"
    again = (await shop.move(deal, "Engaging")).data
    assert (again["state"], again["lost_reason"]) == ("open", None)
    assert again["closed_at"] is None
    spans = await shop.boss.get(f"crm/deal-stage-spans?deal_id={deal['id']}")
    assert len(spans.data) == 3


async def test_the_forecast_and_the_stages_tell_how_it_goes(house: House) -> None:
    """S2-33, apps 4.2 (3): weighted by month and owner; conversion and time by stage."""
    shop = await opened(house)
    due = {"currency": "USD", "expected_close_on": "2027-03-15"}
    first = await shop.deal("a", amount_minor=1000, **due)
    second = await shop.deal("b", amount_minor=501, **due)
    third = await shop.deal("c", amount_minor=7, **due)
    await shop.move(first, "Offered")
    await shop.act(second, "lose", lost_reason="timing")
    (month,) = await shop.report("forecast")
    assert month["group"]["expected_close_on:month"] == "2027-03-01"
    assert month["measures"]["sum(value_minor)"] == 1007
    weighted = [it for name, it in month["measures"].items() if "sum(" not in name]
    assert weighted == [501]  # half of 1000, and a fifth of 7
    await shop.act(third, "win")
    found = {it["labels"]["stage_id"]: it for it in await shop.report("stages")}
    assert found["Engaging"]["measures"]["conversion"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["Offered"]["measures"]["conversion"] is None
    (best,) = await shop.report("leaderboard")
    assert best["measures"]["win_rate"] == 0.5
    assert best["measures"]["won_value"] == 7


async def test_however_deals_come_they_have_a_stage_and_its_time(
    house: House, shop: Shop
) -> None:
    """S2-30: many at once, with their lines, or only tried."""
    many = {"create": [{"title": f"bulk {it}"} for it in range(3)]}
    run = (await shop.boss.post("crm/deals/bulk?wait=true", many)).data
    assert (run["done"], run["failed"]) == (3, 0)
    lines = [{"product": "Pump", "quantity": 2, "price_minor": 500}]
    await shop.deal("with lines", deal_lines=lines)
    before = (await shop.boss.get("crm/deals?page=1")).body["meta"]["pagination"]
    tried = await shop.boss.post("crm/deals?dry_run=true", {"title": "tried"})
    assert tried.data["stage_id"] == shop.stages["Engaging"]
    after = (await shop.boss.get("crm/deals?page=1")).body["meta"]["pagination"]
    assert before == after
    found = (await shop.boss.get("crm/deals?include=deal_stage_spans")).data
    new = [it for it in found if it["title"].startswith(("bulk", "with"))]
    assert len(new) == 4
    for deal in new:
        (span,) = deal["deal_stage_spans"]
        assert span["stage_id"] == deal["stage_id"] == shop.stages["Engaging"]
        assert span["started_at"] == deal["opened_at"]
