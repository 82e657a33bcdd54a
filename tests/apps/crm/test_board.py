"""The board: columns of deals in the order that people give them, and what they come to."""

from typing import Any

import pytest

from tests.apps.crm.shop import Shop, opened
from tests.house import House

pytestmark = pytest.mark.anyio


async def column(shop: Shop, stage: str) -> list[Any]:
    path = f"crm/deals?stage_id={shop.stages[stage]}&sort=position"
    return [it["title"] for it in (await shop.boss.get(path)).data]


async def test_a_card_is_dropped_between_two_others(house: House, shop: Shop) -> None:
    """Apps 4.2 (10): the order within a stage, and sums of its column."""
    for title in ("a", "b", "c"):
        deal = await shop.deal(title, amount_minor=100, currency="USD")
        await shop.move(deal, "Offered")
    found = (await shop.boss.get("crm/deals?sort=position")).data
    first = next(it for it in found if it["title"] == "a")
    moved = await shop.deal("d", amount_minor=50, currency="USD")
    assert (await shop.move(moved, "Offered", after=first["id"])).data["version"] == 2
    assert await column(shop, "Offered") == ["a", "d", "b", "c"]
    sums = "crm/deals/aggregate?group=stage_id&measures=count,sum(amount_minor)"
    path = f"{sums}&stage_id={shop.stages['Offered']}"
    (offered,) = (await shop.boss.get(path)).data
    assert offered["measures"] == {"count": 4, "sum(amount_minor)": 350}
    assert offered["labels"]["stage_id"] == "Offered"


async def test_a_card_of_another_column_is_no_neighbour(
    house: House, shop: Shop
) -> None:
    deal, other = await shop.deal("one"), await shop.deal("two")
    refused = await shop.move(deal, "Offered", after=other["id"])
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    still = (await shop.boss.get(f"crm/deals/{deal['id']}")).data
    assert still["stage_id"] == shop.stages["Engaging"]


async def test_other_currencies_count_at_the_rate_of_their_day(house: House) -> None:
    """Apps 4.2 (12): a deal keeps the rate at which it came into its stage."""
    shop = await opened(house)
    await shop.boss.create("crm/exchange-rates", currency="JPY", rate=0.01)
    deal = await shop.deal(amount_minor=5_000, currency="JPY")
    assert deal["value_minor"] == 5_000
    await shop.boss.create("crm/exchange-rates", currency="JPY", rate=0.02)
    assert (await shop.boss.get(f"crm/deals/{deal['id']}")).data["value_minor"] == 5_000
    assert (await shop.act(deal, "win")).data["value_minor"] == 10_000
    unknown = await shop.deal(amount_minor=100, currency="EUR")
    assert unknown["value_minor"] is None
    (won,) = await shop.report("won")
    assert won["measures"]["sum(value_minor)"] == 10_000


async def test_a_pipeline_has_one_stage_in_which_deals_are_won(
    house: House, shop: Shop
) -> None:
    """S2-30."""
    second = {"pipeline_id": shop.pipeline, "name": "Won twice", "kind": "won"}
    unsure = await shop.boss.post("crm/stages", {**second, "probability": 99})
    assert unsure.body["error"]["details"][0]["code"] == "sure_at_the_end"
    refused = await shop.boss.post("crm/stages", {**second, "probability": 100})
    assert refused.body["error"]["details"][0]["code"] == "one_won_stage"
