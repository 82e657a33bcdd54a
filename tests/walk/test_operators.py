"""Operators: what those who run the platform do, on a host of their own."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio
ADMIN, EMAIL, PASSWORD = "admin.localhost", "ops@insula.test", "a-good-long-passphrase"
ASSETS = "maintenance/assets"
TRAIL = """
SELECT a.*, s.email FROM control.audit_logs a
  LEFT JOIN control.system_admins s ON s.id = a.admin_id
 WHERE changes->>'request_id' = $1
"""


@pytest.fixture(scope="module")
async def the_operator(the_house: House) -> Caller:
    """An operator who may do everything."""
    return await the_house.operator(email=EMAIL)


@pytest.fixture
def operator(house: House, the_operator: Caller) -> Caller:
    """An operator who may do everything; a fault of the program fails the test."""
    assert house.http is the_operator.http
    return the_operator


async def created(operator: Caller, **more: Any) -> dict[str, Any]:
    """A new tenant."""
    body = {"slug": f"op-{uuid4().hex[:12]}", "name": "Acme", **more}
    found: dict[str, Any] = await operator.create("tenants", **body)
    return found


async def test_an_operator_knows_who_they_are(operator: Caller) -> None:
    """S1-02."""
    current = (await operator.get("auth/user")).data
    assert (current["user"]["email"], current["tenant"]) == (EMAIL, None)
    assert current["permissions"] == ["*"]


async def test_a_tenant_is_made_with_its_owner(house: House, operator: Caller) -> None:
    """S1-30: who can sign in at once."""
    body = {"owner_email": "ada@acme.test", "owner_password": PASSWORD}
    answer = await operator.post(
        "tenants", {"slug": "op-made", "name": "Acme", "isolation": "schema", **body}
    )
    tenant = answer.data
    assert answer.status == 201
    assert answer.headers["location"] == f"/api/v1/tenants/{tenant['id']}"
    assert (tenant["status"], tenant["isolation"]) == ("active", "schema")
    assert (await operator.get(answer.headers["location"])).data == tenant
    ada = house.caller(tenant["domain"])
    login = {"email": "ada@acme.test", "password": PASSWORD}
    assert (await ada.post("auth/login", login)).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Acme"}, "slug"),
        ({"slug": "op-x"}, "name"),
        ({"slug": "Op X", "name": "Acme"}, "slug"),
        ({"slug": "admin", "name": "Acme"}, "slug"),
        ({"slug": "op-x", "name": "Acme", "isolation": "cloud"}, "isolation"),
        ({"slug": "op-x", "name": "Acme", "owner_email": "x"}, "owner_email"),
        ({"slug": "op-x", "name": "Acme", "state": "active"}, "state"),
        ({"slug": "op-x", "name": "Acme", "plan": "nope"}, "plan"),
        ({"slug": "op-x", "name": "A", "owner_password": "short"}, "owner_password"),
    ],
)
async def test_what_no_tenant_can_have_is_refused_by_field(
    operator: Caller, body: dict[str, Any], field: str
) -> None:
    answer = await operator.post("tenants", body)
    assert answer.status == 422, answer.body
    assert list(answer.body["error"]["fields"]) == [field]


async def test_a_slug_is_taken_once(operator: Caller) -> None:
    tenant = await created(operator)
    answer = await operator.post("tenants", {"slug": tenant["slug"], "name": "B"})
    assert (answer.status, answer.code) == (409, "SLUG_TAKEN")


async def test_tenants_are_listed_and_found(operator: Caller) -> None:
    mark = uuid4().hex[:8]
    made = [await created(operator, slug=f"op-{mark}-{at}") for at in range(3)]
    ids = [it["id"] for it in made]
    whole = await operator.get(f"tenants?search={mark.upper()}")
    assert [it["id"] for it in whole.data] == ids
    page = (await operator.get(f"tenants?search={mark}&per_page=2")).body
    assert page["meta"]["pagination"]["per_page"] == 2
    rest = (await operator.get(page["links"]["next"])).body
    assert [it["id"] for it in page["data"] + rest["data"]] == ids
    assert rest["links"]["next"] is None
    await operator.post(f"tenants/{ids[0]}/suspend", {"reason": "unpaid"})
    for status, found in (("suspended", ids[:1]), ("active", ids[1:]), ("deleted", [])):
        answer = await operator.get(f"tenants?search={mark}&status={status}")
        assert [it["id"] for it in answer.data] == found
    assert (await operator.get("tenants?search=%25%27_nobody")).data == []


@pytest.mark.parametrize(
    "query", ["status=x", "per_page=0", "per_page=x", "page=2", "sarch=x"]
)
async def test_a_wrong_question_is_refused(operator: Caller, query: str) -> None:
    answer = await operator.get(f"tenants?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_a_suspended_tenant_is_closed_until_it_is_resumed(
    house: House, operator: Caller
) -> None:
    """S0-15: at once, on the tenant's own host."""
    tenant = await house.tenant()
    owner, path = await house.user(tenant), f"tenants/{tenant.id}"
    assert (await owner.get(ASSETS)).status == 200
    away = await operator.post(f"{path}/suspend", {"reason": "unpaid"})
    assert (away.data["status"], away.data["reason"]) == ("suspended", "unpaid")
    await house.fresh(tenant.id)
    assert (await owner.get(ASSETS)).code == "TENANT_SUSPENDED"
    again = await operator.post(f"{path}/suspend", {"reason": "unpaid"})
    assert (again.status, again.code) == (409, "TENANT_STATE")
    assert (await operator.post(f"{path}/resume")).data["status"] == "active"
    await house.fresh(tenant.id)
    assert (await owner.get(ASSETS)).status == 200


