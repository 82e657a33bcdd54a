"""Inviting: tokens that are in a mail alone, and let one person in."""

import asyncio
from typing import Any

import pytest

from tests.house import Answer, Caller
from tests.kernel.services.accounts.people import ANOTHER, PASSWORD, Place, token_of

pytestmark = pytest.mark.anyio
ADA = "ada@people.test"
ACCEPT = "auth/accept-invitation"


async def accept(place: Place, token: str, **other: Any) -> Answer:
    """Come in with a token."""
    body = {"name": "Ada", "password": PASSWORD, **other, "token": token}
    return await place.visitor().post(ACCEPT, body)


async def invited(place: Place, who: Caller, *roles: str) -> tuple[str, str]:
    """The id and the token of a new invitation for Ada."""
    body = {"email": ADA, "roles": list(roles) or ["member"]}
    made = await who.post("invitations", body)
    assert made.status == 201, made.body
    return str(made.data["id"]), await place.token(ADA)


async def test_who_is_invited_comes_in_and_counts_as_verified(place: Place) -> None:
    """S3-05, S3-06, S4-18, R32: with the roles that were said, and no other mail."""
    owner = await place.house.user(place.tenant)
    invitation_id, token = await invited(place, owner, "editor", "editor")
    assert (await accept(place, token)).status == 200
    signed_in = await place.login(ADA)
    assert signed_in.data["user"]["roles"] == ["editor"]
    shown = (await owner.get(f"invitations/{invitation_id}")).data
    assert shown["state"] == "accepted"
    assert shown["user_id"] == signed_in.data["user"]["id"]
    assert "token_hash" not in shown
    assert len(await place.mails(ADA)) == 1


async def test_the_mail_is_in_the_language_that_was_said(place: Place) -> None:
    """S3-06: and says who invites; nobody can put another line into it."""
    owner = await place.house.user(place.tenant)
    body = {"email": ADA, "locale": "ar"}
    assert (await owner.post("invitations", body)).status == 201
    (mail,) = await place.mails(ADA)
    assert mail.subject == "دعوة إلى Acme & Co"
    assert "#token=insv_" in mail.text


async def test_one_of_two_dozen_comes_in(place: Place) -> None:
    """Promise 7: one token, used by many at once."""
    owner = await place.house.user(place.tenant)
    _, token = await invited(place, owner)
    answers = await asyncio.gather(
        *(accept(place, token, name=f"Ada {n}") for n in range(24))
    )
    assert sorted(it.status for it in answers) == [200, *[410] * 23]
    rows = await place.rows(
        "SELECT 1 FROM home__.users WHERE tenant_id = $1::text::uuid AND email = $2",
        ADA,
    )
    assert len(rows) == 1


async def test_a_token_that_was_replaced_or_revoked_lets_nobody_in(
    place: Place,
) -> None:
    """S3-06: nor one that has expired, nor one of another tenant."""
    owner = await place.house.user(place.tenant)
    invitation_id, first = await invited(place, owner)
    resent = await owner.post(f"invitations/{invitation_id}/resend")
    assert resent.status == 200
    second = await place.token(ADA)
    assert first != second
    assert (await accept(place, first)).code == "TOKEN_INVALID"
    other = Place(place.house, await place.house.tenant(apps=()))
    assert (await accept(other, second)).code == "TOKEN_INVALID"
    assert (await owner.post(f"invitations/{invitation_id}/revoke")).status == 200
    assert (await accept(place, second)).code == "TOKEN_INVALID"
    for deed in ("revoke", "resend"):
        assert (await owner.post(f"invitations/{invitation_id}/{deed}")).status == 409
    again, third = await invited(place, owner)
    await expire(place, again)
    assert (await accept(place, third)).code == "TOKEN_INVALID"


