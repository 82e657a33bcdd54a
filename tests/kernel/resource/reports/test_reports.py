"""Reports of a plant: of whose rows they are, in which language, and on whose dashboard."""

from datetime import UTC, datetime
from typing import Any

import pytest

from insula.apps.maintenance.reports import DONE
from insula.apps.maintenance.work_orders import WorkOrder, work_orders
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.declaration import DeclarationError
from insula.kernel.resource.reports.preparing import prepare
from insula.kernel.tenancy.tenant import Tenant
from insula.sdk import Average, Chart, Count, Elapsed, Ratio, Report, Sum, Weighted
from tests.house import Caller, House
from tests.kernel.resource.conftest import asset
from tests.samples import LATE

pytestmark = pytest.mark.anyio
ORDERS = "maintenance/work-orders"
REPORTS = "maintenance/reports"
PAST = "2026-01-31T12:00:00Z"

AGED = Statement(
    f"UPDATE {HOME}.maintenance_assets SET created_at = $3::timestamptz"
    " WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid"
)
DOWN = Statement(
    f"INSERT INTO {HOME}.maintenance_asset_downtimes"
    " (tenant_id, id, created_at, updated_at, version, asset_id, started_at,"
    " ended_at, reason)"
    " SELECT $1::text::uuid, $2::uuid, $3::timestamptz, $3::timestamptz,"
    " 1, $4::text::uuid, $3::timestamptz, $5::timestamptz, 'x'"
)


def moment(day: int, hour: int) -> datetime:
    """A moment of January."""
    return datetime(2026, 1, day, hour, tzinfo=UTC)


@pytest.fixture(scope="module")
async def orders(the_owner: Caller) -> list[Any]:
    """Work for two assets: late, not yet due, and cancelled."""
    pump = await asset(the_owner, name="Pump 7")
    made = [
        await the_owner.create(ORDERS, title="W", due_at=due, asset_id=pump["id"])
        for due in (PAST, PAST, LATE, None)
    ]
    await the_owner.post(f"{ORDERS}/{made[1]['id']}/cancel")
    return made


async def test_reports_are_of_the_rows_that_somebody_reaches(
    house: House, tenant: Tenant, owner: Caller, orders: Any
) -> None:
    """K9, PITFALLS 25: who has a part of the rows has a report of that part."""
    found = (await owner.get(f"{REPORTS}/work-by-state")).data
    assert [(it["group"], it["measures"]) for it in found["rows"]] == [
        ({"state": "cancelled"}, {"count": 1}),
        ({"state": "open"}, {"count": 3}),
    ]
    assert (await owner.get(f"{REPORTS}/overdue")).data["totals"] == [
        {"group": {}, "labels": {}, "measures": {"count": 1}}
    ]
    grants = ["own:maintenance.work_orders.read"]
    await owner.create("roles", name="mine", title="Mine", grants=grants)
    mine = await house.user(tenant, "mine")
    await owner.create(ORDERS, title="Mine", assignee_id=str(mine.actor_id))
    own = (await mine.get(f"{REPORTS}/work-by-state")).data
    assert [it["measures"] for it in own["totals"]] == [{"count": 1}]
    assert (await mine.get(f"{REPORTS}/downtime")).status == 403
    elsewhere = await house.user(await house.tenant())
    none = (await elsewhere.get(f"{REPORTS}/work-by-state")).data
    assert (none["rows"], none["totals"][0]["measures"]) == ([], {"count": 0})


async def test_a_dashboard_has_the_cards_of_what_is_installed(
    house: House, tenant: Tenant, owner: Caller, orders: Any
) -> None:
    """K16, S2-33: each with its address; of what somebody may not read there is none."""
    cards = (await owner.get("dashboard")).data
    named = {it["name"]: it for it in cards if it["app"] == "maintenance"}
    assert set(named) == {
        f"maintenance.{it}" for it in ("work_by_state", "overdue", "work_done")
    }
    overdue = named["maintenance.overdue"]
    assert (overdue["chart"], overdue["title"]) == ("number", "Overdue work")
    for card in cards:
        assert (await owner.get(card["path"])).status == 200
    listed = (await owner.get(REPORTS)).data
    assert {it["name"] for it in listed} > set(named)
    powerless = await house.user(tenant, "customer")
    assert (await powerless.get("dashboard")).data == []
    assert (await powerless.get(REPORTS)).data == []
    bare = await house.user(await house.tenant(apps=()))
    assert not [it for it in (await bare.get("dashboard")).data if it in cards]
    assert (await bare.get(REPORTS)).status == 402


