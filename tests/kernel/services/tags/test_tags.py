"""Tags: what rows are called beside their names, and found by."""

from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
CONTACTS = "people/contacts"


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant for the tests of this module."""
    return await the_house.tenant()


@pytest.fixture
async def owner(house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await house.user(tenant)


async def contact(owner: Caller, name: str, *tags: str) -> str:
    """A new contact with these tags."""
    made = str((await owner.create(CONTACTS, name=name))["id"])
    if tags:
        await owner.create(f"{CONTACTS}/{made}/tags", tags=list(tags))
    return made


async def names(owner: Caller, query: str) -> list[str]:
    """The contacts that a query finds, by name."""
    found = (await owner.get(f"{CONTACTS}?sort=name&{query}")).data
    return [it["name"] for it in found]


async def test_a_contact_has_tags_and_is_found_by_them(owner: Caller) -> None:
    """S3-39: in lists and by itself; a name's case tells nothing apart."""
    ada = await contact(owner, "T-Ada", "VIP", "Press")
    await contact(owner, "T-Bob", "vip")
    await contact(owner, "T-Cid")
    read = await owner.get(f"{CONTACTS}/{ada}")
    assert read.data["tags"] == ["Press", "VIP"]
    assert await names(owner, "filter=tags==vip") == ["T-Ada", "T-Bob"]
    assert await names(owner, "tags=press") == ["T-Ada"]
    assert await names(owner, "filter=tags=in=(press,nobody)") == ["T-Ada"]
    assert await names(owner, "filter=tags!=press;tags=isnull=false") == ["T-Bob"]
    assert "T-Cid" in await names(owner, "filter=tags=out=(vip,press)")
    page = await owner.get(f"{CONTACTS}?sort=name&fields=name,tags&tags=vip")
    assert [it["tags"] for it in page.data] == [["Press", "VIP"], ["VIP"]]
    assert set(page.data[0]) == {"type", "id", "name", "tags"}


async def test_a_tag_changes_what_a_cache_knows_but_not_the_version(
    owner: Caller,
) -> None:
    """Whoever has the row of before is told the new one, and may still change it."""
    ada = await contact(owner, "Ada")
    path = f"{CONTACTS}/{ada}"
    before = (await owner.get(path)).headers["etag"]
    await owner.create(f"{path}/tags", tags=["new"])
    again = await owner.get(path, headers={"if-none-match": before})
    assert (again.status, again.data["version"]) == (200, 1)
    tag = again.headers["etag"]
    assert (await owner.get(path, headers={"if-none-match": tag})).status == 304
    changed = await owner.patch(path, {"name": "Eve"}, headers={"if-match": tag})
    assert changed.data["version"] == 2


async def test_tags_are_set_and_taken(owner: Caller) -> None:
    ada = await contact(owner, "Ada", "one", "two")
    path = f"{CONTACTS}/{ada}/tags"
    kept = await owner.send("PUT", path, json_body={"tags": ["two", "three"]})
    assert kept.data == ["three", "two"]
    assert (await owner.send("DELETE", f"{path}?tag=TWO")).data == ["three"]
    assert (await owner.send("DELETE", f"{path}?tag=two")).data == ["three"]
    assert (await owner.send("DELETE", path)).status == 422
    for wrong in ([" "], ["\u202e"], ["x" * 51], "one", [f"n{it}" for it in range(51)]):
        assert (await owner.post(path, {"tags": wrong})).status == 422
    more = [{"tags": [f"n{it}" for it in range(n, n + 40)]} for n in (0, 40)]
    kept, crowded = [await owner.post(path, it) for it in more]
    assert (kept.status, crowded.status) == (200, 409)
    assert crowded.code == "tags.too_many"


async def test_a_tag_is_renamed_merged_and_deleted_everywhere(owner: Caller) -> None:
    ada, bob = await contact(owner, "M-Ada", "lead"), await contact(owner, "M-Bob")
    await owner.create(f"{CONTACTS}/{bob}/tags", tags=["prospect", "lead"])
    by_name = {it["name"]: it for it in (await owner.get("tags?per_page=100")).data}
    lead, prospect = by_name["lead"], by_name["prospect"]
    clash = await owner.patch(
        f"tags/{lead['id']}", {"name": "Prospect"}, headers={"if-match": "*"}
    )
    assert clash.body["error"]["fields"]["name"]
    merged = await owner.post(f"tags/{prospect['id']}/merge", {"into": lead["id"]})
    assert merged.data["name"] == "lead"
    renamed = {"name": "Lead!", "version": 1}
    assert (await owner.patch(f"tags/{lead['id']}", renamed)).status == 200
    assert await names(owner, "filter=tags==%22lead!%22") == ["M-Ada", "M-Bob"]
    assert (await owner.get(f"{CONTACTS}/{bob}")).data["tags"] == ["Lead!"]
    path = f"tags/{lead['id']}"
    await owner.send("DELETE", path, headers={"if-match": "*"})
    assert (await owner.get(f"{CONTACTS}/{ada}")).data["tags"] == []


async def test_a_selection_is_tagged_in_as_many_statements_as_one_row(
    owner: Caller,
) -> None:
    """Each row that changes has its own event, and those that do not have none."""
    ids = [await contact(owner, f"S-{it}") for it in range(3)]
    await owner.create(f"{CONTACTS}/{ids[0]}/tags", tags=["chosen"])
    body: dict[str, Any] = {"ids": ids, "add": ["chosen"], "remove": ["other"]}
    assert (await owner.post(f"{CONTACTS}/tags", body)).data == {"rows": 2}
    body = {"filter": "tags==chosen", "add": ["kept"], "remove": ["chosen"]}
    assert (await owner.post(f"{CONTACTS}/tags", body)).data == {"rows": 3}
    assert await names(owner, "tags=kept") == ["S-0", "S-1", "S-2"]
    log = await owner.get(f"audit-log?resource_id={ids[1]}&action=people.contacts.tag")
    assert [it["changes"] for it in log.data] == [
        {"added": ["kept"], "removed": ["chosen"]},
        {"added": ["chosen"], "removed": []},
    ]
    assert (await owner.post(f"{CONTACTS}/tags", {"add": ["x"]})).status == 422


async def test_who_may_change_a_row_may_tag_it(house: House, tenant: Tenant) -> None:
    """Own rows alone for who reaches those alone; new words take a permission more."""
    owner, viewer = await house.user(tenant), await house.user(tenant, "viewer")
    role = {
        "name": "seller",
        "title": "Seller",
        "grants": ["own:people.contacts.manage"],
    }
    await owner.create("roles", **role)
    seller = await house.user(tenant, "seller")
    theirs, ours = await contact(owner, "Theirs"), await contact(seller, "Ours")
    await owner.create(f"{CONTACTS}/{theirs}/tags", tags=["known"])
    refused = await viewer.post(f"{CONTACTS}/{theirs}/tags", {"tags": ["known"]})
    assert refused.status == 403
    for path, status in ((theirs, 404), (ours, 200)):
        tagged = await seller.post(f"{CONTACTS}/{path}/tags", {"tags": ["known"]})
        assert tagged.status == status
    invented = await seller.post(f"{CONTACTS}/{ours}/tags", {"tags": ["invented"]})
    assert (invented.status, invented.body["error"]["code"]) == (
        422,
        "VALIDATION_ERROR",
    )
    both = {"ids": [theirs, ours], "remove": ["known"]}
    assert (await seller.post(f"{CONTACTS}/tags", both)).data == {"rows": 1}
