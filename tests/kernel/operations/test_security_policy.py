"""The security policy: who may change it, and that nobody locks themselves out."""

import json
from typing import Any

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.policy import DEFAULT
from tests.house import Caller, House

pytestmark = pytest.mark.anyio

PATH = "security-policy"
JOURNAL = Statement(
    "SELECT changes FROM home__.audit_log WHERE tenant_id = $1::text::uuid"
    " AND action = 'security_policy.update'"
)
LONG_AGO = Statement(
    "UPDATE home__.sessions SET proved_at = now() - interval '11 minutes'"
    " WHERE tenant_id = $1::text::uuid AND user_id = $2"
)


@pytest.fixture
async def owner(house: House) -> Caller:
    """Somebody who may do everything."""
    return await house.user(await house.tenant())


async def test_a_new_tenant_has_the_usual_policy(owner: Caller) -> None:
    """R32: an address is proved before its owner signs in, unless the tenant says so."""
    found = (await owner.get(PATH)).data
    assert found["verify"] == DEFAULT.verify == "before_login"
    assert (found["mfa"], found["registration"]) == ("optional", "invited")


async def test_what_is_changed_holds_from_the_next_request(
    house: House, owner: Caller
) -> None:
    changed = await owner.patch(PATH, {"registration": "open", "grace_days": 3})
    assert changed.data["registration"] == "open"
    assert (await owner.get(PATH)).data == changed.data
    tenant = await house.platform.directory.at_host(owner.host)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        rows = await transaction.fetch(JOURNAL)
    (changes,) = [json.loads(bytes(row["changes"])) for row in rows]
    assert changes == {"registration": ["invited", "open"], "grace_days": [7, 3]}


@pytest.mark.parametrize(
    "change",
    [
        {"networks": ["198.51.100.0/24"]},
        {"networks": ["everywhere"]},
        {"countries_allowed": ["DE"]},
        {"cors_origins": ["*"]},
        {"cors_origins": ["https://a.test/path"]},
        {"registration_domains": ["not a domain"]},
        {"grace_days": 0},
        {"methods": []},
        {"verify": "never"},
        {"unknown": 1},
    ],
    ids=str,
)
async def test_what_means_nothing_or_locks_out_is_refused(
    owner: Caller, change: dict[str, Any]
) -> None:
    before = (await owner.get(PATH)).data
    answer = await owner.patch(PATH, change)
    assert answer.status == 422
    assert list(answer.body["error"]["fields"]) == list(change)
    assert (await owner.get(PATH)).data == before


async def test_nobody_lets_strangers_have_more_than_themselves(
    house: House, owner: Caller
) -> None:
    tenant = await house.platform.directory.at_host(owner.host)
    member = await house.user(tenant, "member")
    answer = await member.patch(PATH, {"registration_roles": ["owner"]})
    assert answer.status == 403


async def test_it_needs_a_fresh_proof(house: House, owner: Caller) -> None:
    """Step-up: a session that somebody left open does not open the tenant."""
    tenant = await house.platform.directory.at_host(owner.host)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(LONG_AGO, owner.actor_id)
    house.platform.authenticator.forget(tenant.id)
    answer = await owner.patch(PATH, {"linking": False})
    assert (answer.status, answer.code) == (403, "STEP_UP_REQUIRED")
    assert (await owner.get(PATH)).data["linking"] is True


async def test_one_tenants_policy_is_no_others(house: House, owner: Caller) -> None:
    other = await house.user(await house.tenant())
    await owner.patch(PATH, {"linking": False})
    assert (await other.get(PATH)).data["linking"] is True
