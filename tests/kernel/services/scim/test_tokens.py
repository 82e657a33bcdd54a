"""Tokens: who lets a directory in, what it may do, and how it is sent away."""

from datetime import UTC, datetime, timedelta

import pytest

from insula.kernel.tenancy.series import KERNEL
from tests.house import House
from tests.kernel.services.scim.rig import Rig


async def test_a_token_is_shown_once_and_opens_scim_alone(rig: Rig) -> None:
    """S3-66, promise 12: kept as a hash, and no way into anything else."""
    made = (await rig.owner.post("scim-tokens", {"name": "Second"})).data
    assert made["token"].startswith("insc_")
    read = await rig.owner.get(f"scim-tokens/{made['id']}")
    assert made["token"] not in str(read.body)
    for table in KERNEL.tables:
        assert made["token"][40:] not in str(await rig.rows(table))
    directory = rig.house.caller(rig.tenant.domain, made["token"])
    assert (await rig.ask("GET", "Users", by=directory)).status == 200
    for path in ("users", "teams", "scim-tokens", "identity-providers", "audit-log"):
        assert (await directory.get(path)).status == 403
    assert (await directory.post("scim-tokens", {"name": "x"})).status == 403


async def test_a_token_that_is_revoked_opens_nothing(rig: Rig) -> None:
    made = (await rig.owner.post("scim-tokens", {"name": "Second"})).data
    directory = rig.house.caller(rig.tenant.domain, made["token"])
    assert (await rig.ask("GET", "Users", by=directory)).status == 200
    revoked = await rig.owner.post(f"scim-tokens/{made['id']}/revoke")
    assert revoked.data["revoked_at"] is not None
    assert (await rig.ask("GET", "Users", by=directory)).status == 401
    assert (await rig.ask("GET", "Users")).status == 200


@pytest.mark.parametrize("token", ["insc_", "insc_" + "A" * 86, "insc_x", ""])
async def test_a_token_that_nobody_made_opens_nothing(rig: Rig, token: str) -> None:
    stranger = rig.house.caller(rig.tenant.domain, token)
    assert (await rig.ask("GET", "Users", by=stranger)).status == 401


async def test_people_have_no_business_in_scim(rig: Rig) -> None:
    """Not even an owner: what a directory does is known to be its own doing."""
    said = await rig.ask("GET", "Users", by=rig.owner)
    assert (said.status, said.body["status"]) == (403, "403")
    member = await rig.house.user(rig.tenant, "member")
    assert (await rig.ask("GET", "Users", by=member)).status == 403
    assert (await member.post("scim-tokens", {"name": "x"})).status == 403


async def test_nobody_lets_in_a_directory_that_may_more(rig: Rig, house: House) -> None:
    grants = ["identity_providers.manage"]
    body = {"name": "sso_keeper", "title": "Keeper", "grants": grants}
    assert (await rig.owner.post("roles", body)).status == 201
    keeper = await house.user(rig.tenant, "sso_keeper")
    asked = {"name": "x", "roles": ["owner"]}
    assert (await keeper.post("scim-tokens", asked)).status == 403
    past = datetime.now(UTC) - timedelta(days=1)
    late = {"name": "x", "expires_at": past.isoformat()}
    assert (await rig.owner.post("scim-tokens", late)).status == 422


async def test_what_a_directory_does_is_in_the_log(rig: Rig) -> None:
    made = await rig.person()
    log = [
        it for it in await rig.rows("audit_log") if str(it["resource_id"]) == made["id"]
    ]
    (token,) = await rig.rows("scim_tokens")
    assert {it["actor_id"] for it in log} == {token["id"]}
    assert {it["via"] for it in log} == {f"scim:{token['id']}"}
    assert "users.create" in {it["action"] for it in log}


async def test_what_there_is_not_is_said_in_scims_words(rig: Rig) -> None:
    for path in ("Nothing", "Schemas/nothing", "ResourceTypes/nothing", "Users/x"):
        said = await rig.ask("GET", path)
        assert (said.status, said.body["status"]) == (404, "404")
    config = (await rig.ask("GET", "ServiceProviderConfig")).body
    assert config["patch"]["supported"]
    assert config["etag"]["supported"]
    assert not config["bulk"]["supported"]
    one = (await rig.ask("GET", "ResourceTypes/User")).body
    assert one["endpoint"] == "/Users"
