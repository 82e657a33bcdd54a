"""Operators manage one another: what each may do, who is let in, and who stays."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from insula.kernel.identity.operators import LastFullOperator, Operators
from insula.kernel.tenancy.control import Control
from tests.house import OPERATORS_PASSWORD, Caller, House

pytestmark = pytest.mark.anyio
PATH = "operators"
LOG = """
SELECT action, changes FROM control.audit_logs
 WHERE resource_type = 'system_admins' AND resource_id = $1 ORDER BY id
"""
OTHERS = """
UPDATE control.system_admins SET disabled_at = now() WHERE permissions ? '*'
   AND disabled_at IS NULL AND NOT id = ANY($1::uuid[]) RETURNING id
"""
AGAIN = "UPDATE control.system_admins SET disabled_at = NULL WHERE id = ANY($1::uuid[])"


@pytest.fixture
async def chief(house: House) -> Caller:
    """An operator who may do everything."""
    return await house.operator()


def body(**more: Any) -> dict[str, Any]:
    """A new operator."""
    made = {"email": f"{uuid4().hex[:10]}@insula.test", "password": OPERATORS_PASSWORD}
    return {**made, "permissions": ["tenants.read"], **more}


async def logged(house: House, operator_id: str) -> list[str]:
    """What was done to an operator."""
    rows = await house.platform.control.fetch(LOG, operator_id)
    return [row["action"] for row in rows]


async def test_an_operator_is_made_read_changed_and_removed(
    house: House, chief: Caller
) -> None:
    """S1-96: and each of it stands in the log."""
    answer = await chief.post(PATH, body(name="Grace"))
    made = answer.data
    assert (answer.status, answer.headers["location"]) == (
        201,
        f"/api/v1/operators/{made['id']}",
    )
    assert (made["name"], made["permissions"]) == ("Grace", ["tenants.read"])
    assert "password" not in made
    one = f"{PATH}/{made['id']}"
    assert (await chief.get(one)).data == made
    change: dict[str, Any] = {"name": "G. Hopper", "permissions": ["tenants.*"]}
    assert (await chief.patch(one, change)).code == "IF_MATCH_REQUIRED"
    change["version"] = 1
    changed = (await chief.patch(one, change)).data
    assert (changed["name"], changed["permissions"]) == ("G. Hopper", ["tenants.*"])
    assert (await chief.patch(one, change)).code == "VERSION_MISMATCH"
    renamed = (await chief.patch(one, {"name": "Grace", "version": 2})).data
    assert renamed["permissions"] == ["tenants.*"]
    assert (await chief.send("DELETE", one)).status == 200
    assert (await chief.get(one)).status == 404
    actions = ["create", "update", "update", "delete"]
    assert await logged(house, made["id"]) == [f"admins.{it}" for it in actions]


async def test_all_operators_are_listed_page_by_page(chief: Caller) -> None:
    ids = [(await chief.create(PATH, **body()))["id"] for _ in range(3)]
    seen: list[str] = []
    query = f"{PATH}?per_page=2"
    while query:
        page = (await chief.get(query)).body
        seen += [it["id"] for it in page["data"]]
        query = page["links"]["next"]
    assert [it for it in seen if it in ids] == ids
    assert len(seen) == len(set(seen))
    for wrong in ("per_page=0", "cursor=x", "sarch=x"):
        assert (await chief.get(f"{PATH}?{wrong}")).code == "INVALID_QUERY"


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nobody"},
        {"email": "a b@insula.test"},
        {"password": "short"},
        {"permissions": ["Tenants.read"]},
        {"permissions": ["tenants"]},
        {"permissions": "tenants.read"},
        {"permissions": ["tenants.read"] * 101},
        {"disabled_at": None},
    ],
)
async def test_what_no_operator_can_have_is_refused(
    chief: Caller, wrong: dict[str, Any]
) -> None:
    answer = await chief.post(PATH, body(**wrong))
    assert answer.status == 422, answer.body


async def test_an_address_is_taken_once_in_any_spelling(chief: Caller) -> None:
    made = body()
    await chief.create(PATH, **made)
    again = await chief.post(PATH, {**made, "email": made["email"].upper()})
    assert (again.status, again.code) == (409, "OPERATOR_EXISTS")


async def test_what_is_not_there_is_not_found(chief: Caller) -> None:
    for key in ("x", str(uuid4())):
        one, word = f"{PATH}/{key}", {"password": OPERATORS_PASSWORD}
        answers = [
            await chief.get(one),
            await chief.patch(one, {"name": "x", "version": 1}),
            await chief.send("DELETE", one),
            await chief.post(f"{one}/disable"),
            await chief.post(f"{one}/enable"),
            await chief.post(f"{one}/password", word),
            await chief.post(f"{one}/reset-second-factor"),
            await chief.get(f"{one}/sessions"),
            await chief.post(f"{one}/sessions/revoke", {}),
        ]
        assert {it.status for it in answers} == {404}


async def test_permissions_say_what_an_operator_does(house: House) -> None:
    """S1-23, S1-96: reading is one thing, managing another."""
    reader = await house.operator("operators.read")
    nobody = await house.operator("tenants.read")
    assert (await reader.get(PATH)).status == 200
    assert (await reader.post(PATH, body())).code == "FORBIDDEN"
    assert (await nobody.get(PATH)).code == "FORBIDDEN"


async def test_new_permissions_count_from_the_next_request(
    house: House, chief: Caller
) -> None:
    clerk = await house.operator("tenants.read")
    assert (await clerk.get("tenants")).status == 200
    await chief.patch(
        f"{PATH}/{clerk.actor_id}", {"permissions": ["operators.read"], "version": 1}
    )
    house.platform.authenticator.heard(f"actor:{clerk.actor_id}")
    assert (await clerk.get("tenants")).code == "FORBIDDEN"
    assert (await clerk.get(PATH)).status == 200


async def test_nobody_climbs_above_themselves(house: House, chief: Caller) -> None:
    """S1-96: neither for themselves, nor through somebody who has more."""
    manager = await house.operator("operators.manage", "tenants.read")
    mine = f"{PATH}/{manager.actor_id}"
    above, word = f"{PATH}/{chief.actor_id}", {"password": OPERATORS_PASSWORD}
    answers = [
        await manager.patch(mine, {"permissions": ["*"], "version": 1}),
        await manager.patch(
            mine, {"permissions": ["operators.*", "*.*"], "version": 1}
        ),
        await manager.post(PATH, body(permissions=["tenants.delete"])),
        await manager.post(f"{above}/password", word),
        await manager.post(f"{above}/reset-second-factor"),
        await manager.post(f"{above}/disable"),
        await manager.post(f"{above}/sessions/revoke", {}),
        await manager.send("DELETE", above),
    ]
    assert {(it.status, it.code) for it in answers} == {
        (403, "OPERATOR_BEYOND_YOURSELF")
    }
    assert (await manager.post(PATH, body())).status == 201


async def test_a_disabled_operator_is_out_at_once(house: House, chief: Caller) -> None:
    """S1-96: with every session, until they are enabled and sign in anew."""
    clerk = await house.operator("tenants.read")
    one = f"{PATH}/{clerk.actor_id}"
    assert (await chief.post(f"{one}/disable")).data["disabled_at"]
    house.platform.authenticator.heard(f"actor:{clerk.actor_id}")
    assert (await clerk.get("tenants")).code == "UNAUTHENTICATED"
    assert (await chief.get(f"{one}/sessions")).data == []
    assert (await chief.post(f"{one}/enable")).data["disabled_at"] is None
    assert (await clerk.get("tenants")).code == "UNAUTHENTICATED"


async def test_sessions_are_listed_and_ended(house: House, chief: Caller) -> None:
    """S1-96: one of them, or all."""
    clerk = await house.operator("tenants.read")
    one = f"{PATH}/{clerk.actor_id}/sessions"
    (session,) = (await chief.get(one)).data
    assert session["factors"] == ["pwd", "otp"]
    assert (await clerk.get("auth/sessions")).data == [session]
    ended = f"{one}/revoke"
    unknown = await chief.post(ended, {"session_id": str(uuid4())})
    assert unknown.status == 404
    assert (await chief.post(ended, {"session_id": session["id"]})).status == 200
    house.platform.authenticator.heard(f"actor:{clerk.actor_id}")
    assert (await clerk.get("tenants")).status == 401
    assert (await chief.get(one)).data == []
    assert (await chief.post(ended, {"session_id": session["id"]})).status == 404


async def alone(control: Control, *operators: UUID | None) -> list[UUID]:
    """Disable all others who may do everything; answers who they were."""
    return [row["id"] for row in await control.fetch(OTHERS, list(operators))]


async def test_the_last_full_operator_stays(house: House, chief: Caller) -> None:
    """S1-96: neither disabled, nor removed, nor made less."""
    control = house.platform.control
    others = await alone(control, chief.actor_id)
    try:
        one = f"{PATH}/{chief.actor_id}"
        answers = [
            await chief.post(f"{one}/disable"),
            await chief.send("DELETE", one),
            await chief.patch(one, {"permissions": ["tenants.read"], "version": 1}),
        ]
        assert {(it.status, it.code) for it in answers} == {(409, "OPERATOR_LAST")}
        assert (
            await chief.patch(one, {"permissions": ["*", "a.b"], "version": 1})
        ).status == 200
    finally:
        await control.fetch(AGAIN, others)


async def test_two_who_disable_each_other_do_not_both_go(house: House) -> None:
    """S1-96: however close to each other they ask."""
    control = house.platform.control
    both = [(await house.operator()).actor_id for _ in range(2)]
    others, operators = await alone(control, *both), Operators(control)
    try:
        ended = await asyncio.gather(
            *(operators.disable(it) for it in both if it is not None),
            return_exceptions=True,
        )
        assert sorted(type(it).__name__ for it in ended) == [
            "LastFullOperator",
            "NoneType",
        ]
        assert any(isinstance(it, LastFullOperator) for it in ended)
    finally:
        await control.fetch(AGAIN, others)
