"""The walk: which tenant, who, whether they may, and in what shape the answer comes."""

from uuid import uuid4

import pytest

from insula.kernel.database.home import Isolation
from tests.house import House

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"


async def test_a_host_without_a_tenant_is_not_found(house: House) -> None:
    """S1-25, S0-36: an unknown subdomain answers in words and in JSON."""
    answer = await house.caller("nobody-here.localhost").get("auth/user")
    assert (answer.status, answer.code) == (404, "TENANT_NOT_FOUND")
    assert answer.body["error"]["message"] == "Tenant not found."


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_both_forms_of_the_host_lead_to_the_tenant(
    house: House, isolation: Isolation
) -> None:
    """S2-18, S4-06: `{slug}` and `tenant-{slug}` are one tenant in every mode."""
    tenant = await house.tenant(isolation)
    owner = await house.user(tenant)
    for host in (f"{tenant.slug}.localhost", f"tenant-{tenant.slug}.localhost"):
        owner.host = host
        assert (await owner.get("auth/user")).data["tenant"]["id"] == str(tenant.id)


async def test_a_domain_of_their_own_leads_there_once_it_is_verified(
    house: House,
) -> None:
    """S4-07: and until then it leads nowhere, whoever claims it."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    owner.host = f"{tenant.slug}.example"
    claim = (
        "INSERT INTO control.domains (id, tenant_id, domain, is_primary)"
        " VALUES (gen_random_uuid(), $1, $2, false)"
    )
    await house.platform.control.fetch(claim, tenant.id, owner.host)
    assert (await owner.get("auth/user")).status == 404
    verify = "UPDATE control.domains SET is_verified = true WHERE domain = $1"
    await house.platform.control.fetch(verify, owner.host)
    await house.fresh(tenant.id)
    assert (await owner.get("auth/user")).data["tenant"]["id"] == str(tenant.id)


async def test_signals_that_disagree_are_refused(house: House) -> None:
    """S0-37, S0-38, R07: header, claim and host must name one tenant."""
    acme, globex = await house.tenant(), await house.tenant()
    owner = await house.user(acme)
    header = {"x-tenant-id": str(globex.id)}
    assert (await owner.get(ASSETS, headers=header)).code == "TENANT_MISMATCH"
    header = {"x-tenant-id": str(uuid4())}
    assert (await owner.get(ASSETS, headers=header)).code == "TENANT_MISMATCH"
    owner.host = globex.domain
    assert (await owner.get(ASSETS)).code == "TENANT_MISMATCH"


async def test_a_central_host_needs_a_header_or_a_claim(house: House) -> None:
    """S1-26: tenant routes are not there on the platform's own host."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    assert (await house.caller("localhost").get(ASSETS)).status == 404
    owner.host = "localhost"
    assert (await owner.get(ASSETS)).status == 200
    header = {"x-tenant-id": str(tenant.id)}
    assert (await owner.get(ASSETS, headers=header)).status == 200
    for named in (tenant.id, uuid4()):  # a header alone tells nothing
        header = {"x-tenant-id": str(named)}
        stranger = house.caller("localhost")
        assert (await stranger.get(ASSETS, headers=header)).status == 401


async def test_operators_routes_are_on_the_admin_host_alone(house: House) -> None:
    """S1-24, S1-26: neither side's routes are there on the other's host."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    assert (await owner.get("tenants")).status == 404
    owner.host = "admin.localhost"
    assert (await owner.get(ASSETS)).status == 404
    assert (await owner.get("tenants")).status == 401


async def test_an_app_that_is_not_installed_asks_to_upgrade(house: House) -> None:
    """S2-24, S2-25: the answer says so, and installing opens it at once."""
    tenant = await house.tenant(apps=())
    owner = await house.user(tenant)
    refused = await owner.get(ASSETS)
    assert (refused.status, refused.code) == (402, "APP_NOT_INSTALLED")
    assert "[Upgrade to access]" in refused.body["error"]["message"]
    await house.platform.installations.install(tenant.id, "maintenance")
    await house.fresh(tenant.id)
    assert (await owner.get(ASSETS)).status == 200


async def test_a_suspended_tenant_is_closed_until_it_is_resumed(house: House) -> None:
    """S0-15: and its rows are there again afterwards."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await owner.create(ASSETS, name="Pump", tag="P1")
    await house.platform.provisioning.suspend(tenant.id, "unpaid")
    await house.fresh(tenant.id)
    assert (await owner.get(ASSETS)).code == "TENANT_SUSPENDED"
    await house.platform.provisioning.resume(tenant.id)
    await house.fresh(tenant.id)
    assert len((await owner.get(ASSETS)).data) == 1


async def test_without_a_permission_nothing_happens(house: House) -> None:
    """Promise 3: a viewer reads and does not write."""
    tenant = await house.tenant()
    viewer = await house.user(tenant, "viewer")
    assert (await viewer.get(ASSETS)).data == []
    refused = await viewer.post(ASSETS, {"name": "Pump", "tag": "P1"})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert (await viewer.get(ASSETS)).data == []


async def test_every_answer_is_json(house: House) -> None:
    """S4-40: 401, 404 and 405 too, with the request's id in body and header."""
    tenant = await house.tenant()
    visitor = house.caller(tenant.domain)
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", ASSETS, 401),
        ("DELETE", ASSETS, 405),
        ("PATCH", "auth/login", 405),
    ):
        answer = await visitor.send(method, path)
        assert answer.status == status
        error = answer.body["error"]
        assert error["request_id"] == answer.headers["x-request-id"]


async def test_the_envelope_is_the_same_everywhere(house: House) -> None:
    """S0-39, R11: data, meta with pagination, links to self and the next page."""
    owner = await house.user(await house.tenant())
    for number in range(3):
        await owner.create(ASSETS, name="Pump", tag=f"P{number}")
    page = (await owner.get(f"{ASSETS}?per_page=2")).body
    assert page["success"] is True
    assert page["meta"]["pagination"]["per_page"] == 2
    assert page["links"]["self"] == f"/api/v1/{ASSETS}?per_page=2"
    rest = (await owner.get(page["links"]["next"])).body
    assert [row["tag"] for row in page["data"] + rest["data"]] == ["P2", "P1", "P0"]
    assert rest["links"]["next"] is None


async def test_a_validation_error_names_each_field(house: House) -> None:
    """S0-40, S0-41, S4-45: a code, the default text, and sentences by field."""
    owner = await house.user(await house.tenant())
    answer = await owner.post(ASSETS, {"tag": "", "prise": 1})
    error = answer.body["error"]
    assert (answer.status, error["code"]) == (422, "VALIDATION_ERROR")
    assert error["message"] == "The given data was invalid."
    assert error["fields"]["name"] == ["The name field is required."]
    assert {it["field"] for it in error["details"]} == {"name", "tag", "prise"}
