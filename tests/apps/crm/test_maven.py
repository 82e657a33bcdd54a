"""Two years of a sales team come in as files; what it won is known to the cent."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.apps.crm.shop import Shop
from tests.house import House

pytestmark = pytest.mark.anyio
DATA = Path(__file__).parents[4] / "shared/data/crm"
PIPELINE = DATA / "maven_sales_pipeline_a.csv"
HERE = PIPELINE.exists()
FILE = PIPELINE.read_bytes() if HERE else b""
ACCOUNTS = (DATA / "maven_accounts.csv").read_bytes() if HERE else b""
WON, VALUE = 1214, 2_799_921
AS_DEALS = {
    "map": {
        "external_id": "opportunity_id",
        "title": "{product} {opportunity_id}",
        "company_id": "account",
        "stage_id": "deal_stage",
        "owner_id": "sales_agent",
        "opened_at": "engage_date",
        "closed_at": "close_date",
        "amount_minor": "close_value",
    },
    "set": {"currency": "USD"},
    "skip": ["product"],
    "key": ["external_id"],
    "major_units": True,
    "time_format": "%d-%m-%y",
}
AS_LINES = {
    "map": {"deal_id": "@external_id:opportunity_id", "product": "product"},
    "ignore_unknown": True,
}


async def load(shop: Shop, path: str, text: bytes, mapping: dict[str, Any]) -> Any:
    answer = await shop.boss.send(
        "POST",
        f"{path}/import",
        content=text,
        headers={"content-type": "text/csv"},
        params={"mapping": json.dumps(mapping)},
    )
    return answer.data


@pytest.mark.skipif(not HERE, reason="the data is not here")
async def test_what_a_team_won_comes_out_exactly(house: House, shop: Shop) -> None:
    """S2-32, S2-33, apps 4.2 (8): accounts, agents and deals come in; sums are exact."""
    rows = list(csv.DictReader(FILE.decode().splitlines()))
    agents = sorted({it["sales_agent"] for it in rows})
    people = {it: await house.user(shop.tenant, "crm.sales_rep") for it in agents}
    companies = {"map": {"name": "account"}, "ignore_unknown": True}
    accounts = await load(shop, "people/companies", ACCOUNTS, companies)
    assert accounts["created"] == 85
    meant = {it: str(who.actor_id) for it, who in people.items()}
    mapping = {**AS_DEALS, "values": {"sales_agent": meant}}
    report = await load(shop, "crm/deals", FILE, mapping)
    assert (report["created"], report["failed"]) == (2200, 0), report["errors"][:3]
    again = await load(shop, "crm/deals", FILE, mapping)
    assert (again["created"], again["existing"]) == (0, 2200)
    won = (await shop.boss.get("crm/reports/won")).data
    (total,) = won["totals"]
    assert total["measures"]["count"] == WON
    assert total["measures"]["sum(amount_minor)"] == VALUE * 100
    best = (await shop.report("leaderboard"))[0]
    assert best["measures"]["won_value"] == 100 * most_won(rows, meant)[0]
    assert best["group"]["owner_id"] == most_won(rows, meant)[1]
    assert await counted(shop, rows) == 2200


def most_won(rows: list[dict[str, str]], meant: dict[str, str]) -> tuple[int, str]:
    """What the best agent won, worked out here, and who that is."""
    sums: Counter[str] = Counter()
    for row in rows:
        if row["deal_stage"] == "Won":
            sums[meant[row["sales_agent"]]] += int(row["close_value"])
    (best,) = sums.most_common(1)
    return best[1], best[0]


async def counted(shop: Shop, rows: list[dict[str, str]]) -> int:
    """Every deal is in the stage that its row says, and its product is a line of it."""
    query = "crm/deals/aggregate?group=stage_id&measures=count"
    groups = (await shop.boss.get(query)).data
    found = {it["labels"]["stage_id"]: it["measures"]["count"] for it in groups}
    assert found == Counter(it["deal_stage"] for it in rows)
    lines = await load(shop, "crm/deal-lines", FILE, AS_LINES)
    created: int = lines["created"]
    return created
