"""Users: who may change whom, and that an owner is always left."""

import asyncio
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from tests.house import Answer, Caller, House
from tests.kernel.services.accounts.people import ANOTHER, PASSWORD, Place

pytestmark = pytest.mark.anyio
ADA = "ada@people.test"
HIDDEN = {"password", "login_count", "password_changed_at", "external_id", "tenant_id"}
NEW = {"name": "Ada", "email": ADA}


async def change(who: Caller, user_id: object, **fields: Any) -> Answer:
    """Change a user as it is now."""
    version = (await who.get(f"users/{user_id}")).data["version"]
    headers = {"if-match": f'"{version}"'}
    return await who.patch(f"users/{user_id}", fields, headers=headers)


async def delete(who: Caller, user_id: object) -> Answer:
    return await who.send("DELETE", f"users/{user_id}")


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_users_are_listed_to_their_tenant_alone(
    house: House, isolation: Isolation
) -> None:
    """S0-17, S0-18, S4-04, S4-17: in every mode, and never with their secrets."""
    mine = Place(house, await house.tenant(isolation, apps=()))
    theirs = Place(house, await house.tenant(isolation, apps=()))
    owner, other = await house.user(mine.tenant), await house.user(theirs.tenant)
    user_id = await mine.person(ADA)
    found = {it["id"]: it for it in (await owner.get("users")).data}
    assert found.keys() == {str(owner.actor_id), str(user_id)}
    assert (await owner.get("users?email=ada@people.test")).status == 200
    assert not HIDDEN & found[str(user_id)].keys()
    assert {"name", "email", "avatar", "settings", "email_verified_at"} <= {
        *found[str(user_id)]
    }
    assert (await other.get(f"users/{user_id}")).code == "NOT_FOUND"
    for verb, path in (("DELETE", ""), ("POST", "/disable"), ("POST", "/restore")):
        refused = await other.send(verb, f"users/{user_id}{path}")
        assert (refused.status, refused.code) == (404, "NOT_FOUND")


async def test_a_user_who_is_made_chooses_a_password_by_mail(place: Place) -> None:
    """S0-18, S3-01: the mail proves the address, too."""
    owner = await place.house.user(place.tenant)
    made = await owner.post("users", {**NEW, "locale": "de"})
    assert (made.status, made.headers["etag"]) == (201, '"1"')
    assert made.data["email_verified_at"] is None
    assert not HIDDEN & made.data.keys()
    assert await place.subjects(ADA) == ["Dein Konto bei Acme & Co"]
    body = {"token": await place.token(ADA), "password": PASSWORD}
    assert (await place.visitor().post("auth/reset-password", body)).status == 200
    assert (await place.login(ADA)).status == 200
    again = await owner.post("users", {**NEW, "email": "ADA@People.Test"})
    assert again.body["error"]["fields"].keys() == {"email"}, "S0-19, S1-52"


@pytest.mark.parametrize(
    "field",
    ["password", "login_count", "tenant_id", "email_verified_at", "email", "id"],
)
async def test_what_is_not_for_callers_is_not_written(place: Place, field: str) -> None:
    """S1-51, pitfall 27."""
    owner = await place.house.user(place.tenant)
    user_id = await place.person(ADA)
    refused = await change(owner, user_id, **{field: "x"})
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")


async def test_a_user_is_changed_in_the_version_that_was_read(place: Place) -> None:
    """S0-55, promise 10: at once on every process where it is about rights."""
    owner = await place.house.user(place.tenant)
    user_id = await place.person(ADA)
    ada = await place.signed_in(ADA)
    assert (await ada.get("mails")).status == 403
    assert (await owner.patch(f"users/{user_id}", {"name": "B"})).status == 428
    fields = {"name": "Ada L.", "roles": ["auditor"], "settings": {"theme": "dark"}}
    changed = await change(owner, user_id, **fields, locale="de-AT")
    assert (changed.data["name"], changed.data["roles"]) == ("Ada L.", ["auditor"])
    assert (changed.data["locale"], changed.data["version"]) == ("de-AT", 2)
    assert (await ada.get("mails")).status == 200
    stale = {"if-match": '"1"'}
    again = await owner.patch(f"users/{user_id}", {"name": "C"}, headers=stale)
    assert (again.status, again.code) == (412, "VERSION_MISMATCH")
    assert "users.update" in await place.actions(user_id)


