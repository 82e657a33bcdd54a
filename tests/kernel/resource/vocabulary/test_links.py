"""Links: soft references, followed with the reader's own rights (S3-55, S3-56)."""

from typing import Any

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
STAYS = "shop/stays"


async def stay(owner: Caller, about: str | None) -> Any:
    """A stay in a room of its own that is about something."""
    room = uuid7().hex
    fields = {"room": room, "guest": room, "first_on": "2026-11-01", "about": about}
    return await owner.create(STAYS, **fields)


async def followed(caller: Caller, row: Any) -> Any:
    answer = await caller.get(f"{STAYS}/{row['id']}")
    return answer.body["meta"]["links"]


async def test_a_link_is_shown_with_its_title_and_path(owner: Caller) -> None:
    invoice = await owner.create("shop/invoices", title="For the room")
    row = await stay(owner, f"shop.invoices:{invoice['id']}")
    assert await followed(owner, row) == {
        "about": {
            "type": "shop.invoice",
            "id": invoice["id"],
            "title": "For the room",
            "path": f"/api/v1/shop/invoices/{invoice['id']}",
        }
    }
    path = f"{STAYS}?filter=about=={row['about']}"
    assert [it["id"] for it in (await owner.get(path)).data] == [row["id"]]
    assert await followed(owner, await stay(owner, None)) == {}


async def test_what_is_gone_or_not_to_be_seen_is_removed(
    shop: House, tenant: Tenant, owner: Caller
) -> None:
    """Another tenant's row, one in the trash, one that is hidden: nobody can tell."""
    invoice = await owner.create("shop/invoices", title="A")
    row = await stay(owner, f"shop.invoices:{invoice['id']}")
    porter = await shop.user(tenant, "shop.porter")
    assert await followed(porter, row) == {"about": "removed"}
    other = await shop.user(await shop.tenant(apps=("shop",)))
    theirs = await stay(other, row["about"])
    assert await followed(other, theirs) == {"about": "removed"}
    await owner.send("DELETE", f"shop/invoices/{invoice['id']}")
    assert await followed(owner, row) == {"about": "removed"}
    for name in ("maintenance.assets", "shop.nothing", "crm.deals"):
        row = await stay(owner, f"{name}:{invoice['id']}")
        assert await followed(owner, row) == {"about": "removed"}


@pytest.mark.parametrize(
    "about", ["", "shop.invoices", "shop.invoices:1", "x:y", "Shop.invoices:{id}", 5]
)
async def test_what_is_no_link_is_refused(owner: Caller, about: Any) -> None:
    if isinstance(about, str):
        about = about.replace("{id}", str(uuid7()))
    body = {"room": "9", "guest": "x", "first_on": "2026-11-01", "about": about}
    answer = await owner.post(STAYS, body)
    assert answer.status == 422
    assert answer.body["error"]["details"][0]["field"] == "about"
