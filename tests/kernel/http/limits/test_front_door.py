"""Limits as callers meet them: every layer, through the whole application."""

import re
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.limits import Rates
from insula.kernel.tenancy.new_tenant import NewTenant
from tests.house import Answer, Caller, House
from tests.kernel.http.limits.served import Served

pytestmark = pytest.mark.anyio

ASSETS = "maintenance/assets"
WRONG = {"email": "nobody@acme.test", "password": "no such thing"}
POLICY = re.compile(r'("[a-z]+";q=[0-9]+;w=[0-9]+)(, "[a-z]+";q=[0-9]+;w=[0-9]+)*')
LIMIT = re.compile(r'("[a-z]+";r=[0-9]+;t=[0-9]+)(, "[a-z]+";r=[0-9]+;t=[0-9]+)*')


async def statuses(caller: Caller, path: str, number: int) -> list[int]:
    """How so many requests are answered."""
    return [(await caller.get(path)).status for _ in range(number)]


async def sign_in(caller: Caller, **given: str) -> Answer:
    """Somebody tries a password."""
    return await caller.post("auth/login", {**WRONG, **given})


def test_the_usual_sizes_are_those_that_were_decided() -> None:
    """R14: S0-52, S0-53, S2-111 and the rest, as an installation has them."""
    usual = Rates.of(Settings())
    assert usual == Rates()
    assert (usual.auth, usual.login, usual.anonymous) == (60, 5, 60)
    assert (usual.user, usual.tenant) == (100, 300)
    assert (usual.search, usual.bulk) == (30, 10)


async def test_a_user_has_a_bucket_for_each_class_of_endpoints(house: House) -> None:
    """S3-70: reading assets is one class, writing them and reading others are others."""
    served, tenant = Served(house, user=3), await house.tenant()
    owner = served.caller(await house.user(tenant))
    assert await statuses(owner, ASSETS, 4) == [200, 200, 200, 429]
    assert await statuses(owner, "maintenance/locations", 1) == [200]
    made = await owner.post(ASSETS, {"name": "Pump", "tag": "P-1"})
    assert made.status == 201
    other = served.caller(await house.user(tenant))
    assert await statuses(other, ASSETS, 1) == [200]


async def test_a_tenant_has_one_bucket_for_all_of_its_users(house: House) -> None:
    """S4-42, S0-53: and its neighbour another."""
    served, tenant = Served(house, tenant=4), await house.tenant()
    ada, bob = [served.caller(await house.user(tenant)) for _ in range(2)]
    assert await statuses(ada, ASSETS, 3) == [200, 200, 200]
    assert await statuses(bob, "maintenance/locations", 2) == [200, 429]
    neighbour = served.caller(await house.user(await house.tenant()))
    assert await statuses(neighbour, ASSETS, 1) == [200]
    served.clock.seconds += 15
    assert await statuses(bob, ASSETS, 2) == [200, 429]


async def test_strangers_to_a_tenant_empty_no_bucket_of_its_own(house: House) -> None:
    """S4-42: whoever is nobody cannot stop its people."""
    served, tenant = Served(house, tenant=2, anonymous=3), await house.tenant()
    stranger = served.stranger(tenant.domain)
    garbage = served.caller(Caller(house.http, tenant.domain, "garbage"), "192.0.2.1")
    assert await statuses(stranger, ASSETS, 5) == [401, 401, 401, 429, 429]
    assert await statuses(garbage, ASSETS, 5) == [401, 401, 401, 429, 429]
    owner = served.caller(await house.user(tenant))
    assert await statuses(owner, ASSETS, 2) == [200, 200]


async def test_an_address_has_few_sign_ins_a_minute(house: House) -> None:
    """S2-111, S4-41: five, whatever the tenant and the account; others go on."""
    served, hosts = Served(house, login=5), [await house.tenant() for _ in range(2)]
    got = [
        await sign_in(served.stranger(hosts[at % 2].domain), email=f"{at}@acme.test")
        for at in range(6)
    ]
    assert [it.status for it in got] == [401] * 5 + [429]
    assert got[5].code == "RATE_LIMITED"
    assert 0 < int(got[5].headers["retry-after"]) <= 12
    elsewhere = served.stranger(hosts[0].domain, "203.0.113.9")
    assert (await sign_in(elsewhere)).status == 401


async def test_signing_in_and_out_has_a_bucket_by_address(house: House) -> None:
    """S0-52."""
    served, tenant = Served(house, auth=2), await house.tenant()
    stranger, body = served.stranger(tenant.domain), {"refresh_token": "x"}
    got = [(await stranger.post("auth/refresh", body)).status for _ in range(3)]
    assert got == [401, 401, 429]
    assert (await sign_in(stranger)).status == 429


async def test_the_operators_door_is_counted_too(house: House) -> None:
    """S2-111, S0-52: the most powerful accounts are behind it."""
    served = Served(house, login=2)
    host = f"admin.{house.platform.settings.base_domain}"
    stranger = served.stranger(host)
    assert [(await sign_in(stranger)).status for _ in range(3)] == [401, 401, 429]