async def test_a_report_speaks_the_language_of_who_asks(
    owner: Caller, orders: Any
) -> None:
    """The figures are kept once, whoever reads them."""
    german = {"accept-language": "de"}
    answer = await owner.get(f"{REPORTS}/work-by-state", headers=german)
    assert answer.headers["content-language"] == "de"
    assert answer.data["title"] == "Arbeit nach Stand"
    assert answer.data["rows"][0]["labels"] == {"state": "Abgebrochen"}
    english = (await owner.get(f"{REPORTS}/work-by-state")).data
    assert english["rows"][0]["labels"] == {"state": "Cancelled"}


async def test_a_report_takes_the_filters_of_the_list(
    owner: Caller, orders: Any
) -> None:
    path = f"{REPORTS}/work-by-state?filter=due_at=isnull=false;state==open"
    found = (await owner.get(path)).data
    assert found["totals"][0]["measures"] == {"count": 2}
    mine = await owner.get(f"{REPORTS}/work-by-state?assignee_id=@me&from=2026-01-01")
    assert mine.data["rows"] == []


async def test_availability_comes_from_the_times_that_assets_were_down(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """Maintenance 10: MTBF, MTTR and availability, of what lies within the span."""
    press = await asset(owner, name="Press")
    session = house.platform.open_session(tenant.home, tenant.id)
    times = (moment(1, 12), moment(2, 12)), (moment(9, 0), moment(11, 0))
    async with session.transaction() as transaction:
        await transaction.fetch(AGED, press["id"], moment(1, 0))
        for begin, end in times:
            await transaction.fetch(DOWN, uuid7(), begin, press["id"], end)
    path = f"{REPORTS}/reliability?from=2026-01-01&to=2026-01-10"
    report = (await owner.get(path)).data
    assert report["rows"] == [
        {
            "group": {"asset_id": press["id"]},
            "labels": {"asset_id": "Press"},
            "measures": {
                "failures": 2,
                "time_between_failures": 7 * 86400 / 2,
                "time_to_repair": 3 * 86400 / 2,
                "availability": 0.7,
            },
        }
    ]
    for odd in ("from=0001-01-01", "to=9999-12-31", "from=9999-12-31", "to=0001-01-01"):
        assert (await owner.get(f"{REPORTS}/reliability?{odd}")).status == 200
        assert (await owner.get(f"{REPORTS}/work-by-state?{odd}")).status == 200
    clerk = await house.user(tenant, "maintenance.requester")
    assert (await clerk.get(f"{REPORTS}/reliability")).status == 404


OTHERS = {
    "no measure": {},
    "a part without a name": {"measures": (Count(where=DONE),)},
    "a name that is none": {"measures": (Count(where=DONE, name="a b"),)},
    "one name twice": {"measures": (Count(), Count(where=DONE, name="count"))},
    "a sum of words": {"measures": (Sum(WorkOrder.title),)},
    "a weight that is none": {
        "measures": (Weighted(WorkOrder.priority, by=WorkOrder.title),)
    },
    "no time between": {
        "measures": (Average(Elapsed(WorkOrder.occurrence_on, WorkOrder.due_at)),)
    },
    "a ratio without a name": {"measures": (Ratio(Count(), Count(), name="so what"),)},
    "no such sort": {"measures": (Count(),), "sort": ("-sum",)},
    "no time": {"measures": (Count(),), "period": WorkOrder.title},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_report_that_means_nothing_does_not_load(what: str) -> None:
    said: Any = OTHERS[what]
    with pytest.raises(DeclarationError, match="report odd: "):
        prepare(
            Report(
                name="odd", title="Odd", resource=work_orders, chart=Chart.bar, **said
            )
        )
