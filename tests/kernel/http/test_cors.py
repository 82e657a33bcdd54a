"""CORS: a page of another site calls a tenant's API where that tenant says so (S4-39)."""

import json
from collections.abc import Mapping

import pytest

from insula.kernel.http.once import HEADER
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio

SHOP = "https://shop.example"
SAID = "access-control-allow-origin"
POLICY = """
UPDATE control.tenants SET security = COALESCE(security, '{}') || $2::text::jsonb
 WHERE id = $1"""


async def open_to(house: House, *origins: str) -> Tenant:
    """A tenant that knows these origins."""
    tenant = await house.tenant()
    wanted = json.dumps({"cors_origins": origins})
    await house.platform.control.fetch(POLICY, tenant.id, wanted)
    return await house.fresh(tenant.id)


async def preflight(
    who: Caller, origin: str, path: str = "maintenance/assets"
) -> Answer:
    """Ask as a browser does before it calls."""
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-evil",
    }
    return await who.send("OPTIONS", path, headers=asked)


def cors(headers: Mapping[str, str]) -> set[str]:
    return {name for name in headers if name.startswith("access-control-")}


async def test_a_known_origin_may_ask_and_call(house: House) -> None:
    tenant = await open_to(house, "https://other.example", SHOP)
    asked = await preflight(house.caller(tenant.domain), SHOP)
    assert asked.status == 204
    assert asked.headers[SAID] == SHOP
    assert "PATCH" in asked.headers["access-control-allow-methods"]
    sent = asked.headers["access-control-allow-headers"].lower()
    assert {"authorization", "if-match", HEADER.decode()} <= set(sent.split(", "))
    assert int(asked.headers["access-control-max-age"]) > 0
    owner = await house.user(tenant)
    called = await owner.get("maintenance/assets", headers={"origin": SHOP})
    assert called.status == 200
    assert called.headers[SAID] == SHOP
    exposed = called.headers["access-control-expose-headers"].lower()
    assert {"etag", "location", "x-request-id", "ratelimit"} <= set(exposed.split(", "))
    assert "origin" in called.headers["vary"].lower()


async def test_nothing_of_what_was_sent_comes_back(house: House) -> None:
    """Neither headers nor methods are reflected, and cookies are not allowed for."""
    tenant = await open_to(house, SHOP)
    asked = await preflight(house.caller(tenant.domain), SHOP)
    assert not any("x-evil" in value for value in asked.headers.values())
    assert "access-control-allow-credentials" not in asked.headers
    assert "*" not in asked.headers[SAID]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:444",
        "https://shop.example.evil.example",
        "https://xshop.example",
        "https://SHOP.example",
        "https://shop.example/",
        "null",
        "*",
        "",
    ],
)
async def test_another_origin_is_told_nothing(house: House, origin: str) -> None:
    tenant = await open_to(house, SHOP)
    asked = await preflight(house.caller(tenant.domain), origin)
    assert asked.status == 405
    owner = await house.user(tenant)
    called = await owner.get("maintenance/assets", headers={"origin": origin})
    assert called.status == 200
    assert cors(asked.headers) == cors(called.headers) == set()
    assert "origin" in called.headers["vary"].lower()


async def test_an_origin_is_known_to_its_own_tenant_alone(house: House) -> None:
    await open_to(house, SHOP)
    closed = await house.tenant()
    asked = await preflight(house.caller(closed.domain), SHOP)
    assert (asked.status, cors(asked.headers)) == (405, set())


async def test_hosts_of_the_platform_know_no_origin(house: House) -> None:
    tenant = await open_to(house, SHOP)
    base = house.platform.settings.base_domain
    for host in (base, f"admin.{base}", f"api.{base}", f"nobody.{base}"):
        asked = await preflight(house.caller(host), SHOP)
        assert (asked.status >= 400, cors(asked.headers)) == (True, set())
    owner = await house.user(tenant)
    owner.host = base
    named = {"origin": SHOP, "x-tenant-id": str(tenant.id)}
    called = await owner.get("maintenance/assets", headers=named)
    assert (called.status, cors(called.headers)) == (200, set())


async def test_a_problem_can_be_read_by_the_page_that_caused_it(house: House) -> None:
    tenant = await open_to(house, SHOP)
    visitor = house.caller(tenant.domain)
    refused = await visitor.get("maintenance/assets", headers={"origin": SHOP})
    assert refused.status == 401
    assert refused.headers[SAID] == SHOP


async def test_the_answer_is_the_same_for_every_address(house: House) -> None:
    """So that nobody learns which addresses exist."""
    tenant = await open_to(house, SHOP)
    visitor = house.caller(tenant.domain)
    there = await preflight(visitor, SHOP)
    nowhere = await preflight(visitor, SHOP, "no/such/thing")
    assert there.status == nowhere.status == 204
    assert {k: there.headers[k] for k in cors(there.headers)} == {
        k: nowhere.headers[k] for k in cors(nowhere.headers)
    }


async def test_options_of_a_program_are_an_unknown_method(house: House) -> None:
    tenant = await open_to(house, SHOP)
    visitor = house.caller(tenant.domain)
    plain = await visitor.send("OPTIONS", "maintenance/assets")
    assert (plain.status, plain.code) == (405, "METHOD_NOT_ALLOWED")


async def test_without_an_origin_nothing_is_said(house: House) -> None:
    tenant = await open_to(house, SHOP)
    owner = await house.user(tenant)
    assert cors((await owner.get("maintenance/assets")).headers) == set()


async def test_an_origin_that_is_taken_away_is_refused_at_once(house: House) -> None:
    tenant = await open_to(house, SHOP)
    visitor = house.caller(tenant.domain)
    assert (await preflight(visitor, SHOP)).status == 204
    gone = json.dumps({"cors_origins": []})
    await house.platform.control.fetch(POLICY, tenant.id, gone)
    await house.fresh(tenant.id)
    assert (await preflight(visitor, SHOP)).status == 405