async def test_nobody_makes_themselves_more_than_they_are(place: Place) -> None:
    """S0-54, S0-55: neither by changing, nor by making, nor by inviting somebody."""
    await role(place, "people", ["users.*"])
    manager = await place.house.user(place.tenant, "people", "member")
    own = manager.actor_id
    for wanted in (["owner"], ["admin"], ["manager"], ["super_admin"]):
        refused = await change(manager, own, roles=["people", "member", *wanted])
        assert (refused.status, refused.code) == (403, "GRANT_NOT_HELD")
        made = await manager.post("users", {**NEW, "roles": wanted})
        assert (made.status, made.code) == (403, "GRANT_NOT_HELD")
        invited = await manager.post("invitations", {"email": ADA, "roles": wanted})
        assert (invited.status, invited.code) == (403, "GRANT_NOT_HELD")
    unknown = await change(manager, own, roles=["emperor"])
    assert unknown.body["error"]["fields"].keys() == {"roles"}
    assert (await change(manager, own, roles=["people", "viewer"])).status == 200


async def test_whoever_may_do_more_is_not_touched(place: Place) -> None:
    """S0-55: or an owner's address would be an assistant's to take."""
    await role(place, "people", ["users.*"])
    manager = await place.house.user(place.tenant, "people", "member")
    owner = await place.house.user(place.tenant)
    await place.house.user(place.tenant)
    for answer in (
        await change(manager, owner.actor_id, name="Nobody"),
        await delete(manager, owner.actor_id),
        await manager.post(f"users/{owner.actor_id}/disable"),
    ):
        assert (answer.status, answer.code) == (403, "OUTRANKED")
    assert (await delete(owner, owner.actor_id)).status == 200
    other = await place.house.user(place.tenant)
    back = await manager.post(f"users/{owner.actor_id}/restore")
    assert (back.status, back.code) == (403, "OUTRANKED")
    assert (await other.post(f"users/{owner.actor_id}/restore")).status == 200
    member = await place.person(ADA)
    assert (await change(manager, member, name="Ada")).status == 200


async def test_the_last_owner_stays(place: Place) -> None:
    """S4-19: not removed, not disabled, not demoted, whoever asks."""
    owner = await place.house.user(place.tenant)
    admin = await place.house.user(place.tenant, "admin")
    disabled = await place.person(ADA, "owner")
    assert (await owner.post(f"users/{disabled}/disable")).status == 200
    for who in (owner, admin):
        for answer in (
            await change(who, owner.actor_id, roles=["admin"]),
            await delete(who, owner.actor_id),
            await who.post(f"users/{owner.actor_id}/disable"),
        ):
            assert (answer.status, answer.code) == (409, "LAST_OWNER")
    assert (await owner.get("auth/user")).data["roles"] == ["owner"]


@pytest.mark.parametrize("deed", ["demote", "delete", "disable"])
async def test_of_owners_who_send_each_other_away_one_is_left(
    place: Place, deed: str
) -> None:
    """S4-19: eight owners, all at the same moment."""
    owners = [await place.house.user(place.tenant) for _ in range(8)]

    async def strike(who: Caller, whom: Caller) -> Answer:
        if deed == "demote":
            return await change(who, whom.actor_id, roles=["member"])
        if deed == "delete":
            return await delete(who, whom.actor_id)
        return await who.post(f"users/{whom.actor_id}/disable")

    pairs = zip(owners, [*owners[1:], owners[0]], strict=True)
    answers = await asyncio.gather(
        *(strike(*pair) for pair in pairs), return_exceptions=True
    )
    assert not [it for it in answers if isinstance(it, RuntimeError)]
    (row,) = await place.rows(
        "SELECT count(*) AS left FROM home__.users WHERE tenant_id = $1::text::uuid"
        " AND roles ? 'owner' AND disabled_at IS NULL AND deleted_at IS NULL"
    )
    assert row["left"] >= 1


