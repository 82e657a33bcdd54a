"""Leads are scored, go to somebody, and become customers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.apps.crm.shop import Shop, opened
from tests.house import House

pytestmark = pytest.mark.anyio


async def lead(shop: Shop, name: str = "Ada Lovelace", **fields: Any) -> Any:
    """A new lead."""
    return await shop.boss.create("crm/leads", name=name, **fields)


async def score_of(shop: Shop, row: Any) -> int:
    found: int = (await shop.boss.get(f"crm/leads/{row['id']}")).data["score"]
    return found


async def test_a_lead_becomes_a_contact_a_company_and_a_deal(
    house: House, shop: Shop
) -> None:
    """S2-31, apps 4.2 (1)."""
    row = await lead(shop, email="ada@engines.test", company_name="Engines Ltd")
    assert (await shop.act(row, "convert")).code == "WRONG_STATE"
    assert (await shop.act(row, "qualify")).data["state"] == "qualified"
    deal = (await shop.act(row, "convert", amount_minor=100, currency="USD")).data
    assert (deal["title"], deal["lead_id"]) == ("Engines Ltd", row["id"])
    path = f"crm/deals/{deal['id']}?include=contact,company"
    got = (await shop.boss.get(path)).data
    assert got["contact"]["email"] == "ada@engines.test"
    assert got["company"]["name"] == "Engines Ltd"
    done = (await shop.boss.get(f"crm/leads/{row['id']}")).data
    assert (done["state"], done["contact_id"]) == ("converted", deal["contact_id"])


async def test_whoever_is_known_already_is_not_made_again(
    house: House, shop: Shop
) -> None:
    """Apps 4.2 (1): a duplicate answers 409 with the candidates, and nothing is left."""
    known = await shop.boss.create(
        "people/contacts", name="Grace Hopper", email="grace@navy.test"
    )
    row = await lead(shop, "Grace Hopper", email="grace@navy.test", company_name="Navy")
    await shop.act(row, "qualify")
    refused = await shop.act(row, "convert")
    assert (refused.status, refused.code) == (409, "crm.possible_duplicates")
    assert known["id"] in {it["id"] for it in refused.body["error"]["candidates"]}
    assert (await shop.boss.get("people/companies?filter=name==Navy")).data == []
    deal = (await shop.act(row, "convert", contact_id=known["id"])).data
    assert deal["contact_id"] == known["id"]


async def test_scores_follow_rules_and_fading_events(house: House) -> None:
    """S3-41, apps 4.2 (4): to work them out again changes nothing."""
    shop = await opened(house)
    rules = (
        {"field": "source", "operator": "equals", "value": "fair", "points": 30},
        {"field": "details.visits", "operator": "at_least", "value": "3", "points": 5},
        {"field": "phone", "points": 100},
    )
    for number, rule in enumerate(rules):
        await shop.boss.create("crm/score-rules", name=str(number), **rule)
    row = await lead(shop, source="Fair", details={"visits": 4})
    assert row["score"] == 35
    ago = datetime.now(UTC) - timedelta(days=10)
    event = {"kind": "click", "points": 40, "half_life_days": 10}
    event |= {"lead_id": row["id"], "happened_at": ago.isoformat(), "cause": "click-1"}
    await shop.boss.create("crm/score-events", **event)
    assert await score_of(shop, row) == 55
    assert (await shop.boss.post("crm/score-events", event)).status == 422
    path = f"crm/leads/{row['id']}"
    await shop.boss.patch(path, {"phone": "+49 30 5550", "version": 2})
    await house.work(shop.tenant)
    again = (await shop.boss.get(path)).data
    assert again["score"] == 155
    (rule,) = (await shop.boss.get("crm/score-rules?sort=name")).data[2:]
    await shop.boss.send("DELETE", f"crm/score-rules/{rule['id']}")
    await house.work(shop.tenant)
    assert await score_of(shop, row) == 55


async def test_leads_go_round_even_when_many_come_at_once(house: House) -> None:
    """Apps 4.2 (5): in turn, or to whoever has least to do."""
    shop = await opened(house)
    one, two = [str((await house.user(shop.tenant)).actor_id) for _ in range(2)]
    rule = {"name": "all", "members": [one, two]}
    await shop.boss.create("crm/assignments", **rule)
    least = {"name": "web", "source": "web", "method": "least_busy"}
    await shop.boss.create("crm/assignments", **least, members=[one, two])
    made = await asyncio.gather(*(lead(shop, f"L{it}") for it in range(6)))
    owners = [it["owner_id"] for it in made]
    assert (owners.count(one), owners.count(two)) == (3, 3)
    for _ in range(2):
        await lead(shop, owner_id=one)
    web = [(await lead(shop, source="web"))["owner_id"] for _ in range(3)]
    assert web.count(two) >= 2
    assert (await lead(shop, owner_id=two))["owner_id"] == two


async def test_a_form_that_is_sent_twice_makes_one_lead(
    house: House, shop: Shop
) -> None:
    """Apps 4.2 (6)."""
    body = {"name": "Form", "external_id": "form-7"}
    key = {"idempotency-key": "form-7"}
    first = await shop.boss.post("crm/leads", body, headers=key)
    again = await shop.boss.post("crm/leads", body, headers=key)
    assert first.data["id"] == again.data["id"]
    other = await shop.boss.post("crm/leads", body)
    assert other.body["error"]["details"][0]["code"] == "taken"