async def test_of_one_address_one_invitation_is_open(place: Place) -> None:
    """S3-06: one that has expired makes room."""
    owner = await place.house.user(place.tenant)
    invitation_id, _ = await invited(place, owner)
    twice = await owner.post("invitations", {"email": ADA.upper()})
    assert twice.body["error"]["fields"].keys() == {"email"}
    await expire(place, invitation_id)
    _, token = await invited(place, owner)
    assert (await accept(place, token)).status == 200
    known = await owner.post("invitations", {"email": ADA})
    assert known.body["error"]["fields"].keys() == {"email"}


async def test_two_dozen_invitations_at_once_are_one(place: Place) -> None:
    owner = await place.house.user(place.tenant)
    answers = await asyncio.gather(
        *(owner.post("invitations", {"email": ADA}) for _ in range(24))
    )
    assert sorted(it.status for it in answers) == [201, *[422] * 23]
    assert len(await place.mails(ADA)) == 1


async def test_who_was_sent_away_brings_nobody_in(place: Place) -> None:
    """S3-06: an invitation is worth what its sender may at the moment it is taken."""
    owner = await place.house.user(place.tenant)
    admin = await place.house.user(place.tenant, "admin")
    _, token = await invited(place, admin, "admin")
    disabled = await owner.post(f"users/{admin.actor_id}/disable")
    assert disabled.status == 200
    assert (await accept(place, token)).code == "TOKEN_INVALID"
    await owner.post(f"users/{admin.actor_id}/enable")
    assert (await accept(place, token)).status == 200


async def test_a_stranger_cannot_stand_in_the_way_of_an_invitation(
    place: Place,
) -> None:
    """R32: what was begun with the address and never proved is the invited one's."""
    await place.policy(registration="open", verify="off")
    owner = await place.house.user(place.tenant)
    squatter = await place.person(ADA, verified=False, password=ANOTHER)
    theirs = await place.signed_in(ADA, ANOTHER)
    _, token = await invited(place, owner, "editor")
    assert (await accept(place, token)).status == 200
    assert (await theirs.get("auth/user")).code == "UNAUTHENTICATED"
    assert (await place.login(ADA, ANOTHER)).code == "INVALID_CREDENTIALS"
    user = (await place.login(ADA)).data["user"]
    assert (user["id"], user["roles"]) == (str(squatter), ["editor"])


async def test_who_came_by_another_way_meanwhile_is_not_replaced(place: Place) -> None:
    owner = await place.house.user(place.tenant)
    _, token = await invited(place, owner)
    await place.person(ADA, password=ANOTHER)
    late = await accept(place, token)
    assert (late.status, late.code) == (409, "INVITATION_MOOT")
    assert (await place.login(ADA, ANOTHER)).status == 200


async def test_what_is_malformed_does_not_use_the_token_up(place: Place) -> None:
    owner = await place.house.user(place.tenant)
    _, token = await invited(place, owner)
    for wrong in (
        {"password": "short"},
        {"password": "ada@people.test"},
        {"name": "Ada\r\nBcc: x@y.test"},
        {"name": "x" * 256},
        {"roles": ["owner"]},
    ):
        assert (await accept(place, token, **wrong)).status == 422
    assert (await accept(place, "ü" * 201)).status == 422
    assert (await accept(place, "nonsense")).status == 410
    assert (await accept(place, token)).status == 200


async def test_only_a_hash_of_the_token_is_kept(place: Place) -> None:
    """Promise 12, S4-18: the mail alone has it."""
    owner = await place.house.user(place.tenant)
    await owner.post("invitations", {"email": ADA})
    token = token_of((await place.mails(ADA))[-1])
    for table in ("invitations", "jobs", "audit_log", "outbox", "mails"):
        sql = f"SELECT t::text FROM home__.{table} t WHERE tenant_id = $1::text::uuid"  # our names
        assert not [it for it in await place.rows(sql) if token in it[0]], table


async def expire(place: Place, invitation_id: str) -> None:
    """Let an invitation's time pass."""
    await place.rows(
        "UPDATE home__.invitations SET expires_at = now()"
        " WHERE tenant_id = $1::text::uuid AND id = $2::text::uuid",
        invitation_id,
    )
