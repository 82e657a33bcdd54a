"""Rows are found by their words, by words that begin so, and by words written alike."""

from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import ASSETS

pytestmark = pytest.mark.anyio
ROWS: dict[str, dict[str, Any]] = {
    "mueller": {"name": "Müller-Straße Kühlung", "tag": "PU-001"},
    "ahmad": {"name": "مُحَمَّد أحمد", "tag": "AR-2"},
    "elan": {"name": "Élan vital", "tag": "EL-3", "category": "Ελλάς"},
    "boiler": {"name": "Boiler", "tag": "BO-4", "serial": "pump55"},
    "pump": {"name": "Pump house", "tag": "XX-5"},
    "cyrillic": {"name": "ЁЛКА", "tag": "YO-6"},
}


@pytest.fixture(scope="module")
async def rows(the_owner: Caller) -> dict[str, str]:
    """A few assets, by their ids what they are called here."""
    made = {}
    for called, fields in ROWS.items():
        made[(await the_owner.create(ASSETS, **fields))["id"]] = called
    return made


async def found(caller: Caller, rows: dict[str, str], **query: str) -> list[str]:
    """What a search answers with, in its order."""
    answer = await caller.get(ASSETS, params=query)
    return [rows[row["id"]] for row in answer.data]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("kühlung", ["mueller"]),
        ("KUHLUNG muller", ["mueller"]),
        ("strasse", ["mueller"]),
        ("kühl", ["mueller"]),
        ("pu-001", ["mueller"]),
        ("001", ["mueller"]),
        ("احمد", ["ahmad"]),
        ("محمد", ["ahmad"]),
        ("elan VIT", ["elan"]),
        ("ελλασ", ["elan"]),
        ("елка", ["cyrillic"]),
        ("pump", ["pump", "boiler"]),
        ("nothing of the kind", []),
        ("", []),
        ("-.,!", []),
    ],
)
async def test_words_find_rows_however_they_are_written(
    owner: Caller, rows: dict[str, str], asked: str, expected: list[str]
) -> None:
    """S4-47: case, accents, vowel points and signs do not matter, the best come first."""
    assert await found(owner, rows, q=asked) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("mueller", "mueller"), ("boielr", "boiler"), ("kuhlng", "mueller")],
)
async def test_misspelt_words_find_what_is_written_alike(
    owner: Caller, rows: dict[str, str], asked: str, expected: str
) -> None:
    assert (await found(owner, rows, q=asked))[0] == expected


HOSTILE = [
    "':*&!<->",
    "a' & !b:*",
    "'; DROP TABLE users; --",
    "$1 $$ \\ \\' %_",
    "((((",
    "<script>alert(1)</script>",
    "\U0010ffff\u202e\u0000"[:2],
    "a:*ABCD",
    "🦊",
]


@pytest.mark.parametrize("asked", HOSTILE)
async def test_signs_of_other_languages_mean_nothing(
    owner: Caller, rows: dict[str, str], asked: str
) -> None:
    answer = await owner.get(ASSETS, params={"q": asked})
    assert answer.status == 200


@pytest.mark.parametrize("asked", ["pu\x00mp", "x" * 201, "x" * 10_000])
async def test_what_no_search_needs_is_refused(owner: Caller, asked: str) -> None:
    answer = await owner.get(ASSETS, params={"q": asked})
    assert answer.status in (400, 414)


async def test_a_search_goes_with_all_that_a_list_understands(
    owner: Caller, rows: dict[str, str]
) -> None:
    by_name = await found(owner, rows, q="pump", sort="name")
    assert by_name == ["boiler", "pump"]
    assert await found(owner, rows, q="pump", filter="category=isnull=false") == []
    answer = await owner.get(ASSETS, params={"q": "pump", "fields": "tag"})
    assert [sorted(row) for row in answer.data] == [["id", "tag", "type"]] * 2
    numbered = await owner.get(ASSETS, params={"q": "pump", "page": "1"})
    assert numbered.body["meta"]["pagination"]["total"] == 2


async def test_pages_of_a_search_follow_its_order(
    owner: Caller, rows: dict[str, str]
) -> None:
    first = await owner.get(ASSETS, params={"q": "pump", "per_page": "1"})
    following = first.body["links"]["next"]
    second = await owner.get(following)
    assert [rows[it.data[0]["id"]] for it in (first, second)] == ["pump", "boiler"]
    assert second.body["links"]["next"] is None
    stolen = following.replace("q=pump", "q=boiler")
    assert (await owner.get(stolen)).code == "INVALID_QUERY"


async def test_what_is_deleted_or_changed_is_found_no_more(house: House) -> None:
    owner = await house.user(await house.tenant())
    made = await owner.create(ASSETS, name="Walrus", tag="W-1")
    path = f"{ASSETS}/{made['id']}"
    changed = await owner.patch(path, {"name": "Otter", "version": 1})
    assert (await owner.get(f"{ASSETS}?q=walrus")).data == []
    assert len((await owner.get(f"{ASSETS}?q=otter")).data) == 1
    assert changed.status == 200
    assert (await owner.send("DELETE", path)).status == 200
    assert (await owner.get(f"{ASSETS}?q=otter")).data == []
    assert (await owner.get(f"{ASSETS}?q=otter&deleted=only")).data == []


async def clerk_of(house: House, tenant: Tenant, *hidden: str) -> Caller:
    """Somebody from whom fields of assets are hidden."""
    owner, slug = await house.user(tenant), f"clerk_{len(hidden)}"
    grants = ["maintenance.assets.read"]
    masks = {"maintenance.assets": {"hide": list(hidden)}}
    body = {"name": slug, "title": slug, "grants": grants, "masks": masks}
    await owner.create("roles", **body)
    return await house.user(tenant, slug)


async def test_nobody_finds_rows_by_what_is_hidden_from_them(
    house: House, tenant: Tenant, rows: dict[str, str]
) -> None:
    """Pitfall 24: neither by words nor by words written alike."""
    clerk = await clerk_of(house, tenant, "serial", "tag")
    for asked in ("pump55", "pump5", "pmup55", "bo-4"):
        assert "boiler" not in await found(clerk, rows, q=asked), asked
    assert await found(clerk, rows, q="boil") == ["boiler"]
    assert await found(clerk, rows, q="pump") == ["pump"]


async def test_where_all_is_hidden_nothing_is_searched(
    house: House, tenant: Tenant, rows: dict[str, str]
) -> None:
    clerk = await clerk_of(house, tenant, "name", "tag", "serial", "category")
    assert (await clerk.get(f"{ASSETS}?q=pump")).code == "INVALID_QUERY"
