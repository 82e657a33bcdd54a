"""Rules: what no two rows may be at once, told as an error of a field (K2)."""

from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
STAYS = "shop/stays"
PURGE = Statement(
    "DELETE FROM home__.shop_invoices"
    " WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid"
)


@pytest.fixture(scope="module")
async def tenant(the_shop: House) -> Tenant:
    return await the_shop.tenant(apps=("shop",))


def stay(room: str, guest: str, first: str, last: str | None, **more: Any) -> Any:
    return {
        "room": room,
        "guest": guest,
        "first_on": f"2026-11-{first}",
        "last_on": last and f"2026-11-{last}",
        **more,
    }


async def refused(owner: Caller, body: Any) -> list[tuple[str, str]]:
    answer = await owner.post(STAYS, body)
    assert answer.status == 422, answer.body
    return [(it["field"], it["code"]) for it in answer.body["error"]["details"]]


async def test_a_night_is_nobodys_twice(owner: Caller) -> None:
    """Of dates both ends count; an open end is for ever."""
    await owner.create(STAYS, **stay("1", "Ada", "10", "12"))
    assert await refused(owner, stay("1", "Bob", "12", "14")) == [("room", "overlap")]
    assert await refused(owner, stay("1", "Bob", "01", None)) == [("room", "overlap")]
    await owner.create(STAYS, **stay("1", "Bob", "13", "14"))
    await owner.create(STAYS, **stay("2", "Cid", "10", None))


async def test_a_row_in_the_trash_is_in_nobodys_way(owner: Caller) -> None:
    made = await owner.create(STAYS, **stay("3", "Ada", "10", "12", vip=True))
    await owner.send("DELETE", f"{STAYS}/{made['id']}")
    await owner.create(STAYS, **stay("3", "Ada", "10", "12", vip=True))
    back = await owner.post(f"{STAYS}/{made['id']}/restore")
    assert back.status == 422


async def test_some_rows_alone_are_unique(owner: Caller) -> None:
    await owner.create(STAYS, **stay("5", "Eve", "01", "02"))
    await owner.create(STAYS, **stay("6", "Eve", "01", "02"))
    await owner.create(STAYS, **stay("7", "Eve", "01", "02", vip=True))
    twice = stay("8", "Eve", "01", "02", vip=True)
    assert await refused(owner, twice) == [("guest", "one_room_a_vip")]


async def test_any_comparison_can_exclude(owner: Caller) -> None:
    await owner.create(STAYS, **stay("11", "Fay", "01", "02", desk="north"))
    await owner.create(STAYS, **stay("12", "Fay", "01", "02", desk="north"))
    other = stay("13", "Fay", "01", "02", desk="south")
    assert await refused(owner, other) == [("desk", "one_desk")]


async def test_a_rule_knows_nothing_of_other_tenants(
    shop: House, owner: Caller
) -> None:
    await owner.create(STAYS, **stay("20", "Gus", "01", "02", vip=True, desk="a"))
    other = await shop.user(await shop.tenant(apps=("shop",)))
    await other.create(STAYS, **stay("20", "Gus", "01", "02", vip=True, desk="b"))


async def test_a_purged_invoice_is_let_go_by_its_tickets(
    shop: House, tenant: Tenant, owner: Caller
) -> None:
    """``on_delete`` sets the reference alone to NULL, never the tenant."""
    made = await owner.create("shop/invoices", title="A")
    ticket = await owner.create("shop/tickets", name="T", invoice_id=made["id"])
    session = shop.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(PURGE, made["id"])
    found = (await owner.get(f"shop/tickets/{ticket['id']}")).data
    assert found["invoice_id"] is None
