"""One search finds the best of everything that somebody may read, and nothing else."""

import asyncio
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.resource.listing import Lister
from insula.kernel.services.searching import operation
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
ASSETS, LOCATIONS = "maintenance/assets", "maintenance/locations"


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant with a quokka in most places."""
    tenant = await the_house.tenant()
    owner = await the_house.user(tenant)
    await owner.create(LOCATIONS, name="Quokka hall")
    for number in range(7):
        await owner.create(ASSETS, name=f"Quokka {number}", tag=f"Q-{number}")
    await owner.create("contacts", name="Jóhn Quokka", email="john@quokka.test")
    return tenant


async def hits(caller: Caller, q: str, **more: str) -> list[dict[str, Any]]:
    """What is found."""
    found: list[dict[str, Any]] = (
        await caller.get("search", params={"q": q, **more})
    ).data
    return found


async def test_the_best_of_each_resource_come_with_where_they_are(
    house: House, tenant: Tenant
) -> None:
    """S4-47: at most five of each, each with its title, its path and why."""
    owner = await house.user(tenant)
    found = await hits(owner, "quok")
    of = [it["resource"] for it in found]
    assert {it: of.count(it) for it in of} == {
        "contacts": 1,
        "maintenance.assets": 5,
        "maintenance.locations": 1,
    }
    for hit in found:
        row = (await owner.get(hit["path"])).data
        assert (hit["type"], hit["id"]) == (row["type"], row["id"])
        assert hit["title"] == row["name"]
    [contact] = [it for it in found if it["resource"] == "contacts"]
    assert contact["highlights"] == {
        "name": [["Jóhn ", False], ["Quok", True], ["ka", False]],
        "email": [["john@", False], ["quok", True], ["ka.test", False]],
    }


async def test_types_narrow_the_search(house: House, tenant: Tenant) -> None:
    owner = await house.user(tenant)
    found = await hits(owner, "quokka", types="maintenance.locations,contacts")
    of = [it["resource"] for it in found]
    assert of == ["maintenance.locations", "contacts"]


@pytest.mark.parametrize("query", ["", "q=", "q=.-", "q=a&types=nothing", "q=a&types="])
async def test_what_cannot_be_searched_is_refused(
    house: House, tenant: Tenant, query: str
) -> None:
    answer = await (await house.user(tenant)).get(f"search?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_nobody_finds_what_they_may_not_read(
    house: House, tenant: Tenant
) -> None:
    """Promise 3: what is out of reach answers as what does not exist."""
    owner = await house.user(tenant)
    role = {
        "name": "porter",
        "title": "Porter",
        "grants": ["maintenance.locations.read"],
    }
    await owner.create("roles", **role)
    porter = await house.user(tenant, "porter")
    assert [it["resource"] for it in await hits(porter, "quokka")] == [
        "maintenance.locations"
    ]
    hidden = await porter.get("search?q=quokka&types=maintenance.assets")
    unknown = await porter.get("search?q=quokka&types=maintenance.nothing")
    told = hidden.body["error"]["message"].replace("assets", "nothing")
    assert told == unknown.body["error"]["message"]
    assert "contacts" not in told
    nobody = await house.user(tenant, "customer")
    assert await hits(nobody, "quokka") == []


async def test_own_rows_alone_are_found_by_those_who_reach_no_others(
    house: House, tenant: Tenant
) -> None:
    owner = await house.user(tenant)
    grants = ["own:maintenance.work_orders.read"]
    await owner.create("roles", name="hand", title="Hand", grants=grants)
    hand = await house.user(tenant, "hand")
    mine = {"title": "Wombat cage", "assignee_id": str(hand.actor_id)}
    await owner.create("maintenance/work-orders", **mine)
    await owner.create("maintenance/work-orders", title="Wombat roof")
    assert [it["title"] for it in await hits(hand, "wombat")] == ["Wombat cage"]
    assert len(await hits(owner, "wombat")) == 2


async def test_an_app_that_is_not_installed_is_not_searched(house: House) -> None:
    owner = await house.user(await house.tenant(apps=()))
    answer = await owner.get("search?q=quokka&types=maintenance.assets")
    assert answer.code == "INVALID_QUERY"
    assert await hits(owner, "quokka") == []


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_words_of_a_neighbour_find_nothing(
    house: House, tenant: Tenant, isolation: Isolation
) -> None:
    """Promise 1: no hit, no count, in each kind of home, however it is asked."""
    other = await house.user(await house.tenant(isolation))
    await other.create(ASSETS, name="Numbat", tag="N-1")
    assert await hits(other, "quokka") == await hits(other, "quoka") == []
    for query in ("q=quokka", "q=quoka", "q=q&sort=name", "q=quokka&page=1"):
        answer = await other.get(f"{ASSETS}?{query}")
        assert answer.data == []
        assert answer.body["meta"]["pagination"].get("total", 0) == 0
    assert [it["title"] for it in await hits(other, "numbta")] == ["Numbat"]


async def test_what_takes_too_long_is_left_out_and_said(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await house.user(tenant)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(operation, "DEADLINE", 0.01)
    monkeypatch.setattr(Lister, "__call__", never)
    answer = await owner.get("search?q=quokka&types=contacts")
    assert (answer.status, answer.data) == (200, [])
    assert answer.body["meta"]["incomplete"] == ["contacts"]
