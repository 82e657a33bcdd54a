"""Aggregates of a plant: of which rows, in which groups, for whom."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from insula.apps.maintenance.work_orders import WorkOrder
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.aggregates.answering import Aggregator
from insula.kernel.resource.declaration import DeclarationError, Resource
from insula.kernel.resource.measures import Day, Month, Sum
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import asset

pytestmark = pytest.mark.anyio
ORDERS = "maintenance/work-orders"
DUE = ["2026-01-31T23:30:00Z", "2026-02-01T00:30:00Z", "2026-12-31T12:00:00Z", None]


@pytest.fixture(scope="module")
async def pump(the_owner: Caller) -> dict[str, Any]:
    """A pump with orders, and an order of nothing."""
    pump = await asset(the_owner, name="Pump 7")
    for priority, due_at in enumerate(DUE, start=1):
        of = pump["id"] if priority < 4 else None
        fields = {"priority": priority, "due_at": due_at, "asset_id": of}
        await the_owner.create(ORDERS, title=f"Order {priority}", **fields)
    return pump


async def ask(caller: Caller, **query: object) -> Any:
    """The groups of orders, the parameters encoded."""
    text = "&".join(f"{name}={quote(str(it))}" for name, it in query.items())
    return await caller.get(f"{ORDERS}/aggregate?{text}")


async def counts(caller: Caller, group: str, **query: object) -> list[Any]:
    """Each group's value and how many rows it has."""
    found = (await ask(caller, group=group, **query)).data
    return [(it["group"][group], it["measures"]["count"]) for it in found]


async def test_rows_are_counted_in_groups(owner: Caller, pump: Any) -> None:
    """K16: rows without a value are a group too, the last."""
    asked = {"group": "asset_id", "measures": "count,avg(priority)"}
    answer = await ask(owner, **asked)
    assert answer.data == [
        {
            "group": {"asset_id": pump["id"]},
            "labels": {"asset_id": "Pump 7"},
            "measures": {"count": 3, "avg(priority)": 2.0},
        },
        {
            "group": {"asset_id": None},
            "labels": {},
            "measures": {"count": 1, "avg(priority)": 4.0},
        },
    ]
    meta = answer.body["meta"]
    assert (meta["zone"], meta["truncated"]) == ("UTC", False)
    assert (await ask(owner)).data[0]["measures"] == {"count": 4}
    nothing = await ask(owner, filter="due_at=gt=2030-01-01T00:00:00Z")
    assert nothing.data == [{"group": {}, "labels": {}, "measures": {"count": 0}}]


