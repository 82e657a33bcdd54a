"""Explaining: every rule is told, and together they say what a request would meet."""

import secrets
from typing import Any

import pytest

from tests.house import Caller
from tests.kernel.access.conftest import Town

pytestmark = pytest.mark.anyio


async def explained(
    town: Town, person: Caller, permission: str, **more: str
) -> tuple[bool, dict[str, list[tuple[str, str]]]]:
    """Whether it is allowed, and by rule what each finding says."""
    asked = {"user": str(person.actor_id), "permission": permission, **more}
    found = (await town.owner.get("access/explain", params=asked)).data
    rules: dict[str, list[tuple[str, str]]] = {}
    for it in found["rules"]:
        rules.setdefault(it["rule"], []).append((it["verdict"], it["why"]))
    return found["allowed"], rules


async def test_a_grant_is_named_with_the_role_and_the_team(town: Town) -> None:
    """S4-16: which role, by which way, grants what covers it."""
    person = await town.user("sales.reader")
    team = await town.team(f"t {secrets.token_hex(3)}", person, roles=("viewer",))
    allowed, rules = await explained(town, person, "sales.deals.read")
    assert allowed
    words = " ".join(why for _, why in rules["grant"])
    assert "sales.reader grants sales.deals.read" in words
    assert f"viewer (by the team {team}) grants *.*.read" in words
    assert rules["app"] == [("allows", "The app sales is installed.")]
    assert rules["tenant"][0][0] == rules["account"][0][0] == "allows"


async def test_what_nobody_granted_is_refused(town: Town) -> None:
    """S0-54: and it is said which roles were looked at."""
    person = await town.user("sales.reader")
    allowed, rules = await explained(town, person, "sales.deals.delete")
    assert not allowed
    ((verdict, why),) = rules["grant"]
    assert (verdict, "sales.reader" in why) == ("refuses", True)


async def test_whether_a_row_is_in_reach_is_said(town: Town) -> None:
    """R36: as the request would be answered."""
    person = await town.user("sales.sales_rep")
    mine, other = await town.deal("mine", person), await town.deal("not mine")
    permission = "sales.deals.update"
    allowed, rules = await explained(town, person, permission, id=mine["id"])
    assert allowed
    assert rules["rows"] == [("limits", "It is for rows of their own.")]
    assert rules["row"][0][0] == "allows"
    allowed, rules = await explained(town, person, permission, id=other["id"])
    assert (allowed, rules["row"][0][0]) == (False, "refuses")


async def test_masks_scopes_and_features_are_said(town: Town) -> None:
    """Promise 3, S2-56: each that stands in the way, or takes a part."""
    name = f"r_{secrets.token_hex(3)}"
    mask = {"hide": ["amount"], "freeze": ["title"]}
    await town.role(name, "sales.deals.manage", sales_deals=mask)
    person = await town.user(name)
    allowed, rules = await explained(
        town, person, "sales.deals.update", scopes="files.*"
    )
    assert not allowed
    assert rules["scope"][0][0] == "refuses"
    shown = [why for _, why in rules["fields"]]
    assert shown == ["Not shown: amount, margin.", "Not to be written: title."]
    _, rules = await explained(town, person, "sales.report.read")
    assert rules["feature"][0][1] == "The plan has not the feature reports."


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("member", "sales.deals.create"),
        ("member", "sales.deals.delete"),
        ("viewer", "sales.deals.create"),
        ("sales.sales_lead", "sales.deals.create"),
        ("customer", "sales.deals.create"),
        ("manager", "sales.deals.create"),
    ],
)
async def test_what_is_explained_is_what_happens(
    town: Town, role: str, permission: str
) -> None:
    """The explanation and the walk agree."""
    person = await town.user(role)
    allowed, _ = await explained(town, person, permission)
    if permission.endswith("create"):
        answer = await person.post("sales/deals", {"title": "x"})
    else:
        unknown = "sales/deals/0190a0a0-0000-7000-8000-000000000000"
        answer = await person.send("DELETE", unknown, headers={"if-match": '"1"'})
    assert allowed is (answer.status != 403)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"user": "x"}, 400),
        ({"user": "0190a0a0-0000-7000-8000-000000000000"}, 404),
        ({"permission": ""}, 400),
        ({"permission": "sales.*.read"}, 400),
        ({"id": "x"}, 404),
        ({"id": "0190a0a0-0000-7000-8000-000000000000"}, 404),
        ({"resource": "no.such", "id": "x"}, 400),
        ({"scopes": "odd:x.y"}, 200),
        ({"permission": "no.such.thing"}, 200),
    ],
)
async def test_an_odd_question_is_answered_as_one(
    town: Town, changed: dict[str, Any], status: int
) -> None:
    """Never a fault, whatever is asked."""
    asked = {"user": str(town.owner.actor_id), "permission": "sales.deals.read"}
    answer = await town.owner.get("access/explain", params={**asked, **changed})
    assert answer.status == status


async def test_people_of_another_tenant_are_unknown(town: Town) -> None:
    """S0-57: their ids and their rows answer as nobody's."""
    other = await town.house.tenant(apps=("sales",))
    stranger = await town.house.user(other)
    asked = {"user": str(stranger.actor_id), "permission": "sales.deals.read"}
    assert (await town.owner.get("access/explain", params=asked)).status == 404


async def test_only_a_row_that_one_may_read_is_asked_about(town: Town) -> None:
    """Pitfall 25: the explanation tells nobody of rows that they do not reach."""
    name = f"r_{secrets.token_hex(3)}"
    await town.role(name, "roles.read", "own:sales.deals.read")
    asker = await town.user(name)
    deal = await town.deal("out of sight")
    asked = {
        "user": str(town.owner.actor_id),
        "permission": "sales.deals.read",
        "id": deal["id"],
    }
    assert (await asker.get("access/explain", params=asked)).status == 404


async def test_all_policies_are_in_one_place(town: Town) -> None:
    """S4-16: security, roles, teams, what resources and operations ask for."""
    found = (await town.owner.get("access/policies")).data
    assert found["security"]["verify"] == town.tenant.policy.verify
    assert {"owner", "sales.sales_rep"} <= {it["name"] for it in found["roles"]}
    rules = {it["name"]: it for it in found["resources"]}
    deals = rules["sales.deals"]
    assert (deals["owner"], deals["team"]) == ("owner_id", "team_id")
    assert deals["fields"]["margin"]["read"] == "sales.deals.read_margin"
    asked = {it["name"]: it for it in found["operations"]}
    assert asked["sales.deals.forecast"]["feature"] == "forecasting"
    assert asked["sales.deals.list"]["permission"] == "sales.deals.read"
    assert not any(name.startswith("tenants.") for name in asked)
