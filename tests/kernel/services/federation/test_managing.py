"""Setting up providers and proving domains: by whom, and what is never shown."""

from typing import Any

import httpx2
import pytest

from insula.kernel.events.webhooks.guard import Policy, guarded_client
from tests.house import House
from tests.kernel.services.federation.idp import SECRET, said
from tests.kernel.services.federation.rig import Rig

GOOD = {"name": "A", "issuer": "https://idp.example", "client_id": "c"}


async def test_the_secret_is_never_shown_again(rig: Rig) -> None:
    """Promise 12: sealed at rest, and in no answer."""
    provider = await rig.provider()
    read = await rig.owner.get(f"identity-providers/{provider['id']}")
    assert SECRET not in str(provider) + str(read.body)
    changed = await rig.owner.post(
        f"identity-providers/{provider['id']}/secret", {"client_secret": "another"}
    )
    assert "another" not in str(changed.body)
    assert "another" not in str(await rig.rows("identity_providers"))


async def test_members_set_up_no_provider(rig: Rig, house: House) -> None:
    member = await house.user(rig.tenant, "manager")
    assert (await member.post("identity-providers", GOOD)).status == 403
    assert (await member.get("identity-providers")).status == 403
    assert (await member.post("identity-domains", {"name": "a.example"})).status == 403
    assert (await rig.visitor.post("identity-providers", GOOD)).status == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "ftp://idp.example"},
        {"issuer": "https://user@idp.example"},
        {"issuer": "https://idp.example?x=1"},
        {"issuer": "nonsense"},
        {"domains": ["not a domain"]},
        {"domains": ["localhost"]},
        {"preset": "google"},
        {
            "preset": "microsoft",
            "issuer": "https://login.microsoftonline.com/common/v2.0",
        },
        {"roles": ["no-such-role"]},
        {"secret": "mine"},
    ],
)
async def test_what_cannot_be_a_provider_is_refused(
    rig: Rig, wrong: dict[str, Any]
) -> None:
    """Pitfall 36: an issuer is one tenant's, never everybody's."""
    assert (await rig.owner.post("identity-providers", {**GOOD, **wrong})).status == 422


async def test_nobody_gives_by_a_provider_what_they_have_not(
    rig: Rig, house: House
) -> None:
    grants = ["identity_providers.manage"]
    body = {"name": "sso_keeper", "title": "Keeper", "grants": grants}
    assert (await rig.owner.post("roles", body)).status == 201
    keeper = await house.user(rig.tenant, "sso_keeper")
    asked = {**GOOD, "create_users": True, "roles": ["owner"]}
    assert (await keeper.post("identity-providers", asked)).status == 403
    made = await keeper.post("identity-providers", GOOD)
    assert made.status == 201, made.body
    path = f"identity-providers/{made.data['id']}"
    headers = {"if-match": '"1"'}
    patched = await keeper.patch(path, {"roles": ["owner"]}, headers=headers)
    assert patched.status == 403
    moved = await keeper.patch(path, {"issuer": "https://x.example"}, headers=headers)
    assert moved.status == 422


async def test_another_tenants_providers_are_not_there(rig: Rig, house: House) -> None:
    """Promise 1: neither to change nor to sign in with."""
    provider = await rig.provider()
    other = await house.tenant(apps=())
    stranger, visitor = await house.user(other), house.caller(other.domain)
    path = f"identity-providers/{provider['id']}"
    assert (await stranger.get(path)).status == 404
    assert (await stranger.post(f"{path}/secret", {"client_secret": "x"})).status == 404
    assert (await visitor.post(f"auth/oidc/{provider['id']}/start", {})).status == 404
    assert (await visitor.get("auth/providers")).data == []


async def test_a_provider_that_is_switched_off_signs_nobody_in(rig: Rig) -> None:
    provider = await rig.provider(create_users=True)
    begun, verifier = await rig.begin(provider)
    path = f"identity-providers/{provider['id']}"
    headers = {"if-match": '"1"'}
    off = await rig.owner.patch(path, {"enabled": False}, headers=headers)
    assert off.status == 200
    assert (await rig.finish(begun, verifier)).code == "TOKEN_INVALID"
    assert (await rig.visitor.get("auth/providers")).data == []
    start = await rig.visitor.post(f"auth/oidc/{provider['id']}/start", {})
    assert start.status == 404