async def test_a_deleted_tenant_can_be_restored(house: House, operator: Caller) -> None:
    tenant = await house.tenant()
    owner, path = await house.user(tenant), f"tenants/{tenant.id}"
    gone = (await operator.send("DELETE", path)).data
    assert gone["status"] == "deleted"
    assert gone["purge_after"] > gone["deleted_at"]
    house.platform.directory.heard(f"tenant:{tenant.id}")
    assert (await owner.get(ASSETS)).code == "TENANT_NOT_FOUND"
    assert (await operator.send("DELETE", path)).code == "TENANT_STATE"
    assert (await operator.post(f"{path}/restore")).data["deleted_at"] is None
    await house.fresh(tenant.id)
    assert (await owner.get(ASSETS)).status == 200


async def test_apps_come_and_go(house: House, operator: Caller) -> None:
    """S2-25: rows outlast the app's absence."""
    tenant = await house.tenant(apps=())
    owner, path = await house.user(tenant), f"tenants/{tenant.id}/apps"
    assert (await operator.get(path)).data == []
    app = {"app": "maintenance"}
    installed = (await operator.post(path, app)).data
    assert (installed["app"], installed["status"]) == ("maintenance", "active")
    assert (await operator.get(path)).data == [installed]
    await house.fresh(tenant.id)
    await owner.create(ASSETS, name="Pump", tag="P1")
    gone = (await operator.post(f"{path}/uninstall", app)).data
    assert gone["status"] == "disabled"
    await house.fresh(tenant.id)
    assert (await owner.get(ASSETS)).status == 402
    await operator.post(path, app)
    await house.fresh(tenant.id)
    assert len((await owner.get(ASSETS)).data) == 1


async def test_an_app_that_is_not_there_is_not_found(operator: Caller) -> None:
    path = f"tenants/{(await created(operator))['id']}/apps"
    app = {"app": "maintenance"}
    assert (await operator.post(path, {"app": "nope"})).code == "APP_UNKNOWN"
    uninstalled = await operator.post(f"{path}/uninstall", app)
    assert (uninstalled.status, uninstalled.code) == (404, "APP_NOT_INSTALLED")


