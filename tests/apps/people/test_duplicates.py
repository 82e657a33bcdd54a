"""Duplicates are found, shown to somebody, and become one contact or stay two."""

import csv
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from insula.apps.people.duplicates import MATCH, Match
from insula.apps.people.matching import SURE, Evidence, compare, keys, similarity
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from insula.server.scheduler import system_context
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
FEBRL = Path(__file__).parents[4] / "shared/data/crm/febrl_dataset1.csv"
ADA = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "birth_date": "1815-12-10",
    "street": "12 St James Square",
    "postcode": "SW1Y",
}


async def refresh(house: House, tenant: Tenant) -> None:
    """Look at everybody, as the schedule does."""
    ctx = await system_context(house.platform, tenant.id)
    async with house.platform.engine.work(ctx) as work:
        work.enqueue(MATCH, Match(), system=True)
    await house.work(tenant)


async def contact(owner: Caller, **more: Any) -> Any:
    """A contact with an address and a birthday."""
    return await owner.create(
        "people/contacts", **({"name": "Ada Lovelace"} | ADA | more)
    )


async def test_a_pair_is_found_once_and_merged(
    house: House, owner: Caller, tenant: Tenant
) -> None:
    """apps.md 3.1 (2): a queue that is reviewed; names may be swapped, days mistyped."""
    one = await contact(owner)
    swapped = {"given_name": "Lovelace", "family_name": "Ada"}
    two = await contact(
        owner,
        name="Lovelace Ada",
        birth_date="1815-12-01",
        email="ada@x.org",
        **swapped,
    )
    await owner.create("people/contacts", name="Bob Marley")
    await refresh(house, tenant)
    await refresh(house, tenant)
    (pair,) = (await owner.get("people/duplicates?filter=state==open")).data
    assert {pair["first_id"], pair["second_id"]} == {one["id"], two["id"]}
    assert pair["score"] >= 90
    assert "birth_date" in pair["reasons"]
    path = f"people/duplicates/{pair['id']}/merge"
    wrong = await owner.post(path, {"keep": pair["id"]})
    assert (wrong.status, wrong.code) == (409, "people.not_of_the_pair")
    merged = (await owner.post(path, {"keep": one["id"]})).data
    assert merged["state"] == "merged"
    assert (await owner.get(f"people/contacts/{two['id']}")).code == "MERGED"
    stays = (await owner.get(f"people/contacts/{one['id']}")).data
    assert stays["email"] == "ada@x.org"
    handles = (await owner.get(f"people/handles?filter=contact_id=={one['id']}")).data
    assert [it["is_primary"] for it in handles] == [True]
    (merge,) = (await owner.get(f"merges?filter=survivor_id=={one['id']}")).data
    assert (await owner.post(f"merges/{merge['id']}/undo")).data["stayed"] == {}
    back = (await owner.get(f"people/contacts/{two['id']}")).data
    assert back["email"] == "ada@x.org"
    handles = (await owner.get(f"people/handles?filter=contact_id=={two['id']}")).data
    assert [it["is_primary"] for it in handles] == [True]


async def test_a_dismissed_pair_is_not_asked_about_again(
    house: House, owner: Caller, tenant: Tenant
) -> None:
    mae = {"name": "Mae Jemison", "birth_date": "1956-10-17", "suburb": "Decatur"}
    await owner.create("people/contacts", **mae)
    twin = await owner.create("people/contacts", **mae)
    await refresh(house, tenant)
    found = (await owner.get(f"people/duplicates?filter=second_id=={twin['id']}")).data
    await owner.post(f"people/duplicates/{found[0]['id']}/dismiss")
    await refresh(house, tenant)
    again = (await owner.get(f"people/duplicates?filter=second_id=={twin['id']}")).data
    assert [it["state"] for it in again] == ["dismissed"]


