"""Timelines: what happened to a row, and to whatever refers to it."""

from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
CONTACTS, COMPANIES = "people/contacts", "people/companies"
COUNT = Statement(
    "SELECT count(*) FROM home__.timeline_entries WHERE tenant_id = $1::text::uuid"
)
FORGET = Statement(
    "DELETE FROM home__.timeline_entries WHERE tenant_id = $1::text::uuid"
)
ANY = {"if-match": "*"}


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant for the tests of this module."""
    return await the_house.tenant()


@pytest.fixture
async def owner(house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await house.user(tenant)


async def timeline(caller: Caller, row: str, query: str = "") -> list[dict[str, Any]]:
    """What happened to a row, the newest first."""
    found: list[dict[str, Any]] = (await caller.get(f"{row}/timeline{query}")).data
    return found


async def company_with_contact(owner: Caller, **more: Any) -> tuple[str, str]:
    """The paths of a new company and of a contact of it."""
    company = await owner.create(COMPANIES, name="Acme", **more)
    contact = await owner.create(CONTACTS, name="Ada", company_id=company["id"])
    return f"{COMPANIES}/{company['id']}", f"{CONTACTS}/{contact['id']}"


async def test_what_happens_to_a_row_is_told_where_it_belongs(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """On its own timeline, and on those of the rows that it refers to or did so."""
    company, contact = await company_with_contact(owner)
    await owner.patch(contact, {"name": "Eve"}, headers=ANY)
    await owner.create(f"{contact}/tags", tags=["vip"])
    await owner.patch(contact, {"company_id": None}, headers=ANY)
    await owner.patch(contact, {"name": "Eva"}, headers=ANY)
    await house.work(tenant)
    told = [(it["name"], it["field"]) for it in await timeline(owner, company)]
    assert told == [
        ("people.contact.updated", "company_id"),
        *[("people.contact.created", "company_id"), ("people.company.created", None)],
    ]
    newest, *_, eldest = own = await timeline(owner, contact)
    assert [it["verb"] for it in own] == [
        *("updated", "updated", "tagged", "updated", "created")
    ]
    assert newest["data"] == {"name": ["Eve", "Eva"]}
    assert eldest["subject"] == {
        "type": "people.contact",
        "id": contact.rpartition("/")[2],
        "title": "Eva",
        "path": f"/api/v1/{contact}",
    }
    assert eldest["actor"]["id"] == str(owner.actor_id)
    assert (eldest["app"], eldest["at"][-1]) == ("people", "Z")


async def test_a_timeline_is_read_page_by_page(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    _, contact = await company_with_contact(owner)
    for name in ("B", "C"):
        await owner.patch(contact, {"name": name}, headers=ANY)
    await house.work(tenant)
    page = await owner.get(f"{contact}/timeline?per_page=2")
    assert [it["verb"] for it in page.data] == ["updated", "updated"]
    cursor = page.body["meta"]["pagination"]["next_cursor"]
    rest = await owner.get(f"{contact}/timeline?per_page=2&cursor={cursor}")
    assert [it["verb"] for it in rest.data] == ["created"]
    assert (await owner.get(f"{contact}/timeline?cursor=x")).status == 400
    assert (await owner.get(f"{CONTACTS}/{tenant.id}/timeline")).status == 404


async def test_a_comment_is_told_as_long_as_it_is_there(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """What it says now; of one that is deleted nothing stays."""
    _, contact = await company_with_contact(owner)
    said = await owner.create(f"{contact}/comments", text="Fals")
    await house.work(tenant)
    await owner.patch(f"comments/{said['id']}", {"text": "False"})
    newest, _ = await timeline(owner, contact)
    assert (newest["name"], newest["data"]) == ("comment.created", {"text": "False"})
    await owner.send("DELETE", f"comments/{said['id']}")
    assert [it["verb"] for it in await timeline(owner, contact)] == ["created"]


async def test_a_timeline_tells_no_more_than_its_reader_may_know(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """No rows that they may not read, and no field that is hidden from them."""
    grants = ["people.companies.read", "own:people.contacts.read"]
    masks = {"people.companies": {"hide": ["domain"]}}
    role = {"name": "clerk", "title": "Clerk", "grants": grants, "masks": masks}
    await owner.create("roles", **role)
    await owner.create("roles", name="guard", title="Guard", grants=grants[:1])
    clerk, guard = await house.user(tenant, "clerk"), await house.user(tenant, "guard")
    company, theirs = await company_with_contact(owner, domain="acme.test")
    mine = {"name": "Mine", "company_id": company.rpartition("/")[2]}
    await owner.create(CONTACTS, **mine, owner_id=str(clerk.actor_id))
    await house.work(tenant)
    seen = await timeline(clerk, company)
    assert [it["subject"]["title"] for it in seen] == ["Mine", "Acme"]
    assert "domain" not in seen[1]["data"]
    assert [it["subject"]["type"] for it in await timeline(guard, company)] == [
        "people.company"
    ]
    assert (await clerk.get(f"{theirs}/timeline")).status == 404
    assert (await guard.get(f"{theirs}/timeline")).status == 403


async def test_old_events_get_their_place_and_none_twice(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """Replayed events make the entries that are missing, with the ids of before."""
    company, _ = await company_with_contact(owner)
    await house.work(tenant)
    before = await timeline(owner, company)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        every = (await transaction.fetch(COUNT))[0][0]
        await transaction.fetch(FORGET)
    for _ in range(2):
        assert (await owner.post("timeline/backfill")).status == 202
        await house.work(tenant)
    assert await timeline(owner, company) == before
    async with session.transaction() as transaction:
        assert (await transaction.fetch(COUNT))[0][0] == every
