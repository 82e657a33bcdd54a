"""Groups: the teams of a tenant, as its directory fills them."""

from tests.house import House
from tests.kernel.services.scim.rig import GROUP, Rig, new_rig


async def test_a_group_is_a_team_and_its_members_are_in_it(rig: Rig) -> None:
    """S3-04: whom the directory brings into a group has what the team gives."""
    ada, bob = await rig.person(), await rig.person()
    group = await rig.group(ada, bob, externalId="g-1")
    assert {it["value"] for it in group["members"]} == {ada["id"], bob["id"]}
    teams = (await rig.owner.get("teams")).data
    assert [it["name"] for it in teams] == [group["displayName"]]
    read = (await rig.ask("GET", f"Users/{ada['id']}")).body
    assert read["groups"][0]["value"] == group["id"]
    assert read["groups"][0]["display"] == group["displayName"]
    assert (await rig.ask("GET", f"Groups/{group['id']}")).body == group
    assert await rig.found('Groups?filter=externalId eq "g-1"') == [group["id"]]
    by_member = f'Groups?filter=members.value eq "{ada["id"]}"'
    assert await rig.found(by_member) == [group["id"]]


async def test_what_a_team_gives_comes_and_goes_with_the_membership(rig: Rig) -> None:
    """Within the same second: nobody keeps what they lost."""
    body = {"name": "Readers", "roles": ["viewer"]}
    team = await rig.owner.create("teams", **body)
    member = await rig.house.user(rig.tenant, "customer")
    assert (await member.get("files")).status == 403
    path = f"Groups/{team['id']}"
    value = [{"value": str(member.actor_id)}]
    added = await rig.patch(path, {"op": "add", "path": "members", "value": value})
    assert added.status == 200, added.body
    assert (await member.get("files")).status == 200
    gone = {"op": "Remove", "path": f'members[value eq "{member.actor_id}"]'}
    assert "members" not in (await rig.patch(path, gone)).body
    assert (await member.get("files")).status == 403
    again = {"op": "add", "path": "members", "value": value}
    assert (await rig.patch(path, again)).status == 200
    entras = {"op": "Remove", "path": "members", "value": value}
    assert "members" not in (await rig.patch(path, entras)).body


async def test_groups_are_replaced_and_removed(rig: Rig) -> None:
    ada, bob = await rig.person(), await rig.person()
    group = await rig.group(ada)
    path = f"Groups/{group['id']}"
    body = {"schemas": [GROUP], "displayName": "New", "members": [{"value": bob["id"]}]}
    replaced = await rig.ask("PUT", path, body)
    assert replaced.status == 200, replaced.body
    assert [it["value"] for it in replaced.body["members"]] == [bob["id"]]
    version = group["meta"]["version"]
    assert (await rig.ask("DELETE", path, version=version)).status == 412
    assert (await rig.ask("DELETE", path)).status == 204
    assert (await rig.ask("GET", path)).status == 404
    read = (await rig.ask("GET", f"Users/{bob['id']}")).body
    assert "groups" not in read
    again = await rig.ask("POST", "Groups", {"schemas": [GROUP], "displayName": "New"})
    assert again.status == 201
    twice = await rig.ask("POST", "Groups", {"schemas": [GROUP], "displayName": "New"})
    assert (twice.status, twice.body["scimType"]) == (409, "uniqueness")


async def test_a_directory_gives_nothing_that_its_token_may_not(
    rig: Rig, house: House
) -> None:
    """A group is no way to make oneself an owner."""
    team = await rig.owner.create("teams", name="Bosses", roles=["owner"])
    ada = await rig.person()
    add = {"op": "add", "path": "members", "value": [{"value": ada["id"]}]}
    path = f"Groups/{team['id']}"
    assert (await rig.patch(path, add)).status == 403
    assert (await rig.ask("DELETE", path)).status == 403
    body = {"schemas": [GROUP], "displayName": "B", "members": [{"value": ada["id"]}]}
    assert (await rig.ask("PUT", path, body)).status == 403
    strong = await new_rig(house, "owner", "member")
    team = await strong.owner.create("teams", name="Bosses", roles=["owner"])
    ada = await strong.person()
    add = {"op": "add", "path": "members", "value": [{"value": ada["id"]}]}
    assert (await strong.patch(f"Groups/{team['id']}", add)).status == 200