async def test_another_app_asks_who_somebody_may_be(
    house: House, owner: Caller, tenant: Tenant
) -> None:
    """apps.md 5.5: a command across apps has the caller's permissions."""
    made = await contact(owner, name="Grace Hopper", given_name=None, family_name=None)
    mailed = await owner.create("people/contacts", name="G. H.", email="grace@x.org")
    ctx = await system_context(house.platform, tenant.id)
    async with house.platform.engine.work(ctx) as work:
        asked = {"name": "Hopper Grace", "email": "Grace@x.org"}
        found = await work.request("people.find_duplicates", **asked)
        ids = [str(it["id"]) for it in found["candidates"]]
        assert ids == [mailed["id"], made["id"]]


async def test_who_is_alike_is_found_by_an_index(
    house: House, tenant: Tenant, cluster: Cluster
) -> None:
    """D2b: equal texts and days are leakproof, so their indexes serve behind a policy."""
    session = house.platform.open_session(tenant.home, tenant.id)
    fill = (
        "INSERT INTO home__.people_contacts (tenant_id, id, version, name, score,"
        " custom, created_at, updated_at) SELECT $1::text::uuid, gen_random_uuid(), 1,"
        " 'N' || n || ' F' || n, 0, '{}', now(), now() FROM generate_series(1, 2000) n"
    )
    ask = (
        "EXPLAIN SELECT id FROM home__.people_contacts WHERE tenant_id = $1::text::uuid"
        " AND {0} IN ('2000-01-01', '2000-01-02')"
    )
    plans = {}
    async with session.transaction() as transaction:
        await transaction.fetch(Statement(fill))
    async with opened(replace(cluster.admin, database=cluster.pool)) as superuser:
        await superuser.execute("ANALYZE shared.people_contacts")
    async with session.transaction() as transaction:
        for name in ("match_name", "match_place", "birth_date"):
            rows = await transaction.fetch(Statement(ask.format(name)))
            plans[name] = "\n".join(it[0] for it in rows if "Index Cond" in it[0])
        clear = "DELETE FROM home__.people_contacts WHERE tenant_id = $1::text::uuid"
        await transaction.fetch(Statement(f"{clear} AND name ~ '^N[0-9]+ F'"))
    assert all(name in found for name, found in plans.items()), plans


def test_names_are_alike_as_jaro_and_winkler_say() -> None:
    assert round(similarity("martha", "marhta"), 3) == 0.961
    assert round(similarity("dwayne", "duane"), 3) == 0.84
    assert similarity("abc", "xyz") == 0.0


def records() -> dict[str, Evidence]:
    """The records of Febrl's first set, as contacts have their fields."""
    found = {}
    with FEBRL.open() as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            it = {name.strip(): (value or "").strip() for name, value in row.items()}
            born = it["date_of_birth"]
            street = f"{it['street_number']} {it['address_1']} {it['address_2']}"
            try:
                day = datetime.strptime(born, "%Y%m%d").date()  # noqa: DTZ007  # a day
            except ValueError:
                day = None
            found[it["rec_id"]] = Evidence(
                given_name=it["given_name"],
                family_name=it["surname"],
                street=street.strip(),
                suburb=it["suburb"],
                postcode=it["postcode"],
                region=it["state"],
                birth_date=day,
            )
    return found


@pytest.mark.skipif(not FEBRL.exists(), reason="the data is not here")
def test_the_pairs_of_febrl_are_told_apart() -> None:
    """1,000 records, 500 pairs: precision and recall of blocking and score together."""
    known, blocks = records(), defaultdict[str, list[str]](list)
    for name, it in known.items():
        for key in keys(it):
            blocks[key].append(name)
    pairs = {pair for it in blocks.values() for pair in combinations(sorted(it), 2)}
    said = [
        pair for pair in pairs if compare(*(known[it] for it in pair)).score >= SURE
    ]
    right = sum(one.split("-")[1] == two.split("-")[1] for one, two in said)
    precision, recall = right / len(said), right / 500
    figures = f"Febrl: {len(pairs)} compared, {precision:.3f} right, {recall:.3f} found"
    sys.stdout.write(f"{figures}\n")
    assert 2 * precision * recall / (precision + recall) >= 0.9
