"""People: made, changed and sent away by a directory."""

from typing import Any

import pytest

from tests.house import House
from tests.kernel.services.scim.rig import ERROR, USER, Rig, new_rig

EXAMPLE = {
    "userName": "bjensen@people.example",
    "externalId": "701984",
    "name": {"formatted": "Ms. Barbara Jensen", "familyName": "Jensen"},
    "displayName": "Babs Jensen",
    "title": "Tour Guide",
    "preferredLanguage": "de-DE",
    "emails": [
        {"value": "babs@home.example", "type": "home"},
        {"value": "Babs@work.example", "type": "work", "primary": True},
    ],
    "nickName": "what nobody here needs",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "X"},
}


async def test_a_person_comes_with_all_that_is_kept_of_them(rig: Rig) -> None:
    """RFC 7643: what is kept comes back; what is not needed is not taken."""
    made = await rig.person(**EXAMPLE)
    read = await rig.ask("GET", f"Users/{made['id']}")
    assert read.body == made
    for name in ("userName", "externalId", "name", "displayName", "title", "emails"):
        assert read.body[name] == EXAMPLE[name]
    assert read.body["active"] is True
    assert "nickName" not in read.body
    assert read.headers["etag"] == read.body["meta"]["version"]
    assert read.body["meta"]["location"].endswith(f"/scim/v2/Users/{made['id']}")
    (row,) = [it for it in await rig.rows("users") if str(it["id"]) == made["id"]]
    assert row["email"] == "babs@work.example"
    assert row["name"] == "Babs Jensen"
    assert row["locale"] == "de-DE"
    assert row["roles"] == '["member"]'
    assert row["password"] is None


async def test_a_user_name_that_is_an_address_is_enough(rig: Rig) -> None:
    made = await rig.person()
    assert made["emails"][0]["value"] == made["userName"]
    body = {"schemas": [USER], "userName": "bjensen"}
    refused = await rig.ask("POST", "Users", body)
    assert refused.status == 400
    assert refused.body["schemas"] == [ERROR]


async def test_people_who_were_here_before_are_seen_and_taken_over(rig: Rig) -> None:
    member = await rig.house.user(rig.tenant, "member")
    users = {str(it["id"]): it for it in await rig.rows("users")}
    email = users[str(member.actor_id)]["email"]
    (found,) = await rig.found(f'Users?filter=userName eq "{email.upper()}"')
    assert found == str(member.actor_id)
    change = {"op": "replace", "path": "externalId", "value": "x1"}
    taken = await rig.patch(f"Users/{found}", change)
    assert taken.body["externalId"] == "x1"
    assert await rig.found('Users?filter=externalId eq "x1"') == [found]


async def test_two_people_have_not_one_name(rig: Rig) -> None:
    first = await rig.person()
    for body in (
        {"userName": first["userName"].upper()},
        {"userName": "other", "emails": [{"value": first["userName"]}]},
    ):
        again = await rig.ask("POST", "Users", {"schemas": [USER], **body})
        assert again.status == 409
        assert again.body["scimType"] == "uniqueness"
        assert again.body["status"] == "409"
    second = await rig.person()
    change = {"op": "replace", "path": "userName", "value": first["userName"]}
    assert (await rig.patch(f"Users/{second['id']}", change)).status == 409


async def test_put_replaces_and_patch_changes(rig: Rig) -> None:
    made = await rig.person(**EXAMPLE)
    path = f"Users/{made['id']}"
    changed = await rig.patch(
        path,
        {
            "op": "Replace",
            "path": 'emails[type eq "work"].value',
            "value": "b@w.example",
        },
        {"op": "add", "value": {"displayName": "Barbara", "title": None}},
        {"op": "remove", "path": "name.formatted"},
    )
    assert changed.status == 200, changed.body
    assert changed.body["emails"][1]["value"] == "b@w.example"
    assert changed.body["displayName"] == "Barbara"
    assert changed.body["name"] == {"familyName": "Jensen"}
    body = {"schemas": [USER], "userName": EXAMPLE["userName"]}
    replaced = await rig.ask("PUT", path, body)
    assert replaced.status == 200, replaced.body
    assert "displayName" not in replaced.body
    assert "externalId" not in replaced.body
    assert replaced.body["active"] is True


async def test_a_version_that_is_old_changes_nothing(rig: Rig) -> None:
    """RFC 7644, 3.14: also when it was changed here, not by the directory."""
    made = await rig.person()
    path, version = f"Users/{made['id']}", made["meta"]["version"]
    change = {"op": "replace", "path": "title", "value": "Boss"}
    changed = await rig.patch(path, change, version=version)
    assert changed.status == 200, changed.body
    assert changed.body["meta"]["version"] != version
    stale = await rig.patch(path, change, version=version)
    assert (stale.status, stale.body["status"]) == (412, "412")
    assert (await rig.ask("DELETE", path, version=version)).status == 412
    newer = changed.body["meta"]["version"]
    disabled = await rig.owner.post(f"users/{made['id']}/disable")
    assert disabled.status == 200, disabled.body
    assert (await rig.patch(path, change, version=newer)).status == 412
    known = (await rig.ask("GET", path)).headers["etag"]
    assert (await rig.ask("GET", path, headers={"if-none-match": known})).status == 304


