"""Teams: people who have roles together."""

import secrets

import pytest

from tests.kernel.access.conftest import Town

pytestmark = pytest.mark.anyio


def named() -> str:
    return f"team {secrets.token_hex(3)}"


async def test_a_team_gives_its_roles_to_whoever_is_in_it(town: Town) -> None:
    """S3-04, S3-05: with the next request, and no longer than they are in it."""
    person = await town.user()
    assert (await person.get("sales/deals")).status == 403
    team = await town.team(named(), person, roles=("sales.reader",))
    assert (await person.get("sales/deals")).status == 200
    (member,) = (await town.owner.get(f"teams/{team}/members")).data
    assert (member["user_id"], member["role"]) == (str(person.actor_id), "member")
    gone = await town.owner.send(
        "DELETE", f"team-members/{member['id']}", headers={"if-match": '"1"'}
    )
    assert gone.status == 200
    assert (await person.get("sales/deals")).status == 403
    assert (await town.owner.get(f"teams/{team}/members")).data == []


async def test_a_place_in_a_team_has_grants_of_its_own(town: Town) -> None:
    """S3-05: members with role and permissions."""
    lead, person = await town.user(), await town.user()
    team = await town.team(named(), person, roles=("sales.reader",))
    place = {
        "user_id": str(lead.actor_id),
        "role": "lead",
        "grants": ["sales.deals.create"],
    }
    made = await town.owner.create(f"teams/{team}/members", **place)
    assert (made["role"], made["grants"]) == ("lead", ["sales.deals.create"])
    assert (await lead.post("sales/deals", {"title": "led"})).status == 201
    assert (await person.post("sales/deals", {"title": "led"})).status == 403
    changed = {"grants": [], "version": 1}
    await town.owner.patch(f"team-members/{made['id']}", changed)
    assert (await lead.post("sales/deals", {"title": "led"})).status == 403


async def test_a_deleted_team_gives_nothing(town: Town) -> None:
    """S3-04: until it is brought back."""
    person = await town.user()
    team = await town.team(named(), person, roles=("sales.reader",))
    path = f"teams/{team}"
    await town.owner.send("DELETE", path, headers={"if-match": '"1"'})
    assert (await person.get("sales/deals")).status == 403
    assert (await town.owner.get(f"{path}/members")).status == 404
    await town.owner.post(f"{path}/restore", headers={"if-match": '"2"'})
    assert (await person.get("sales/deals")).status == 200


async def test_a_team_may_have_a_role_of_the_tenants_own(town: Town) -> None:
    """R21, S3-04: with its masks."""
    name = f"r_{secrets.token_hex(3)}"
    await town.role(name, "sales.deals.read", sales_deals={"hide": ["amount"]})
    person = await town.user()
    await town.team(named(), person, roles=(name,))
    deal = await town.deal("seen by a team", amount=1)
    assert "amount" not in (await person.get(f"sales/deals/{deal['id']}")).data


async def test_names_are_unique_and_people_are_in_a_team_once(town: Town) -> None:
    """S3-04, S3-05."""
    person, name = await town.user(), named()
    team = await town.team(name, person)
    again = await town.owner.post("teams", {"name": name})
    assert again.status == 422
    place = {"user_id": str(person.actor_id)}
    twice = await town.owner.post(f"teams/{team}/members", place)
    assert twice.status == 422


async def test_nobody_gives_through_a_team_what_they_have_not(town: Town) -> None:
    """V8.2: neither with its roles, nor with a place in it, nor by joining."""
    name = f"r_{secrets.token_hex(3)}"
    await town.role(name, "teams.manage", "sales.deals.read")
    keeper = await town.user(name)
    mighty = await town.team(named(), roles=("admin",))
    me = {"user_id": str(keeper.actor_id)}
    for method, path, body in (
        ("POST", "teams", {"name": named(), "roles": ["admin"]}),
        ("POST", f"teams/{mighty}/members", me),
        ("POST", "team-members", {**me, "team_id": mighty}),
    ):
        answer = await keeper.send(method, path, json_body=body)
        assert (answer.status, answer.code) == (403, "GRANT_NOT_HELD"), path
    mine = await keeper.create("teams", name=named(), roles=["sales.reader"])
    wider = {"roles": ["sales.reader", "sales.sales_lead"], "version": 1}
    assert (await keeper.patch(f"teams/{mine['id']}", wider)).status == 403
    place = {**me, "grants": ["users.manage"]}
    assert (await keeper.post(f"teams/{mine['id']}/members", place)).status == 403
    assert (await keeper.post(f"teams/{mine['id']}/members", me)).status == 201


async def test_what_is_unknown_here_is_refused(town: Town) -> None:
    """S0-57: roles, teams and people that this tenant has not."""
    team = await town.team(named())
    other = await town.house.tenant(apps=("sales",))
    owner, stranger = await town.house.user(other), await town.house.user(other)
    nobody = await town.owner.post("teams", {"name": named(), "roles": ["nonsense"]})
    assert nobody.status == 422
    place = {"user_id": str(stranger.actor_id)}
    assert (await town.owner.post(f"teams/{team}/members", place)).status == 422
    assert (await owner.post(f"teams/{team}/members", place)).status == 404
    assert (await owner.get(f"teams/{team}/members")).status == 404
    body = {**place, "team_id": team}
    assert (await owner.post("team-members", body)).status == 422
