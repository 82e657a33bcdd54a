"""Saved views: how people like to look at rows, alone or together."""

from typing import Any

import pytest

from insula.kernel.services.saved_views import operations
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
VIEWS, CONTACTS = "saved-views", "people.contacts"


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant for the tests of this module."""
    return await the_house.tenant()


@pytest.fixture
async def owner(house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await house.user(tenant)


async def saved(caller: Caller, name: str, **more: Any) -> dict[str, Any]:
    """A new view of contacts."""
    fields = {"resource": CONTACTS, "name": name, **more}
    made: dict[str, Any] = await caller.create(VIEWS, **fields)
    return made


async def names(caller: Caller) -> list[str]:
    """The views that somebody may use."""
    return [it["name"] for it in (await caller.get(VIEWS)).data]


async def test_ones_own_views_are_ones_own(house: House, tenant: Tenant) -> None:
    """Not even an owner finds another's; screens are told of them with the resource."""
    owner, member = await house.user(tenant), await house.user(tenant, "member")
    said = {
        "kind": "board",
        "filter": "owner_id==@me;tags==vip",
        "sort": "-created_at",
        "fields": ["name", "tags"],
        "layout": {"columns": [{"field": "name", "width": 240}]},
        "pinned": True,
    }
    view = await saved(member, "Mine", **said)
    assert {name: view[name] for name in said} == said
    assert (view["mine"], view["usable"], view["shared"]) == (True, True, False)
    path = f"{VIEWS}/{view['id']}"
    for answer in (
        await owner.get(path),
        await owner.patch(path, {"name": "Yours"}),
        await owner.send("DELETE", path),
    ):
        assert answer.status == 404
    [told] = (await member.get(f"meta/{CONTACTS}")).data["saved"]
    assert (told["name"], told["kind"], told["filter"]) == (
        "Mine",
        "board",
        said["filter"],
    )
    assert "Mine" not in await names(owner)
    assert (await member.patch(path, {"name": "Still mine"})).data[
        "name"
    ] == "Still mine"
    assert (await member.send("DELETE", path)).status == 200
    assert await names(member) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"filter": "nothing==1"}, "filter"),
        ({"filter": "name=="}, "filter"),
        ({"sort": "secret"}, "filter"),
        ({"fields": ["secret"]}, "filter"),
        ({"resource": "people.nothing"}, "resource"),
        ({"resource": "comments"}, "resource"),
        ({"layout": {"x": "x" * 9000}}, "layout"),
        ({"roles": ["member"]}, "roles"),
        ({"kind": "cube"}, "kind"),
    ],
)
async def test_a_view_asks_for_what_a_list_would_answer(
    owner: Caller, wrong: dict[str, Any], field: str
) -> None:
    answer = await owner.post(VIEWS, {"resource": CONTACTS, "name": "Odd", **wrong})
    assert answer.status == 422
    assert field in answer.body["error"]["fields"]


async def test_sharing_takes_a_permission_and_shows_nobody_more(
    house: House, tenant: Tenant
) -> None:
    """A view tells nothing of a field that is hidden from its reader."""
    owner, member = await house.user(tenant), await house.user(tenant, "member")
    masks = {CONTACTS: {"hide": ["source"]}}
    role = {"name": "clerk", "title": "Clerk", "masks": masks}
    await owner.create("roles", **role, grants=["people.contacts.read"])
    await owner.create("roles", name="guard", title="Guard", grants=["tags.read"])
    clerk, guard = await house.user(tenant, "clerk"), await house.user(tenant, "guard")
    said: dict[str, Any] = {
        "resource": CONTACTS,
        "name": "Ads",
        "filter": "source==ads",
        "shared": True,
    }
    assert (await member.post(VIEWS, said)).status == 403
    view = await owner.create(VIEWS, **said, roles=["member"])
    path = f"{VIEWS}/{view['id']}"
    seen = (await member.get(path)).data
    assert (seen["filter"], seen["standard"], seen["mine"]) == (
        "source==ads",
        True,
        False,
    )
    hidden = (await clerk.get(path)).data
    assert (hidden["filter"], hidden["usable"], hidden["standard"]) == (
        None,
        False,
        False,
    )
    assert (
        "saved" not in (await clerk.get(f"meta/{CONTACTS}")).data
        or not (await clerk.get(f"meta/{CONTACTS}")).data["saved"]
    )
    assert (await guard.get(path)).status == 404
    assert (await member.patch(path, {"name": "Ours"})).status == 403
    manager = await house.user(tenant, "manager")
    assert (await manager.patch(path, {"name": "Ours"})).status == 200


async def test_there_are_only_so_many_views(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "MOST_OWN", 1)
    member = await house.user(tenant, "member")
    await saved(member, "One")
    refused = await member.post(VIEWS, {"resource": CONTACTS, "name": "Two"})
    assert (refused.status, refused.code) == (409, "saved_views.too_many")
    assert await names(member) == [
        "One",
        *(it for it in await names(member) if it != "One"),
    ]
