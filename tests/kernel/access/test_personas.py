"""The five people of the example: what each comes to, and what they do not."""

import pytest

from tests.house import Caller
from tests.kernel.access.conftest import Town

pytestmark = pytest.mark.anyio

EVERYTHING = (
    "sales/deals",
    "sales/totals",
    "isp/lines",
    "isp/visits",
    "isp/tickets",
    "commerce/products",
    "commerce/orders",
    "maintenance/assets",
    "users",
)


async def reached(person: Caller) -> set[str]:
    """What somebody may list or read; anything else answers 403."""
    found = set()
    for path in EVERYTHING:
        answer = await person.get(path)
        assert answer.status in (200, 403), (path, answer.status)
        if answer.status == 200:
            found.add(path)
    return found


async def test_the_super_admin_comes_to_all_apps(town: Town) -> None:
    """S2-19, S3-73."""
    person = await town.user("super_admin")
    assert await reached(person) == set(EVERYTHING)
    assert (await person.post("isp/lines", {"number": "1"})).status == 201
    assert (await person.get("roles")).status == 200


async def test_the_it_manager_comes_to_two_apps(town: Town) -> None:
    """S2-20: with a role of the tenant's own, for ISP and SALES."""
    await town.role("it_manager", "isp.*.manage", "sales.*.manage")
    person = await town.user("it_manager")
    both = {it for it in EVERYTHING if it.startswith(("isp/", "sales/"))}
    assert await reached(person) == both
    assert (await person.post("isp/lines", {"number": "2"})).status == 201
    assert (await person.post("commerce/products", {"name": "x"})).status == 403


async def test_the_sales_rep_sells(town: Town) -> None:
    """S2-21: their own deals, and the shop; nothing of the network."""
    person = await town.user("sales.sales_rep", "commerce.sales_rep")
    await town.deal("somebody else's")
    shop = {it for it in EVERYTHING if it.startswith(("sales/", "commerce/"))}
    assert await reached(person) == shop
    mine = await person.create("sales/deals", title="mine")
    assert [it["id"] for it in (await person.get("sales/deals")).data] == [mine["id"]]
    assert (await person.post("isp/lines", {"number": "3"})).status == 403


async def test_the_customer_buys_and_complains(town: Town) -> None:
    """S2-22: the portal of the provider and the shop, each with what is theirs."""
    person = await town.user("isp.customer", "commerce.customer")
    other = await town.user("isp.customer", "commerce.customer")
    theirs = {"isp/tickets", "commerce/products", "commerce/orders"}
    assert await reached(person) == theirs
    ticket = await person.create("isp/tickets", subject="slow")
    order = await person.create("commerce/orders", product="router")
    for path in (f"isp/tickets/{ticket['id']}", f"commerce/orders/{order['id']}"):
        assert (await person.get(path)).status == 200
        assert (await other.get(path)).status == 404
    assert (await person.post("commerce/products", {"name": "x"})).status == 403


async def test_the_technician_sees_the_day_ahead(town: Town) -> None:
    """S2-23: their own visits, to read and to report on."""
    person, other = await town.user("isp.technician"), await town.user("isp.technician")
    assert await reached(person) == {"isp/visits"}
    visit = await town.owner.create(
        "isp/visits", place="Main St 1", technician_id=str(person.actor_id)
    )
    path = f"isp/visits/{visit['id']}"
    done = await person.patch(path, {"note": "done", "version": 1})
    assert done.data["note"] == "done"
    assert (await other.patch(path, {"note": "x", "version": 2})).status == 404
    assert (await person.post("isp/visits", {"place": "x"})).status == 403