@pytest.mark.parametrize("key", ["x", "00000000-0000-7000-8000-00000000dead"])
async def test_a_tenant_that_is_not_there_is_not_found(
    operator: Caller, key: str
) -> None:
    app, reason = {"app": "maintenance"}, {"reason": "x"}
    answers = [
        await operator.get(f"tenants/{key}"),
        await operator.send("DELETE", f"tenants/{key}"),
        await operator.post(f"tenants/{key}/suspend", reason),
        await operator.post(f"tenants/{key}/resume"),
        await operator.post(f"tenants/{key}/restore"),
        await operator.get(f"tenants/{key}/apps"),
        await operator.post(f"tenants/{key}/apps", app),
        await operator.post(f"tenants/{key}/apps/uninstall", app),
    ]
    assert {it.status for it in answers} == {404}


async def trail(house: House, answer: Answer) -> list[Any]:
    """What the operators' log has of a request."""
    request_id = answer.headers["x-request-id"]
    found: list[Any] = list(await house.platform.control.fetch(TRAIL, request_id))
    return found


async def test_every_request_is_in_the_trail(house: House, operator: Caller) -> None:
    """S1-29: reading, writing, and what was refused on its way."""
    tenant = await house.tenant()
    path = f"tenants/{tenant.id}"
    answers = {
        "tenants.list": await operator.get("tenants"),
        "tenants.read": await operator.get(path),
        "tenants.suspend": await operator.post(f"{path}/suspend", {"reason": "x"}),
        "tenants.resume": await operator.post(f"{path}/resume"),
        "tenants.apps": await operator.get(f"{path}/apps"),
        "tenants.install": await operator.post(f"{path}/apps", {"app": "nope"}),
        "auth.user": await operator.get("auth/user"),
    }
    for action, answer in answers.items():
        (entry,) = await trail(house, answer)
        assert (entry["action"], entry["email"]) == (action, EMAIL)
        about = None if action in ("tenants.list", "auth.user") else tenant.id
        assert entry["tenant_id"] == about


async def test_a_request_that_is_refused_is_in_the_trail_too(
    house: House, operator: Caller
) -> None:
    """S1-29: a body that is wrong, a permission that is missing, no such tenant."""
    denied = await house.operator("tenants.read")
    answers = [
        await operator.post("tenants", {"slug": "x"}),
        await operator.get(f"tenants/{uuid4()}"),
        await denied.post("tenants", {"slug": "x", "name": "X"}),
    ]
    assert [it.status for it in answers] == [422, 404, 403]
    assert [len(await trail(house, it)) for it in answers] == [1, 1, 1]


async def test_an_operator_does_what_their_permissions_say(house: House) -> None:
    """S1-23: a helpdesk that reads and suspends does nothing else."""
    tenant = await house.tenant()
    helpdesk = await house.operator("tenants.read", "tenants.suspend")
    path, reason = f"tenants/{tenant.id}", {"reason": "x"}
    assert (await helpdesk.get("tenants")).status == 200
    assert (await helpdesk.post(f"{path}/suspend", reason)).status == 200
    refused = [
        await helpdesk.post(f"{path}/resume"),
        await helpdesk.send("DELETE", path),
        await helpdesk.post("tenants", {"slug": "op-no", "name": "X"}),
        await helpdesk.get(f"{path}/apps"),
        await helpdesk.post(f"{path}/apps", {"app": "maintenance"}),
    ]
    assert {(it.status, it.code) for it in refused} == {(403, "FORBIDDEN")}


async def test_neither_sides_token_opens_the_other(
    house: House, operator: Caller
) -> None:
    """S1-02: whatever roles a tenant's user has, and whatever header is sent."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    header = {"x-tenant-id": str(tenant.id)}
    for path in ("tenants", f"tenants/{tenant.id}", "auth/user"):
        stranger = house.caller(ADMIN, owner.token)
        answer = await stranger.get(path, headers=header)
        assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
    for host in (tenant.domain, "localhost"):
        stranger = house.caller(host, operator.token)
        for path in (ASSETS, "auth/user"):
            refused = await stranger.get(path, headers=header)
            assert refused.status in (401, 403)
    login = {"email": EMAIL, "password": PASSWORD}
    assert (await house.caller(tenant.domain).post("auth/login", login)).status == 401


async def test_nobody_gets_in_without_a_token(house: House) -> None:
    caller = house.caller(ADMIN)
    for path in ("tenants", f"tenants/{UUID(int=0)}", "auth/user"):
        answer = await caller.get(path)
        assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
