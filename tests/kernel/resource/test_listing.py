"""Lists: filtered, sorted, and walked page by page without a gap or a repetition."""

import asyncio
import base64
from typing import Any
from urllib.parse import quote

import pytest

from insula.kernel.resource.listing import MOST_SHAPES
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import ASSETS, asset

pytestmark = pytest.mark.anyio
NAMES = ["ant", "bee", "bee", "bee", "cat", "Dog", "élan", "bee", "ant", "zoo"]
CATEGORIES = ["a", "a", "b", "b", "b", None, "c", "c", "a,b", "(x)"]


@pytest.fixture(scope="module")
async def rows(the_owner: Caller) -> list[dict[str, Any]]:
    """Ten assets, some of which share a name; the last two are down."""
    made = [
        await asset(the_owner, name=name, category=category)
        for name, category in zip(NAMES, CATEGORIES, strict=True)
    ]
    for row in made[-2:]:
        path = f"{ASSETS}/{row['id']}/take-down"
        row.update((await the_owner.post(path, {"reason": "Leaks"})).data)
    return made


@pytest.fixture
async def reader(rows: list[Any], house: House, tenant: Tenant) -> Caller:
    """Somebody who reads them."""
    return await house.user(tenant, "viewer")


async def found(reader: Caller, query: str) -> list[dict[str, Any]]:
    """The rows that a query answers with."""
    answer: list[dict[str, Any]] = (await reader.get(f"{ASSETS}?{query}")).data
    return answer


async def walked(reader: Caller, query: str) -> list[str]:
    """The ids of all pages of a list."""
    ids, following = [], f"/api/v1/{ASSETS}?{query}"
    while following:
        page = (await reader.get(following)).body
        ids += [row["id"] for row in page["data"]]
        following = page["links"]["next"]
    return ids


async def test_the_newest_come_first(reader: Caller, rows: list[Any]) -> None:
    assert await found(reader, "") == rows[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("category=a", [0, 1]),
        ("filter=category==a", [0, 1]),
        ("filter=category=in=(a,c)", [0, 1, 6, 7]),
        ("filter=category=in=('(x)')", [9]),
        ("filter=category=ge=b;category=lt=c", [2, 3, 4]),
        ("filter=category=gt=b;state==in_service", [6, 7]),
        ("category=b&filter=category=in=(b,c)", [2, 3, 4]),
        ("state=down", [8, 9]),
        ("state=retired", []),
        ("location_id=00000000-0000-7000-8000-00000000dead", []),
        ("category=a%2Cb", [8]),
        ("category='%20OR%201=1", []),
    ],
)
async def test_a_filter_finds_what_meets_it(
    reader: Caller, rows: list[Any], query: str, expected: list[int]
) -> None:
    ids = [row["id"] for row in await found(reader, f"{query}&sort=id")]
    assert ids == [rows[at]["id"] for at in expected]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("nme=x", "category, location_id, state"),
        ("filter=nme==x", "category, location_id, state"),
        ("name=x", "filters:"),
        ("tenant_id=x", "filters:"),
        ("deleted_at=x", "filters:"),
        ("filter=", "no comparison"),
        ("filter=category", "no comparison"),
        ("filter=category==a;", "no comparison"),
        ("filter=category=in=a,b", "from character 13 on"),
        ("filter=category=like=a", "no comparison"),
        ("state=broken", "another kind of value"),
        ("location_id=1", "another kind of value"),
        ("category=", "another kind of value"),
        ("sort=category", "created_at, id, name"),
        ("sort=-nme", "created_at, id, name"),
        ("sort=name,name", "sorts:"),
        ("sort=name,", "sorts:"),
        ("sort=", "sorts:"),
        ("fields=name,nme", "'nme'"),
        ("fields=tenant_id", "'tenant_id'"),
        ("fields=", "''"),
        ("scope=x", "scopes: none"),
        ("deleted=yes", "'no' or 'only'"),
        ("include=location.parent.parent", "2 steps"),
    ],
)
async def test_what_is_not_offered_is_refused_with_what_is(
    reader: Caller, query: str, told: str
) -> None:
    """A typo never widens a list silently; no hidden column is reached."""
    answer = await reader.get(f"{ASSETS}?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert told in answer.body["error"]["message"]


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "x", "", "1e3", "٣", "100000"])
async def test_a_page_size_is_a_small_number(reader: Caller, size: str) -> None:
    answer = await reader.get(f"{ASSETS}?per_page={quote(size)}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_pages_have_a_usual_and_a_largest_size(reader: Caller) -> None:
    """S3, R33: 15 usually, 100 at most."""
    for query, size in (("", 15), ("?per_page=99999", 100), ("?per_page=7", 7)):
        page = (await reader.get(f"{ASSETS}{query}")).body
        assert page["meta"]["pagination"]["per_page"] == size
        assert len(page["data"]) <= size


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "created_at"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 10, 11])
async def test_pages_have_every_row_exactly_once(
    reader: Caller, rows: list[Any], sort: str, size: int
) -> None:
    """S4-28: rows that share a name are told apart by their ids."""
    ids = await walked(reader, f"sort={sort}&per_page={size}")
    assert len(ids) == len(rows)
    whole = [row["id"] for row in await found(reader, f"sort={sort}&per_page=100")]
    assert ids == whole
    assert set(ids) == {row["id"] for row in rows}


