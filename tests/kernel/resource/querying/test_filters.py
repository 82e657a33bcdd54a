"""Filters, sorts and numbered pages, as a caller asks for them."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from insula.kernel.foundation.clock import now
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House
from tests.kernel.resource.conftest import ASSETS, asset
from tests.kernel.resource.querying.conftest import ORDERS

pytestmark = pytest.mark.anyio
PRIORITIES = [1, 2, 2, 3, 3, 3, 4, 5]
CATEGORIES = ["Boiler", "boat", "Boilers 2", "Bo", "Käfer", None, "a,b", "🦊"]


@pytest.fixture(scope="module")
async def rows(the_owner: Caller) -> list[dict[str, Any]]:
    """Orders, one an hour later due than the other; the first is the owner's."""
    begin = now() - timedelta(hours=4.5)
    return [
        await the_owner.create(
            ORDERS,
            title=f"T{at % 3}",
            priority=priority,
            due_at=(begin + timedelta(hours=at)).isoformat() if at else None,
            assignee_id=None if at else str(the_owner.actor_id),
        )
        for at, priority in enumerate(PRIORITIES)
    ]


@pytest.fixture(scope="module")
async def assets(the_owner: Caller) -> list[str]:
    """The ids of assets of all these categories."""
    made = [await asset(the_owner, category=it) for it in CATEGORIES]
    return [row["id"] for row in made]


async def ask(caller: Caller, path: str, **query: object) -> Answer:
    """A list, the parameters encoded."""
    text = "&".join(f"{name}={quote(str(it))}" for name, it in query.items())
    return await caller.get(f"{path}?{text}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("due_at=isnull=true", [0]),
        ("due_at=isnull=false;due_at<@now", [1, 2, 3, 4]),
        ("due_at=ge=@now", [5, 6, 7]),
        ("assignee_id==@me", [0]),
        ("assignee_id!=@me", [1, 2, 3, 4, 5, 6, 7]),
        ("assignee_id=out=(@me)", [1, 2, 3, 4, 5, 6, 7]),
        ("assignee_id==@me,due_at>@now", [0, 5, 6, 7]),
        ("state==open;(assignee_id==@me,due_at>@now)", [0, 5, 6, 7]),
        ("state!=open", []),
        ("state=out=(done,verified) and assignee_id==@me", [0]),
        ("due_at>=@today or due_at<@today or due_at=isnull=true", list(range(8))),
    ],
)
async def test_a_filter_finds_what_it_says(
    owner: Caller, rows: list[Any], text: str, found: list[int]
) -> None:
    """S4-29: what ``!=`` finds is whatever ``==`` does not, rows without a value too."""
    answer = await ask(owner, ORDERS, filter=text, sort="id")
    assert [row["id"] for row in answer.data] == [rows[at]["id"] for at in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("category=prefix=Boil", [0, 2]),
        ("category=prefix=Bo", [0, 2, 3]),
        ("category=prefix='Boilers '", [2]),
        ("category=prefix=Kä", [4]),
        ("category=prefix=%", []),
        ("category=prefix=_", []),
        ("category=prefix='a,'", [6]),
        ("category=prefix=🦊", [7]),
        ("category=prefix=\U0010ffff", []),
        ("category=gt=a", [1, 6, 7]),
        ("category=lt=a", [0, 2, 3, 4]),
        ("category=='a,b'", [6]),
        ("category!=Bo", [0, 1, 2, 4, 5, 6, 7]),
    ],
)
async def test_texts_are_found_by_how_they_begin(
    owner: Caller, assets: list[str], text: str, found: list[int]
) -> None:
    """S4-29: by code points, and with no signs that stand for others."""
    answer = await ask(owner, ASSETS, filter=text, sort="id")
    assert [row["id"] for row in answer.data] == [assets[at] for at in found]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (ORDERS, "priority==1", "cannot filter by 'priority'; filters: asset_id,"),
        (ORDERS, "tenant_id==@me", "cannot filter"),
        (ORDERS, "state=gt=open", "it is by ==, !=, =in=, =out="),
        (ORDERS, "state=prefix=op", "not compared by =prefix="),
        (ORDERS, "asset_id=lt=@me", "not compared by =lt="),
        (ORDERS, "state=isnull=true", "not compared by =isnull="),
        (ORDERS, "due_at=isnull=maybe", "write due_at=isnull=true or false"),
        (ORDERS, "due_at=lt=2026-11-21", "another kind of value"),
        (ORDERS, "due_at=lt=2026-11-21T10:00:00", "another kind of value"),
        (ORDERS, "due_at=lt=0001-01-01T00:00:00Z", "another kind of value"),
        (ORDERS, "due_at=lt=@me", "another kind of value"),
        (ORDERS, "asset_id==@now", "another kind of value"),
        (ORDERS, "asset_id==1", "another kind of value"),
        (ORDERS, "state=in=(open,broken)", "another kind of value"),
        (ASSETS, "category=prefix=''", "another kind of value"),
        (ASSETS, f"category==({'x' * 70})", "from character"),
        (ASSETS, f"category=={'x' * 70}", "another kind of value"),
        (ASSETS, f"category=prefix={'x' * 2000}", "another kind of value"),
    ],
)
async def test_what_is_not_offered_is_refused_with_what_is(
    owner: Caller, path: str, text: str, told: str
) -> None:
    """S4-30: fields, their operators and their values; before any database sees them."""
    answer = await ask(owner, path, filter=text)
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert told in answer.body["error"]["message"]