async def test_whoever_is_inactive_is_out_at_once(rig: Rig) -> None:
    """RFC 7643, 4.1.1: `active` false ends every sign-in; Entra writes it as a text."""
    member = await rig.house.user(rig.tenant, "member")
    path = f"Users/{member.actor_id}"
    assert (await member.get("auth/user")).status == 200
    change = {"op": "Replace", "path": "active", "value": "False"}
    off = await rig.patch(path, change)
    assert off.body["active"] is False, off.body
    assert (await member.get("auth/user")).status == 401
    on = await rig.patch(path, {"op": "replace", "value": {"active": True}})
    assert on.body["active"] is True
    assert (await member.get("auth/user")).status == 401


async def test_whoever_is_removed_is_not_there_any_more(rig: Rig) -> None:
    made = await rig.person()
    path = f"Users/{made['id']}"
    gone = await rig.ask("DELETE", path)
    assert (gone.status, gone.body) == (204, "")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = (
            {"schemas": [USER], "userName": "a@b.example"} if method == "PUT" else None
        )
        if method == "PATCH":
            said = await rig.patch(path, {"op": "remove", "path": "title"})
        else:
            said = await rig.ask(method, path, body)
        assert (said.status, said.body["status"]) == (404, "404"), method
    query = f'Users?filter=userName eq "{made["userName"]}"'
    assert await rig.found(query) == []


async def test_a_directory_changes_nobody_who_may_do_more(
    rig: Rig, house: House
) -> None:
    """A token is no way to take over whoever may do everything."""
    path = f"Users/{rig.owner.actor_id}"
    change = {
        "op": "replace",
        "path": "emails",
        "value": [{"value": "me@evil.example"}],
    }
    for said in (
        await rig.patch(path, change),
        await rig.patch(path, {"op": "replace", "path": "active", "value": False}),
        await rig.ask("DELETE", path),
    ):
        assert said.status == 403
    strong = await new_rig(house, "owner")
    path = f"Users/{strong.owner.actor_id}"
    renamed = {"op": "replace", "path": "displayName", "value": "Boss"}
    assert (await strong.patch(path, renamed)).status == 200
    off = {"op": "replace", "path": "active", "value": False}
    assert (await strong.patch(path, off)).status == 409
    assert (await strong.ask("DELETE", path)).status == 409
    assert (await strong.owner.get("auth/user")).status == 200


async def test_another_tenants_people_are_not_there(rig: Rig, house: House) -> None:
    """Promise 1: neither to read, to find nor to change."""
    made, group = await rig.person(), await rig.group()
    other = await new_rig(house)
    assert (await other.ask("GET", f"Users/{made['id']}")).status == 404
    assert (await other.ask("GET", f"Groups/{group['id']}")).status == 404
    query = f'Users?filter=userName eq "{made["userName"]}"'
    assert await other.found(query) == []
    change = {"op": "replace", "path": "title", "value": "x"}
    assert (await other.patch(f"Users/{made['id']}", change)).status == 404
    add = {"op": "add", "path": "members", "value": [{"value": made["id"]}]}
    theirs = await other.group()
    assert (await other.patch(f"Groups/{theirs['id']}", add)).status == 400
    stolen = house.caller(other.tenant.domain, rig.directory.token)
    assert (await rig.ask("GET", "Users", by=stolen)).status == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "Users", b"nonsense"),
        ("POST", "Users", b"[]"),
        ("POST", "Users", b"{}"),
        ("POST", "Users", b'{"a":' * 5000),
        ("POST", "Users", {"schemas": [USER], "userName": "a\x00@b.example"}),
        ("POST", "Users", b'{"schemas":["x"],"userName":"\\ud800@b.example"}'),
        ("POST", "Users", {"schemas": [USER], "userName": " "}),
        ("POST", "Users", {"schemas": [USER], "userName": f"{'a' * 300}@b.example"}),
        ("POST", "Users", {"schemas": [USER], "userName": 7}),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "emails": "b"}),
        ("POST", "Users", {"schemas": [USER], "userName": "a@b", "emails": [{}]}),
        ("POST", "Users", {"schemas": [USER], "userName": "a@b.c", "active": "x"}),
        ("POST", "Groups", {"schemas": ["x"]}),
        ("PATCH", "Users/{id}", {"schemas": ["x"], "Operations": []}),
        ("PATCH", "Users/{id}", {"Operations": [{"op": "burn"}]}),
        ("PATCH", "Users/{id}", {"Operations": [{"op": "remove", "path": "userName"}]}),
        ("PATCH", "Users/{id}", {"Operations": [{"op": "add", "path": "((("}]}),
        ("POST", ".search", {"filter": "userName eq"}),
        ("POST", "Users/.search", {"count": "x"}),
    ],
)
async def test_whatever_a_directory_sends_is_answered_in_scims_words(
    rig: Rig, method: str, path: str, body: Any
) -> None:
    """RFC 7644, 3.12: an error is SCIM's own body and type, and never ours."""
    made = await rig.person()
    said = await rig.ask(method, path.format(id=made["id"]), body)
    assert said.status == 400, said.body
    assert said.body["schemas"] == [ERROR]
    assert said.headers["content-type"] == "application/scim+json"