async def test_filters_words_and_sorts_are_those_of_the_list(
    owner: Caller, pump: Any
) -> None:
    assert await counts(owner, "priority", filter="due_at=isnull=false") == [
        (1, 1),
        (2, 1),
        (3, 1),
    ]
    assert await counts(owner, "priority", sort="-priority", limit=1) == [(4, 1)]
    assert await counts(owner, "kind", asset_id=pump["id"]) == [("corrective", 3)]
    assert await counts(owner, "state", scope="pending", q="order") == [("open", 4)]
    assert await counts(owner, "state", deleted="only") == []
    two = await ask(owner, group="asset_id,priority", sort="-count,-priority", limit=2)
    assert [it["group"]["priority"] for it in two.data] == [4, 3]
    assert two.body["meta"]["truncated"] is True


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", [("2026-02-01", 2)]),
        ("Nowhere/There", [("2026-01-01", 1), ("2026-02-01", 1)]),
    ],
)
async def test_periods_are_those_of_the_tenants_calendar(
    house: House, tenant: Tenant, pump: Any, zone: str, first: list[Any]
) -> None:
    """A month ends when it ends there; it is told by its first day."""
    api = house.platform.engine.api("maintenance.work_orders")
    actor = Actor(ActorKind.user, uuid7(), tenant=tenant.id, grants=["*"])
    session = house.platform.open_session(tenant.home, tenant.id)
    there = replace(tenant, zone=zone)
    ctx = Context(actor, tenant=there, session=session)
    call = Call("", query={"group": "due_at:month"})
    found = msgspec.json.decode((await Aggregator(api, {})(ctx, call)).data)
    assert [(it["group"]["due_at:month"], it["measures"]["count"]) for it in found] == [
        *first,
        ("2026-12-01", 1),
        (None, 1),
    ]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"group": "title"}, "nothing is called 'title' here; there are: state"),
        ({"group": ""}, "nothing is called ''"),
        ({"group": "due_at"}, "due_at:week"),
        ({"group": "due_at:day"}, "due_at:week"),
        ({"group": "asset_id;DROP"}, "nothing is called"),
        ({"measures": "sum(priority)"}, "there are: count, avg(priority)"),
        ({"measures": "count,count(*)"}, "nothing is called 'count(*)'"),
        ({"group": "state,kind,priority,asset_id,assignee_id"}, "at most 4"),
        ({"sort": "-priority"}, "cannot sort by 'priority'; sorts: count"),
        ({"sort": "count,count"}, "cannot sort"),
        ({"limit": "0"}, "limit is a number"),
        ({"limit": "1001"}, "limit is a number"),
        ({"limit": "9" * 5000}, "limit is a number"),
        ({"limit": "²"}, "limit is a number"),
        ({"page": "1"}, "'page' is for lists"),
        ({"include": "asset"}, "'include' is for lists"),
        ({"filter": "title==x"}, "cannot filter"),
        ({"nosuch": "x"}, "cannot filter by 'nosuch'"),
    ],
)
async def test_what_is_not_offered_is_refused_with_what_is(
    owner: Caller, query: dict[str, str], told: str
) -> None:
    answer = await ask(owner, **query)
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert told in answer.body["error"]["message"]


async def test_who_reaches_few_rows_is_told_of_few(
    house: House, tenant: Tenant, owner: Caller, pump: Any
) -> None:
    """PITFALLS 25; nor do labels tell what somebody may not read."""
    grants = ["own:maintenance.work_orders.read"]
    await owner.create("roles", name="mine", title="Mine", grants=grants)
    mine = await house.user(tenant, "mine")
    assert await counts(mine, "priority") == []
    given = {"name": "orders", "title": "O", "grants": ["maintenance.work_orders.read"]}
    await owner.create("roles", **given)
    clerk = await house.user(tenant, "orders")
    found = (await ask(clerk, group="asset_id")).data
    assert [it["labels"] for it in found] == [{}, {}]
    assert (await clerk.get("maintenance/assets/aggregate")).status == 403
    stranger = await house.user(await house.tenant())
    assert await counts(stranger, "priority") == []


async def test_a_hidden_field_is_no_measure_dimension_or_filter(
    house: House, tenant: Tenant, owner: Caller, pump: Any
) -> None:
    """PITFALLS 24: and what is named by it is called nothing."""
    masks = {
        "maintenance.work_orders": {"hide": ["priority", "due_at"]},
        "maintenance.assets": {"hide": ["name"]},
    }
    given = {"name": "masked", "title": "M", "grants": ["maintenance.*.read"]}
    await owner.create("roles", **given, masks=masks)
    masked = await house.user(tenant, "masked")
    for query in (
        {"group": "priority"},
        {"group": "due_at:month"},
        {"measures": "avg(priority)"},
        {"filter": "due_at=isnull=true"},
    ):
        assert (await ask(masked, **query)).status == 400, query
    found = (await ask(masked, group="asset_id")).data
    assert [it["labels"] for it in found] == [{}, {}]


@pytest.mark.parametrize(
    "said",
    [
        {"measures": (Sum(WorkOrder.title),)},
        {"measures": (Sum(WorkOrder.due_at),)},
        {"measures": (Sum(WorkOrder.priority), Sum(WorkOrder.priority))},
        {"dimensions": (WorkOrder.due_at,)},
        {"dimensions": (Month(WorkOrder.priority),)},
        {"dimensions": (Day(WorkOrder.due_at),), "hidden": (WorkOrder.due_at,)},
    ],
)
def test_what_means_nothing_is_told_when_the_app_loads(said: Any) -> None:
    with pytest.raises(DeclarationError, match=r"maintenance\.work_orders: "):
        Resource(WorkOrder, **said)