async def walked(caller: Caller, path: str) -> list[str]:
    """The ids of all pages."""
    following, seen = f"/api/v1/{path}", list[str]()
    while following:
        page = (await caller.get(following)).body
        seen += [row["id"] for row in page["data"]]
        following = page["links"]["next"]
    return seen


@pytest.mark.parametrize("sort", ["-priority,created_at", "priority,-id", "priority"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_several_sorts_are_walked_without_a_gap(
    owner: Caller, rows: list[Any], sort: str, size: int
) -> None:
    turn = -1 if sort.startswith("-") else 1
    last = -1 if sort.endswith("-id") else 1
    every = sorted(range(len(rows)), key=lambda at: (turn * PRIORITIES[at], last * at))
    seen = await walked(owner, f"{ORDERS}?sort={sort}&per_page={size}")
    assert seen == [rows[at]["id"] for at in every]


async def test_a_sort_has_few_fields_each_once(owner: Caller) -> None:
    for sort in ("priority,-priority", "priority,,id", "nme,id"):
        assert (await ask(owner, ORDERS, sort=sort)).code == "INVALID_QUERY"


async def test_numbered_pages_come_with_totals(owner: Caller, rows: list[Any]) -> None:
    """R33, S3-84, S3-85."""
    answer = await ask(owner, ORDERS, page=2, per_page=3, sort="id")
    assert [row["id"] for row in answer.data] == [row["id"] for row in rows[3:6]]
    assert answer.body["meta"]["pagination"] == {
        "current_page": 2,
        "per_page": 3,
        "total": 8,
        "total_pages": 3,
    }
    links = answer.body["links"]
    assert (await owner.get(links["next"])).data[0]["id"] == rows[6]["id"]
    assert len((await owner.get(links["prev"])).data) == 3
    (last, beyond, far) = [
        (await ask(owner, ORDERS, page=at, per_page=3)).body for at in (3, 4, 99)
    ]
    assert (last["links"]["next"], len(last["data"])) == (None, 2)
    assert beyond["data"] == far["data"] == []
    assert far["meta"]["pagination"]["total"] == 8
    assert (far["links"]["prev"], far["links"]["next"]) == (None, None)
    usual = (await ask(owner, ORDERS, page=1)).body["meta"]["pagination"]
    assert usual["per_page"] == 15


async def test_totals_count_what_the_caller_may_see(
    house: House, tenant: Tenant, owner: Caller, rows: list[Any]
) -> None:
    """PITFALLS 25."""
    grants = ["own:maintenance.work_orders.read"]
    await owner.create("roles", name="mine", title="Mine", grants=grants)
    nobody = await house.user(tenant, "mine")
    told = (await ask(nobody, ORDERS, page=1)).body
    assert (told["data"], told["meta"]["pagination"]["total"]) == ([], 0)
    assert told["meta"]["pagination"]["total_pages"] == 0
    query = {"page": 1, "filter": "due_at=ge=@now", "include": "asset"}
    some = (await ask(owner, ORDERS, **query)).body
    assert some["meta"]["pagination"]["total"] == len(some["data"]) == 3


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("page=0", "page is a number"),
        ("page=-1", "page is a number"),
        ("page=x", "page is a number"),
        ("page=999999", "page is a number"),
        ("page=101&per_page=100", "go on by `next_cursor`"),
        ("page=1&cursor=x", "not both"),
    ],
)
async def test_numbered_pages_have_an_end(owner: Caller, query: str, told: str) -> None:
    """R33: far pages cost all that lie before them."""
    answer = await owner.get(f"{ORDERS}?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert told in answer.body["error"]["message"]


async def test_a_tag_tells_of_rows_on_other_pages(house: House) -> None:
    owner = await house.user(await house.tenant())
    await asset(owner)
    path = f"{ASSETS}?page=1&per_page=1&sort=id"
    first = await owner.get(path)
    await asset(owner)
    again = await owner.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.data) == (200, first.data)
