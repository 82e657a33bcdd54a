"""A base app: every tenant has it, and nobody installs or removes it."""

import pytest

from insula.apps.people.manifest import app
from insula.kernel.catalog.installations import AppAlwaysThere
from insula.kernel.database.home import Isolation
from insula.kernel.tenancy.tenant import Tenant
from insula.server.scheduler import system_context
from tests.house import Caller, House

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_a_tenant_that_installed_nothing_knows_people_in_every_mode(
    house: House, isolation: Isolation
) -> None:
    tenant = await house.tenant(isolation, apps=())
    owner = await house.user(tenant)
    made = await owner.create("people/contacts", name="Ada", email="ada@mail.test")
    viewer = await house.user(tenant, "people.viewer")
    seen = (await viewer.get("people/contacts")).data
    assert [it["id"] for it in seen] == [made["id"]]
    refused = await viewer.post("people/contacts", {"name": "Eve"})
    assert refused.code == "FORBIDDEN"
    meta = (await owner.get("meta")).data
    assert "people" in {it["name"] for it in meta["apps"]}


async def test_a_base_app_is_neither_installed_nor_removed(
    house: House, tenant: Tenant
) -> None:
    operator = await house.operator()
    for verb in ("apps", "apps/uninstall"):
        path = f"tenants/{tenant.id}/{verb}"
        refused = await operator.post(path, {"app": "people"})
        assert (refused.status, refused.code) == (409, AppAlwaysThere.code), verb
    assert "people" not in house.platform.installations.available


async def test_what_a_base_app_reacts_to_happens_without_any_installation(
    house: House, tenant: Tenant, owner: Caller
) -> None:
    """Apps 3.1 (10): whoever goes to the trash is shut out of the portal."""
    fields = {"name": "Ada", "email": "portal@mail.test"}
    contact = await owner.create("people/contacts", **fields)
    at = f"people/contacts/{contact['id']}"
    await owner.post(f"{at}/invite")
    account = (await owner.get(f"contacts/{contact['id']}")).data
    assert (account["email"], account["disabled_at"]) == (fields["email"], None)
    await house.work(tenant)
    mails = (await owner.get("mails?recipient=portal@mail.test")).data
    assert [it["template"] for it in mails] == ["mail.set_password"]
    await owner.send("DELETE", at, headers={"if-match": "*"})
    await house.work(tenant)
    shut = (await owner.get(f"contacts/{contact['id']}")).data
    assert shut["disabled_at"] is not None


async def test_demonstration_data_is_given_once(house: House) -> None:
    """S3-39, and what is shown of it."""
    tenant = await house.tenant(apps=())
    ctx = await system_context(house.platform, tenant.id)
    for _ in range(2):
        await house.platform.engine.fill(ctx, app)
    owner = await house.user(tenant)
    assert len((await owner.get("people/contacts")).data) == 8
    grown = (await owner.get("people/contacts/aggregate?group=source")).data
    counts = {it["group"]["source"]: it["measures"]["count"] for it in grown}
    assert counts["website"] == 3


async def test_the_roles_of_people_say_who_may_merge_import_and_erase(
    house: House, tenant: Tenant
) -> None:
    """Apps 3.1: merge, erase and import are the manager's."""
    editor = await house.user(tenant, "people.editor")
    made = await editor.create("people/contacts", name="Ada")
    assert (await editor.post("people/contacts/import")).code == "FORBIDDEN"
    gone = await editor.send(
        "DELETE", f"people/contacts/{made['id']}/purge", headers={"if-match": "*"}
    )
    assert gone.status in (403, 404, 405)
    manager = await house.user(tenant, "people.manager")
    allowed = await manager.send(
        "POST",
        "people/contacts/import",
        content=b"name\nEve\n",
        headers={"content-type": "text/csv"},
    )
    assert allowed.data["created"] == 1
