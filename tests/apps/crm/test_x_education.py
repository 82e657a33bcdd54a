"""A course seller's leads come in with all their junk; the score tells who will buy."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.apps.crm.shop import opened
from tests.house import House

pytestmark = pytest.mark.anyio
FILE = Path(__file__).parents[4] / "shared/data/crm/x_education_leads_a.csv"
MAPPING = {
    "map": {
        "external_id": "Prospect ID",
        "name": "Lead {Lead Number}",
        "source": "Lead Source",
        "country": "Country",
        "details.origin": "Lead Origin",
        "details.occupation": "What is your current occupation",
        "details.activity": "Last Activity",
        "details.specialization": "Specialization",
        "details.seconds": "json:Total Time Spent on Website",
        "details.visits": "json:TotalVisits",
        "details.profile": "json:Asymmetrique Profile Score",
        "details.no_mail": "Do Not Email",
    },
    "values": {"*": {"Select": None}},
    "ignore_unknown": True,
    "key": ["external_id"],
}
RULES = (
    ("details.origin", "equals", "Lead Add Form", 60),
    ("details.occupation", "equals", "Working Professional", 45),
    ("details.occupation", "known", None, 30),
    ("details.specialization", "known", None, 10),
    ("details.activity", "equals", "SMS Sent", 15),
    ("details.activity", "equals", "Olark Chat Conversation", -15),
    ("details.seconds", "at_least", "300", 10),
    ("details.seconds", "at_least", "700", 20),
    ("details.seconds", "at_least", "1200", 15),
    ("details.profile", "at_least", "16", 10),
    ("details.no_mail", "equals", "Yes", -20),
)
JUNK = (
    {"Prospect ID": "junk-1", "Lead Number": "", "TotalVisits": "3"},
    {"Prospect ID": "junk-2", "Lead Number": "2", "TotalVisits": "a few"},
    {"Prospect ID": "", "Lead Number": "3", "TotalVisits": "3"},
    {"Prospect ID": "junk-4", "Lead Number": "Select", "TotalVisits": "3"},
)


def area(scored: list[tuple[int, bool]]) -> float:
    """How often somebody who bought has more points than somebody who did not."""
    bought = [it for it, yes in scored if yes]
    others = [it for it, yes in scored if not yes]
    wins = sum((a > b) + (a == b) / 2 for a in bought for b in others)
    return wins / (len(bought) * len(others))


@pytest.mark.skipif(not FILE.exists(), reason="the data is not here")
async def test_the_score_of_real_leads_tells_who_buys(house: House) -> None:
    """S3-41, apps 4.2 (4) and (8): junk is told by row, and the rules find the buyers."""
    shop = await opened(house)
    for number, (field, operator, value, points) in enumerate(RULES):
        rule = {"field": field, "operator": operator, "value": value, "points": points}
        await shop.boss.create("crm/score-rules", name=f"rule {number}", **rule)
    report = (await load(shop.boss, with_junk())).data
    assert (report["created"], report["failed"]) == (1200, len(JUNK))
    refused = {(it["line"], it["field"], it["code"]) for it in report["errors"]}
    assert {field for _, field, _ in refused} == {
        "name",
        "details.visits",
        "external_id",
    }
    leads = (await shop.boss.get("crm/leads/export?format=csv")).body
    scores = {it["external_id"]: int(it["score"]) for it in rows_of(leads)}
    truth = rows_of(FILE.read_text())
    scored = [(scores[it["Prospect ID"]], it["Converted"] == "1") for it in truth]
    print(f"AUC {area(scored):.3f} of {len(scored)} leads")  # noqa: T201  # a figure
    assert area(scored) > 0.8


def with_junk() -> str:
    """The file, and some rows that nobody can take."""
    text = FILE.read_text().rstrip("\n") + "\n"
    columns = rows_of(text)[0]
    return text + "".join(
        ",".join(it.get(name, "") for name in columns) + "\n" for it in JUNK
    )


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


async def load(boss: Any, text: str) -> Any:
    return await boss.send(
        "POST",
        "crm/leads/import",
        content=text.encode(),
        headers={"content-type": "text/csv"},
        params={"mapping": json.dumps(MAPPING)},
    )