async def test_who_is_disabled_is_out_at_once_and_comes_back_anew(
    place: Place,
) -> None:
    """Promise 6: tokens and refresh tokens of before stay dead."""
    owner = await place.house.user(place.tenant)
    user_id = await place.person(ADA)
    answer = await place.login(ADA)
    ada = place.visitor()
    ada.token, refresh = answer.data["access_token"], answer.data["refresh_token"]
    assert (await ada.get("auth/user")).status == 200
    shown = (await owner.post(f"users/{user_id}/disable")).data
    assert shown["disabled_at"] is not None
    assert (await ada.get("auth/user")).code == "UNAUTHENTICATED"
    assert (await place.login(ADA)).code == "INVALID_CREDENTIALS"
    assert (await owner.post(f"users/{user_id}/enable")).data["disabled_at"] is None
    again = await ada.post("auth/refresh", {"refresh_token": refresh})
    assert again.code == "UNAUTHENTICATED"
    assert (await ada.get("auth/user")).code == "UNAUTHENTICATED"
    assert (await place.login(ADA)).status == 200


async def test_who_is_deleted_can_be_restored(place: Place) -> None:
    """S4-19: meanwhile they are out, and their address is nobody else's."""
    owner = await place.house.user(place.tenant)
    user_id = await place.person(ADA)
    ada = await place.signed_in(ADA)
    assert (await delete(owner, user_id)).status == 200
    assert (await ada.get("auth/user")).code == "UNAUTHENTICATED"
    assert (await owner.get(f"users/{user_id}")).status == 404
    assert (await place.login(ADA)).code == "INVALID_CREDENTIALS"
    assert (await owner.post("users", NEW)).status == 422
    assert (await delete(owner, user_id)).status == 404
    assert (await owner.post(f"users/{user_id}/restore")).data["name"] == "Ada"
    assert (await ada.get("auth/user")).code == "UNAUTHENTICATED"
    assert (await place.login(ADA)).status == 200
    assert {"users.delete", "users.restore"} <= {*await place.actions(user_id)}


async def test_each_deed_has_its_permission(place: Place) -> None:
    """S0-54, S4-17: users.read, .create, .update, .delete, .invite and .manage."""
    user_id = await place.person(ADA)
    deeds = {
        "users.read": ("GET", f"users/{user_id}", None, 200),
        "users.create": ("POST", "users", {**NEW, "email": "b@people.test"}, 403),
        "users.update": ("PATCH", f"users/{user_id}", {"name": "Ada"}, 428),
        "users.invite": ("POST", "invitations", {"email": "c@people.test"}, 403),
        "users.manage": ("POST", f"users/{user_id}/disable", None, 403),
        "users.delete": ("DELETE", f"users/{user_id}", None, 403),
    }
    for number, (permission, (verb, path, body, status)) in enumerate(deeds.items()):
        await role(place, f"only{number}", [permission])
        who = await place.house.user(place.tenant, f"only{number}")
        answer = await who.send(verb, path, json_body=body)
        assert answer.status == status, permission
        if status == 403:  # they may, but not give or touch what is more than theirs
            assert answer.code in ("GRANT_NOT_HELD", "OUTRANKED"), permission
        for other, (their_verb, their_path, their_body, _) in deeds.items():
            if other == permission or permission == "users.manage":
                continue
            refused = await who.send(their_verb, their_path, json_body=their_body)
            assert (refused.status, refused.code) == (403, "FORBIDDEN"), other


async def test_what_somebody_holds_by_a_password_is_in_no_event(place: Place) -> None:
    """Promise 12: journal and outbox never say a hash."""
    await place.person(ADA)
    ada = await place.signed_in(ADA)
    body = {"current_password": PASSWORD, "password": ANOTHER}
    assert (await ada.post("profile/password", body)).status == 200
    for table in ("audit_log", "outbox"):
        sql = f"SELECT t::text FROM home__.{table} t WHERE tenant_id = $1::text::uuid"  # our names
        assert not [it for it in await place.rows(sql) if "argon2" in it[0]]


async def role(place: Place, name: str, grants: list[str]) -> None:
    """Make a role of the tenant's own."""
    owner = await place.house.user(place.tenant)
    made = await owner.post("roles", {"name": name, "title": name, "grants": grants})
    assert made.status == 201, made.body
