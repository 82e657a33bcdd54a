"""Asking: nobody comes in unasked, and a broken glass is heard by everybody."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.services.support.helping import (
    PATH,
    ask,
    enter,
    granted,
    journal,
    log,
    mailed,
)

pytestmark = pytest.mark.anyio


async def test_the_tenant_hears_of_a_request_and_decides(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: in the app, by mail, and in both logs."""
    asked = await ask(helper, acme)
    access = asked.data
    assert (asked.status, access["state"]) == (201, "requested")
    (listed,) = (await owner.get(PATH)).data
    assert (listed["reason"], listed["hours"]) == ("Ticket 4711", 4)
    (told,) = (await owner.get("notifications")).data
    assert told["kind"] == "support.access"
    assert access["operator"] in told["body"]
    assert len(await mailed(house, acme)) == 1
    refused = await helper.post(f"{PATH}/{access['id']}/enter")
    assert (refused.status, refused.code) == (409, "SUPPORT_ACCESS_STATE")
    approved = (await owner.post(f"{PATH}/{access['id']}/approve", {})).data
    assert approved["state"] == "approved"
    assert approved["decided_by"] == str(owner.actor_id)
    began = datetime.fromisoformat(approved["decided_at"])
    until = datetime.fromisoformat(approved["expires_at"])
    assert until - began == timedelta(hours=4)
    assert [row["action"] for row in await journal(house, acme, access)] == [
        "support_accesses.request"
    ]
    actions = await log(house, acme)
    assert actions[-2:] == ["support_accesses.request", "support_accesses.approve"]


