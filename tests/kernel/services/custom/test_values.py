"""Values of custom fields: checked, kept, found, changed like any other field."""

from typing import Any

import pytest

from tests.house import Caller, House
from tests.kernel.services.custom.conftest import (
    ADDED,
    COMPANIES,
    add,
    company,
    found,
)

pytestmark = pytest.mark.anyio

WHOLE = {
    "colour": "red",
    "size": 3,
    "since": "2026-01-02",
    "price": 0.1,
    "seen": "2026-01-02T03:04:05Z",
    "vip": True,
    "nick": "Ünï",
    "notes": "a\nb",
    "tastes": ["sour"],
}


async def test_values_are_kept_as_they_are_sent(owner: Caller) -> None:
    """K13, S3-39: every kind, in the answer, the row and the list."""
    made = await company(owner, **WHOLE)
    assert made["custom"] == WHOLE
    assert (await owner.get(f"{COMPANIES}/{made['id']}")).data["custom"] == WHOLE
    (listed,) = (await owner.get(f"{COMPANIES}?per_page=1")).data
    assert listed["custom"] == WHOLE


@pytest.mark.parametrize(
    ("custom", "field", "code"),
    [
        ({"wings": 2}, "custom.wings", "unknown"),
        ({"size": "3"}, "custom.size", "int_type"),
        ({"size": 2**53}, "custom.size", "less_than_equal"),
        ({"since": "1767225600"}, "custom.since", "date_parsing"),
        ({"seen": "2026-01-02T03:04:05"}, "custom.seen", "timezone_aware"),
        ({"price": 0.1234567}, "custom.price", "decimal_max_places"),
        ({"colour": "blue"}, "custom.colour", "literal_error"),
        ({"tastes": ["sweet", "sweet"]}, "custom.tastes", "literal_error"),
        ({"nick": ""}, "custom.nick", "string_too_short"),
        ({"nick": {"$ne": 1}}, "custom.nick", "string_type"),
        ([], "custom", "dict_type"),
    ],
)
async def test_what_a_field_does_not_take_is_told_by_its_name(
    owner: Caller, custom: Any, field: str, code: str
) -> None:
    refused = await owner.post(COMPANIES, {"name": "Acme", "custom": custom})
    assert refused.status == 422
    (fault,) = refused.body["error"]["details"]
    assert (fault["field"], fault["code"]) == (field, code)


async def test_a_change_says_only_what_changes(owner: Caller) -> None:
    made = await company(owner, colour="red", size=3)
    path, version = f"{COMPANIES}/{made['id']}", {"if-match": '"1"'}
    body = {"custom": {"size": 4, "colour": None, "nick": "x"}}
    changed = (await owner.patch(path, body, headers=version)).data
    assert changed["custom"] == {"size": 4, "nick": "x"}
    assert made["id"] in await found(owner, "filter=custom.size==4")
    assert made["id"] not in await found(owner, "custom.colour=red")
    stale = await owner.patch(path, {"custom": {"size": 5}}, headers=version)
    assert stale.status == 412


FILTERS = {
    "custom.size=gt=7": {8, 9},
    "custom.size=lt=8": {-3, 7},
    "custom.size=le=-3": {-3},
    "custom.size=in=(7,8)": {7, 8},
    "custom.size=out=(7,8)": {-3, 9, None},
    "custom.size!=7": {-3, 8, 9, None},
    "custom.size=isnull=true": {None},
    "custom.size=isnull=false": {-3, 7, 8, 9},
    "custom.price==2.5": {7},
    "custom.price=ge=2.5;custom.vip==true": {7, 9},
    "custom.since=ge=2026-01-01": {8},
    "custom.since=lt=@today": {7},
    "custom.seen=lt=2026-01-01T00:00:00Z": {7},
    "custom.nick=prefix=Ze,custom.colour==green": {7, 8},
}


@pytest.fixture(scope="module")
async def herd(the_house: House) -> Caller:
    """A tenant of five companies that differ in their fields."""
    tenant = await the_house.tenant()
    herd = await the_house.user(tenant)
    await company(herd)  # before there is any field
    for key, kind, more in ADDED:
        await add(herd, key, kind, **more)
    await the_house.work(tenant)
    days = {7: "1999-12-31", 8: "9998-01-01"}
    for size, price in ((-3, -1.5), (7, 2.5), (8, 2.499999), (9, 10)):
        more = {"since": days[size], "nick": "Zeta"} if size in days else {}
        if size == 7:
            more["seen"] = "2026-01-01T00:30:00+01:00"
        said = {"size": size, "price": price, "vip": size != 8, **more}
        await company(herd, **said)
    return herd


async def test_rows_are_found_by_every_kind(herd: Caller) -> None:
    """K13: also those that were there before the field, which have no value."""
    for text, sizes in FILTERS.items():
        rows = (await herd.get(f"{COMPANIES}?filter={text}")).data
        assert {it["custom"].get("size") for it in rows} == sizes, text
    both = await herd.get(f"{COMPANIES}?custom.vip=true&filter=custom.size=gt=7")
    assert [it["custom"]["size"] for it in both.data] == [9]


async def test_rows_are_sorted_page_by_page(herd: Caller) -> None:
    """K13: whoever has no value is before all that have one."""
    for sign, wanted in (("", [None, -3, 7, 8, 9]), ("-", [9, 8, 7, -3, None])):
        query, seen = f"{COMPANIES}?sort={sign}custom.size&per_page=2", list[Any]()
        more: str | None = ""
        while more is not None:
            page = await herd.get(query + more)
            seen += [it["custom"].get("size") for it in page.data]
            cursor = page.body["meta"]["pagination"].get("next_cursor")
            more = None if cursor is None else f"&cursor={cursor}"
        assert seen == wanted


@pytest.mark.parametrize(
    "query",
    [
        "filter=custom.notes==x",
        "filter=custom.nope==1",
        "sort=custom.notes",
        "sort=custom_1",
        "filter=custom_1==x",
        "custom_1=x",
        "filter=custom==x",
        "filter=custom.size==abc",
        "filter=custom.vip=gt=true",
        "filter=custom.size=prefix=1",
        "filter=custom.size=isnull=perhaps",
        "filter=custom.since==1767225600",
        "fields=custom_1",
    ],
)
async def test_what_cannot_be_asked_is_refused(owner: Caller, query: str) -> None:
    refused = await owner.get(f"{COMPANIES}?{query}")
    assert (refused.status, refused.code) == (400, "INVALID_QUERY")