async def test_the_list_for_signing_in_tells_names_alone(rig: Rig) -> None:
    provider = await rig.provider()
    listed = (await rig.visitor.get("auth/providers")).data
    offered = {"kind": "oidc", "preset": "generic"}
    assert listed == [{"id": provider["id"], "name": "Acme", **offered}]


async def test_discovery_answers_by_the_domain_whoever_it_is(rig: Rig) -> None:
    """S3-65: the answer tells nothing of who is here."""
    provider = await rig.provider()
    everybody = await rig.provider(name="Any", domains=[])
    users = await rig.rows("users")
    known = users[0]["email"].partition("@")[0] + "@" + rig.domain

    async def discover(email: str) -> Any:
        return (await rig.visitor.post("auth/discover", {"email": email})).data

    assert await discover(known) == await discover(f"nobody@{rig.domain}")
    found = await discover(f"x@{rig.domain.upper()}")
    assert [it["id"] for it in found["providers"]] == [provider["id"]]
    found = await discover("x@elsewhere.example")
    assert [it["id"] for it in found["providers"]] == [everybody["id"]]
    assert "password" in found["methods"]
    refused = await rig.visitor.post("auth/discover", {"email": "no address"})
    assert refused.status == 422


async def test_a_domain_is_proved_by_dns_alone(rig: Rig) -> None:
    """Pitfall 36: the challenge is the tenant's own, and must be in the TXT record."""
    claimed = await rig.owner.create("identity-domains", name="Shop.Example.")
    assert claimed["name"] == "shop.example"
    assert claimed["record"] == "_insula-challenge.shop.example"
    path = f"identity-domains/{claimed['id']}/verify"
    for records in ([], ["v=spf1 -all"], [claimed["challenge"] + "x"]):
        rig.say({claimed["record"]: records})
        assert (await rig.owner.post(path)).code == "IDENTITY_DOMAIN_UNPROVED"
    rig.say({claimed["record"]: ["v=spf1 -all", claimed["challenge"]]})
    assert (await rig.owner.post(path)).data["verified_at"] is not None
    twice = await rig.owner.post("identity-domains", {"name": "shop.example"})
    assert twice.status == 422


async def test_no_provider_leads_us_inside(rig: Rig) -> None:
    """Pitfall 40: neither by its issuer, nor by what it publishes, nor by a redirect."""
    rig.federation.__dict__["client"] = guarded_client(Policy(plain=True, ports=None))
    provider = await rig.provider(issuer="http://127.0.0.1:1")
    path = f"auth/oidc/{provider['id']}/start"
    answer = await rig.visitor.post(path, {})
    assert (answer.status, answer.code) == (424, "SSO_PROVIDER_UNREACHABLE")
    assert "refused" in answer.body["error"]["message"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://idp.example/token"},
        {"jwks_uri": "https://idp.example:8443/keys"},
        {"issuer": "https://other.example"},
        {"token_endpoint": None},
    ],
)
async def test_what_a_provider_publishes_is_looked_at(
    rig: Rig, metadata: dict[str, Any]
) -> None:
    """Pitfall 40: addresses to which neither we nor a browser should go."""
    rig.idp.metadata = metadata
    provider = await rig.provider()
    path = f"auth/oidc/{provider['id']}/start"
    assert (await rig.visitor.post(path, {})).status == 424


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (302, b""),
        (500, b""),
        (200, b"not json"),
        (200, b"[" * 10000),
        (200, b"x" * 600_000),
    ],
)
async def test_whatever_a_provider_answers_is_its_own_fault(
    rig: Rig, status: int, body: bytes
) -> None:
    """Pitfall 40: no redirect is followed, and never too much is read."""
    transport = httpx2.MockTransport(lambda _: said(status, body))
    rig.federation.__dict__["client"] = httpx2.AsyncClient(transport=transport)
    provider = await rig.provider()
    found = await rig.visitor.post(f"auth/oidc/{provider['id']}/start", {})
    assert found.code == "SSO_PROVIDER_UNREACHABLE"