async def test_a_mail_goes_to_the_keepers_whatever_they_wish(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: it is about their walls; a member hears nothing."""
    wishes = [{"pattern": "*", "in_app": False, "mail": False, "digest": "none"}]
    answer = await owner.post("notification-preferences", {"preferences": wishes})
    assert answer.status == 200, answer.body
    await house.user(acme, "admin")
    await house.user(acme, "member")
    await ask(helper, acme)
    assert len(await mailed(house, acme)) == 2
    assert (await owner.get("notifications")).data == []


async def test_what_was_rejected_stays_shut(
    owner: Caller, acme: Tenant, helper: Caller
) -> None:
    access = (await ask(helper, acme)).data
    one = f"{PATH}/{access['id']}"
    assert (await owner.post(f"{one}/reject")).data["state"] == "rejected"
    for answer in (
        await owner.post(f"{one}/approve", {}),
        await owner.post(f"{one}/reject"),
        await owner.post(f"{one}/revoke"),
        await helper.post(f"{one}/enter"),
        await helper.post(f"{one}/end"),
    ):
        assert (answer.status, answer.code) == (409, "SUPPORT_ACCESS_STATE")


async def test_the_tenant_may_grant_less_but_never_more(
    owner: Caller, acme: Tenant, helper: Caller
) -> None:
    much = (await ask(helper, acme, scope="manage")).data
    less = await owner.post(f"{PATH}/{much['id']}/approve", {"scope": "read"})
    assert less.data["scope"] == "read"
    little = (await ask(helper, acme)).data
    more = await owner.post(f"{PATH}/{little['id']}/approve", {"scope": "manage"})
    assert more.data["scope"] == "read"


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": 2},
        {"hours": 169},
        {"hours": "4"},
        {"reason": ""},
        {"reason": "x" * 501},
        {"kind": "burglary"},
        {"scope": "own"},
        {"tenant_id": "x"},
        {"state": "active"},
    ],
)
async def test_what_cannot_be_asked_is_refused(
    acme: Tenant, helper: Caller, wrong: dict[str, Any]
) -> None:
    assert (await ask(helper, acme, **wrong)).status == 422


async def test_a_tenant_that_is_not_there_is_not_found(helper: Caller) -> None:
    wish = {"tenant_id": str(uuid4()), "reason": "Ticket 1", "hours": 3}
    for kind in ("consent", "break_glass"):
        assert (await helper.post(PATH, {**wish, "kind": kind})).status == 404


async def test_only_who_keeps_the_tenant_decides(
    house: House, acme: Tenant, helper: Caller
) -> None:
    """S1-23: it takes the permission ``support.manage``."""
    access = (await ask(helper, acme)).data
    for role in ("manager", "member", "viewer", "auditor"):
        somebody = await house.user(acme, role)
        for path, body in (("approve", {}), ("reject", None), ("revoke", None)):
            answer = await somebody.post(f"{PATH}/{access['id']}/{path}", body)
            assert (answer.status, answer.code) == (403, "FORBIDDEN")
        assert (await somebody.get(PATH)).code == "FORBIDDEN"


async def test_another_tenants_accesses_are_as_unknown_as_any(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-26: neither seen, nor decided about."""
    access = (await ask(helper, acme)).data
    neighbour = await house.user(await house.tenant())
    assert (await neighbour.get(PATH)).data == []
    for key in (access["id"], str(uuid4()), "x"):
        one = f"{PATH}/{key}"
        answers = [
            await neighbour.get(one),
            await neighbour.post(f"{one}/approve", {}),
            await neighbour.post(f"{one}/reject"),
            await neighbour.post(f"{one}/revoke"),
        ]
        assert {(it.status, it.code) for it in answers} == {(404, "NOT_FOUND")}
    assert (await owner.get(f"{PATH}/{access['id']}")).data["state"] == "requested"


async def test_a_request_lapses_after_a_week(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    access = (await ask(helper, acme)).data
    older = (
        "UPDATE control.support_accesses SET created_at = created_at"
        " - interval '7 days' WHERE tenant_id = $1"
    )
    await house.platform.control.fetch(older, acme.id)
    one = f"{PATH}/{access['id']}"
    assert (await owner.get(one)).data["state"] == "expired"
    assert (await owner.post(f"{one}/approve", {})).code == "SUPPORT_ACCESS_STATE"


async def test_a_glass_is_broken_at_once_with_the_right_to(
    house: House, acme: Tenant, owner: Caller
) -> None:
    """S1-23: and the owners hear of it before anybody is inside."""
    hero = await house.operator("support.request", "support.break_glass")
    access = (await ask(hero, acme, kind="break_glass", scope="manage")).data
    assert (access["state"], access["kind"]) == ("approved", "break_glass")
    (told,) = (await owner.get("notifications")).data
    assert "without being asked" in told["title"]
    assert len(await mailed(house, acme)) == 1
    inside = await enter(house, hero, access)
    assert (await inside.get("maintenance/assets")).status == 200
    revoked = await owner.post(f"{PATH}/{access['id']}/revoke")
    assert revoked.data["state"] == "revoked"


async def test_without_it_a_second_operator_has_to_agree(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    """S1-23: not the one who asked, and not the tenant, which is told twice."""
    access = (await ask(helper, acme, kind="break_glass")).data
    assert access["state"] == "requested"
    one = f"{PATH}/{access['id']}"
    assert (await owner.post(f"{one}/approve", {})).code == "SUPPORT_STAFF_ONLY"
    assert (await helper.post(f"{one}/approve")).code == "FORBIDDEN"
    second = await house.operator("support.approve", "support.request")
    own = (await ask(second, acme, kind="break_glass")).data
    refused = await second.post(f"{PATH}/{own['id']}/approve")
    assert (refused.status, refused.code) == (403, "SUPPORT_OWN_REQUEST")
    approved = (await second.post(f"{one}/approve")).data
    assert approved["decided_by"] == str(second.actor_id)
    titles = [it["title"] for it in (await owner.get("notifications")).data]
    assert sum("without being asked" in it for it in titles) == 1
    assert (await enter(house, helper, access)).token


async def test_a_second_operator_cannot_consent_for_the_tenant(
    house: House, acme: Tenant, helper: Caller
) -> None:
    access = (await ask(helper, acme)).data
    second = await house.operator()
    answer = await second.post(f"{PATH}/{access['id']}/approve")
    assert (answer.status, answer.code) == (403, "SUPPORT_STAFF_ONLY")


async def test_operators_list_all_accesses_page_by_page(
    house: House, acme: Tenant, helper: Caller
) -> None:
    made = [(await ask(helper, acme)).data["id"] for _ in range(3)]
    query = f"{PATH}?tenant_id={acme.id}&per_page=2"
    first = (await helper.get(query)).body
    second = (await helper.get(first["links"]["next"])).body
    assert [it["id"] for it in first["data"] + second["data"]] == made[::-1]
    assert second["links"]["next"] is None
    assert (await helper.get(f"{PATH}/{made[0]}")).data["id"] == made[0]
    for wrong in ("tenant_id=x", "cursor=x", "per_page=0", "state=x"):
        assert (await helper.get(f"{PATH}?{wrong}")).code == "INVALID_QUERY"
    stranger = await house.operator("tenants.read")
    assert (await stranger.get(PATH)).code == "FORBIDDEN"


async def test_an_operator_withdraws_what_they_asked_for(
    house: House, acme: Tenant, owner: Caller, helper: Caller
) -> None:
    access = await granted(helper, owner, acme)
    one = f"{PATH}/{access['id']}"
    other = await house.operator("support.request")
    answer = await other.post(f"{one}/end")
    assert (answer.status, answer.code) == (403, "SUPPORT_ACCESS_NOT_YOURS")
    assert (await helper.post(f"{one}/end")).data["state"] == "revoked"
    last = (await journal(house, acme, access))[-1]
    assert last["action"] == "support_accesses.end"