async def test_an_ipv6_subscriber_is_one_address(house: House) -> None:
    """S4-41: they have 2**64 of them."""
    served, tenant = Served(house, login=2), await house.tenant()
    near = [served.stranger(tenant.domain, f"2001:db8:1:2::{at}") for at in (1, 2, 3)]
    assert [(await sign_in(it)).status for it in near] == [401, 401, 429]
    far = served.stranger(tenant.domain, "2001:db8:1:3::1")
    assert (await sign_in(far)).status == 401


async def test_bulk_operations_have_a_bucket_of_the_tenant(house: House) -> None:
    """R14: ten an hour; the rest of the API goes on."""
    served, tenant = Served(house, bulk=2), await house.tenant()
    ada, bob = [served.caller(await house.user(tenant)) for _ in range(2)]
    got = [
        await it.send(
            "POST",
            f"{ASSETS}/import",
            content=b"name,tag\nPump,P-1\n",
            headers={"content-type": "text/csv"},
        )
        for it in (ada, ada, bob)
    ]
    assert [it.status for it in got] == [200, 200, 429]
    assert int(got[2].headers["retry-after"]) > 1000
    assert await statuses(bob, ASSETS, 1) == [200]


async def test_every_answer_tells_what_is_left(house: House) -> None:
    """Promise 14: in the words of draft-ietf-httpapi-ratelimit-headers."""
    served = Served(house, user=10, tenant=20, anonymous=30, login=5, auth=60)
    tenant = await house.tenant()
    owner, stranger = await house.user(tenant), served.stranger(tenant.domain)
    answers = [
        await served.caller(owner).get(ASSETS),
        await served.caller(owner).get(f"{ASSETS}/{uuid7()}"),
        await served.caller(await house.user(tenant, "customer")).get(ASSETS),
        await stranger.get(ASSETS),
        await stranger.get("no/such/thing"),
        await sign_in(stranger),
    ]
    assert [it.status for it in answers] == [200, 404, 403, 401, 404, 401]
    for answer in answers:
        assert POLICY.fullmatch(answer.headers["ratelimit-policy"])
        assert LIMIT.fullmatch(answer.headers["ratelimit"])
    first, second = answers[:2]
    assert first.headers["ratelimit-policy"] == '"user";q=10;w=60, "tenant";q=20;w=60'
    assert first.headers["ratelimit"] == '"user";r=9;t=6, "tenant";r=19;t=3'
    assert second.headers["ratelimit"] == '"user";r=8;t=12, "tenant";r=18;t=6'


async def test_a_refusal_says_how_long_to_wait_and_costs_nothing(house: House) -> None:
    """Promise 14: 429 in the envelope, with ``Retry-After``; waiting is enough."""
    served, tenant = Served(house, user=2), await house.tenant()
    owner = served.caller(await house.user(tenant))
    await statuses(owner, ASSETS, 2)
    refusals = [await owner.get(ASSETS) for _ in range(20)]
    assert {(it.status, it.code) for it in refusals} == {(429, "RATE_LIMITED")}
    refused = refusals[-1]
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["ratelimit"] == '"user";r=0;t=60'
    served.clock.seconds += 30
    assert await statuses(owner, ASSETS, 2) == [200, 429]


async def test_who_may_not_is_counted_as_well(house: House) -> None:
    """S3-70: a refusal costs us as much as an answer."""
    served, tenant = Served(house, user=2), await house.tenant()
    nobody = served.caller(await house.user(tenant, "customer"))
    assert await statuses(nobody, ASSETS, 3) == [403, 403, 429]


async def test_a_plan_says_how_large_its_tenants_are(house: House) -> None:
    """R14: the enterprise plan takes a thousand requests in a second."""
    served, platform = Served(house, user=2, tenant=3), house.platform
    new = NewTenant(
        slug=f"t-{uuid7().hex[:20]}",
        name="Big",
        isolation=Isolation.shared,
        plan="enterprise",
    )
    view = await platform.provisioning.create(new)
    await platform.installations.install(view.id, "maintenance")
    tenant = await house.fresh(view.id)
    answer = await served.caller(await house.user(tenant)).get(ASSETS)
    told = answer.headers["ratelimit-policy"]
    assert told == '"user";q=1000;w=60, "tenant";q=60000;w=60'
    small = served.caller(await house.user(await house.tenant()))
    got = (await small.get(ASSETS)).headers["ratelimit-policy"]
    assert got == '"user";q=2;w=60, "tenant";q=3;w=60'


@pytest.mark.parametrize(
    ("client", "wanted"), [("", 401), ("not an address", 401), ("::ffff:1.2.3.4", 401)]
)
async def test_whoever_has_no_address_is_counted_together(
    house: House, client: Any, wanted: int
) -> None:
    """Never a fault, whatever a socket is called."""
    served, tenant = Served(house, login=1), await house.tenant()
    stranger = served.stranger(tenant.domain, client)
    assert (await sign_in(stranger)).status == wanted
    assert (await sign_in(stranger)).status == 429