async def test_both_ways_of_a_sort_mirror_each_other(reader: Caller) -> None:
    for name in ("id", "name", "created_at"):
        up = await found(reader, f"sort={name}")
        assert up == (await found(reader, f"sort=-{name}"))[::-1]
    names = [row["name"] for row in await found(reader, "sort=name")]
    assert names.count("bee") == 4
    start = names.index("bee")
    assert names[start : start + 4] == ["bee"] * 4


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-created_at"])
async def test_pages_stay_whole_while_rows_come(house: House, sort: str) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    old = [(await asset(owner, name=f"N{i % 3}"))["id"] for i in range(12)]

    async def insert() -> None:
        for number in range(10):
            await asset(owner, name=f"N{number % 5}")

    ids, _ = await asyncio.gather(
        walked(owner, f"sort={sort}&per_page=2&filter=state==in_service"), insert()
    )
    assert len(ids) == len(set(ids))
    assert set(ids) >= set(old)


async def next_cursor(reader: Caller, query: str = "per_page=2") -> str:
    """Where the second page of a list begins."""
    page = (await reader.get(f"{ASSETS}?{query}")).body
    return str(page["meta"]["pagination"]["next_cursor"])


@pytest.mark.parametrize(
    "query",
    [
        "sort=name",
        "sort=id",
        "category=b",
        "state=in_service",
        "deleted=only",
        "fields=name",
    ],
)
async def test_a_cursor_is_of_no_use_in_another_list(
    reader: Caller, query: str
) -> None:
    """PITFALLS 26."""
    cursor = await next_cursor(reader)
    assert (await reader.get(f"{ASSETS}?per_page=3&cursor={cursor}")).status == 200
    answer = await reader.get(f"{ASSETS}?{query}&cursor={cursor}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_a_cursor_is_of_no_use_to_another(house: House, reader: Caller) -> None:
    """PITFALLS 26: nor to another user, tenant or resource."""
    cursor = await next_cursor(reader)
    tenant = await house.tenant()
    stranger = await house.user(tenant)
    for _ in range(3):
        await asset(stranger)
    assert (await stranger.get(f"{ASSETS}?cursor={cursor}")).status == 400
    tenant = await house.platform.directory.at_host(reader.host)
    colleague = await house.user(tenant, "viewer")
    assert (await colleague.get(f"{ASSETS}?cursor={cursor}")).status == 400
    meters = f"maintenance/meters?cursor={cursor}"
    assert (await reader.get(meters)).status == 400


async def test_a_cursor_cannot_be_made_up(reader: Caller) -> None:
    cursor = await next_cursor(reader)
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    forged = [b"", b"x", bytes(16), bytes(16) + b"[null,null]", bytes(raw[:-1])]
    for at in (0, 15, 16, len(raw) - 1):
        changed = bytearray(raw)
        changed[at] ^= 1
        forged.append(bytes(changed))
    texts = [base64.urlsafe_b64encode(it).decode() for it in forged]
    for text in (*texts, "", "é", "%00", "a", "ab", "abc", "x" * 4000):
        answer = await reader.get(f"{ASSETS}?per_page=2&cursor={quote(text)}")
        assert (answer.status, answer.code) == (400, "INVALID_QUERY"), text


async def test_only_the_wanted_fields_come(reader: Caller, rows: list[Any]) -> None:
    """Sparse fields: id and type always."""
    (row, *_) = await found(reader, "fields=name,tag&sort=id")
    first = rows[0]
    names = ("type", "id", "name", "tag")
    assert row == {name: first[name] for name in names}
    (row, *_) = await found(reader, "fields=type,id,id&sort=name")
    assert set(row) == {"type", "id"}
    ids = await walked(reader, "fields=tag&sort=name&per_page=3")
    assert len(set(ids)) == len(rows)


async def test_the_trash_is_a_list_of_its_own(house: House) -> None:
    owner = await house.user(await house.tenant())
    kept, gone = await asset(owner, category="a"), await asset(owner, category="a")
    await owner.send("DELETE", f"{ASSETS}/{gone['id']}")
    assert [row["id"] for row in await found(owner, "category=a")] == [kept["id"]]
    for query in ("deleted=only", "deleted=only&category=a&sort=-name"):
        assert [row["id"] for row in await found(owner, query)] == [gone["id"]]
    assert await found(owner, "deleted=only&category=b") == []


async def test_a_question_has_at_most_twenty_comparisons(reader: Caller) -> None:
    """Promise 15."""
    for count, status in ((20, 200), (21, 400), (2000, 400)):
        text = ";".join(["category==a"] * count)
        answer = await reader.send("GET", f"{ASSETS}", params={"filter": text})
        assert answer.status in (status, 414), count
    text = ";".join(["category==a"] * 20)
    assert (await reader.get(f"{ASSETS}?category=a&filter={text}")).status == 400


async def test_the_memory_for_shapes_is_bounded(
    house: House, reader: Caller, rows: list[Any]
) -> None:
    lister = house.platform.engine.api("maintenance.assets").lister
    fields = [name for name in rows[0] if name not in ("type", "id")]
    picks = [
        ",".join(name for at, name in enumerate(fields) if number >> at & 1)
        for number in range(1, MOST_SHAPES + 20)
    ]
    for pick in picks:
        assert (await reader.get(f"{ASSETS}?per_page=1&fields={pick}")).status == 200
    assert len(lister._plans) <= MOST_SHAPES


async def test_an_unchanged_answer_is_not_sent_again(
    house: House,
) -> None:
    owner = await house.user(await house.tenant())
    row = await asset(owner)
    for path in (ASSETS, f"{ASSETS}/{row['id']}", f"{ASSETS}?fields=name"):
        first = await owner.get(path)
        known = {"if-none-match": first.headers["etag"]}
        again = await owner.get(path, headers=known)
        assert (again.status, again.body) == (304, "")
        assert again.headers["etag"] == first.headers["etag"]
        for header in ("vary", "cache-control"):
            assert again.headers[header] == first.headers[header]
        assert "authorization" in first.headers["vary"].lower()
        assert first.headers["cache-control"] == "private, no-cache"
        weak = {"if-none-match": f'"x", W/{first.headers["etag"].removeprefix("W/")}'}
        assert (await owner.get(path, headers=weak)).status == 304
    known = {"if-none-match": (await owner.get(ASSETS)).headers["etag"]}
    await owner.patch(f"{ASSETS}/{row['id']}", {"name": "X", "version": 1})
    assert (await owner.get(ASSETS, headers=known)).status == 200
