"""Registering: who may, what is said of it, and when the new one is let in."""

import asyncio
import time
from typing import Any

import msgspec
import pytest

from insula.server.scheduler import run_schedule
from tests.house import Answer
from tests.kernel.services.accounts.people import PASSWORD, Place, same

pytestmark = pytest.mark.anyio
ADA = {"name": "Ada", "email": "ada@people.test", "password": PASSWORD}
OPEN = {"registration": "open"}


async def register(place: Place, **other: Any) -> Answer:
    """Register somebody, Ada unless said otherwise."""
    return await place.visitor().post("auth/register", {**ADA, **other})


async def test_who_registers_confirms_the_address_and_signs_in(place: Place) -> None:
    """S0-32, S4-46, S4-09, R32: before the confirmation nobody is let in."""
    await place.policy(**OPEN)
    assert (await register(place)).status == 202
    early = await place.login("ada@people.test")
    assert (early.status, early.code) == (403, "EMAIL_UNVERIFIED")
    (mail,) = await place.mails("ada@people.test")
    assert mail.subject == "Confirm your e-mail address for Acme & Co"
    token = await place.token("ada@people.test")
    proof = await place.visitor().post("auth/verify-email", {"token": token})
    assert proof.status == 200
    signed_in = await place.login("ada@people.test")
    assert signed_in.data["user"]["roles"] == ["member"]


async def test_nobody_learns_whether_an_address_is_known(place: Place) -> None:
    """S0-32: the same answer; the owner is told, and nobody else."""
    await place.policy(**OPEN)
    await place.person("ada@people.test")
    known = await register(place, name="Mallory", password="a stranger's password")
    unknown = await register(place, email="bob@people.test")
    assert known.status == 202
    assert same(known, unknown)
    assert await place.subjects("ada@people.test") == ["Your account at Acme & Co"]
    (row,) = await place.rows(
        "SELECT name FROM home__.users WHERE tenant_id = $1::text::uuid AND email = $2",
        "ada@people.test",
    )
    assert row["name"] == "Ada"


@pytest.mark.usefixtures("real_hashing")
async def test_an_address_that_is_known_takes_as_much_work(place: Place) -> None:
    """S0-32, promise 7: a password is hashed either way, which is nearly all of it."""
    await place.policy(**OPEN)
    await place.person("ada@people.test")
    spent = dict.fromkeys(("known", "unknown"), 0.0)
    for turn in range(6):
        for which in spent:
            email = "ada@people.test" if which == "known" else f"{turn}@people.test"
            began = time.process_time()
            assert (await register(place, email=email)).status == 202
            spent[which] += time.process_time() - began
    assert 0.7 < spent["known"] / spent["unknown"] < 1.4


async def test_what_a_stranger_began_is_claimed_with_a_new_password(
    place: Place,
) -> None:
    """R32: no confirmation gives the stranger's password somebody else's address."""
    await place.policy(**OPEN)
    await register(place, password="a stranger's password")
    first = await place.token("ada@people.test")
    await register(place)
    token = await place.token("ada@people.test")
    reset = {"token": token, "password": PASSWORD}
    assert (await place.visitor().post("auth/reset-password", reset)).status == 200
    stale = await place.visitor().post("auth/verify-email", {"token": first})
    assert (stale.status, stale.code) == (410, "TOKEN_INVALID")
    theirs = await place.login("ada@people.test", "a stranger's password")
    assert theirs.code == "INVALID_CREDENTIALS"
    assert (await place.login("ada@people.test")).status == 200


async def test_one_address_in_two_tenants_is_two_people(place: Place) -> None:
    """S0-17, S0-19, R06: refused twice in one tenant, allowed in two."""
    house = place.house
    other = Place(house, await house.tenant(apps=(), name="Globex"))
    for each in (place, other):
        await each.policy(**OPEN)
        assert (await register(each)).status == 202
    counted = "SELECT count(*) FROM home__.users WHERE tenant_id = $1::text::uuid"
    assert [(await it.rows(counted))[0][0] for it in (place, other)] == [1, 1]


async def test_two_dozen_registrations_at_once_make_one_user(place: Place) -> None:
    """S0-19, S1-52: the address is unique whoever is faster, and the mails are few."""
    await place.policy(**OPEN)
    answers = await asyncio.gather(*(register(place) for _ in range(24)))
    assert {it.status for it in answers} == {202}
    assert all(same(answers[0], it) for it in answers)
    rows = await place.rows(
        "SELECT id FROM home__.users WHERE tenant_id = $1::text::uuid"
    )
    assert len(rows) == 1
    assert 2 <= len(await place.mails("ada@people.test")) <= 6


@pytest.mark.parametrize("registration", ["closed", "invited"])
async def test_where_registration_is_closed_nobody_registers(
    place: Place, registration: str
) -> None:
    await place.policy(registration=registration)
    await place.person("ada@people.test")
    known, unknown = await register(place), await register(place, email="b@people.test")
    assert (known.status, known.code) == (403, "REGISTRATION_CLOSED")
    assert same(known, unknown)


async def test_only_the_domains_of_the_policy_register(place: Place) -> None:
    """S4-46: by its name in any spelling, and no name that only ends so."""
    await place.policy(
        **OPEN, registration_domains=["People.test", "xn--bcher-kva.test"]
    )
    for email in ("ada@people.test", "ADA2@PEOPLE.TEST", "eva@bücher.test"):
        assert (await register(place, email=email)).status == 202
    for email in ("ada@evil-people.test", "ada@people.test.evil.test"):
        refused = await register(place, email=email)
        assert refused.body["error"]["fields"].keys() == {"email"}


async def test_a_domain_beyond_ascii_is_one_address_in_every_spelling(
    place: Place,
) -> None:
    """S0-19, S1-52: bücher.test and its ASCII form are the same mailbox."""
    await place.policy(**OPEN, verify="off")
    for email in ("Eva@BÜCHER.test", "eva@xn--bcher-kva.test"):
        assert (await register(place, email=email)).status == 202
        assert (await place.login(email)).status == 200
    rows = await place.rows(
        "SELECT email FROM home__.users WHERE tenant_id = $1::text::uuid"
    )
    assert [row["email"] for row in rows] == ["eva@xn--bcher-kva.test"]


async def test_roles_and_language_come_from_the_policy(place: Place) -> None:
    """S4-46: nothing that a stranger says gives a role."""
    await place.policy(**OPEN, registration_roles=["viewer"], locale="de")
    assert (await register(place, roles=["owner"])).status == 422
    await register(place)
    (mail,) = await place.mails("ada@people.test")
    assert mail.subject == "Bestätige deine E-Mail-Adresse für Acme & Co"
    (row,) = await place.rows(
        "SELECT roles FROM home__.users WHERE tenant_id = $1::text::uuid"
    )
    assert msgspec.json.decode(row["roles"]) == ["viewer"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("email", it) for it in ("", "ada", "ada@", "@b.test", "a b@c.test")),
        *(
            ("email", it)
            for it in ("a@b.test\r\nBcc: c@d.test", "a@b..test", "ä@b.test")
        ),
        *(
            ("email", it)
            for it in ("a@b.test\x7f", f"{'a' * 65}@b.test", "a@\u202etest")
        ),
        *(("email", it) for it in (f"a@{'b' * 300}.test", "a,b@c.test", 1, None)),
        *(
            ("name", it)
            for it in ("", " ", "Ada\r\nBcc: x@y.test", "Ada\x1b[0m", "x" * 256)
        ),
        *(("name", it) for it in ("Ada\u202etxt.exe", "\u2028", 1, None, ["Ada"])),
        *(("password", it) for it in ("", "short", "x" * 257, "passwordpassword", 1)),
        *(("password", it) for it in ("ada@people.test", "Acme & Co Acme & Co")),
        *(("locale", it) for it in ("german", "../../etc", "de\n", "x" * 30)),
        ("tenant_id", "00000000-0000-7000-8000-000000000000"),
        ("email_verified_at", "2026-01-01T00:00:00Z"),
    ],
)
async def test_what_is_malformed_is_refused_by_its_field(
    place: Place, field: str, value: Any
) -> None:
    """S0-18, S1-51, S1-52, pitfalls 27 and 37."""
    await place.policy(**OPEN)
    refused = await register(place, **{field: value})
    assert refused.status == 422
    assert field in refused.body["error"]["fields"]
    assert await place.mails() == []


async def test_letters_of_all_the_world_are_a_name(place: Place) -> None:
    """S0-18: and never part of a mail that a stranger has sent to somebody."""
    await place.policy(**OPEN)
    name = "Zoë O'Neill-Müller 王小明 {{ 7*7 }} http://evil.test"
    await register(place, name=name)
    (mail,) = await place.mails("ada@people.test")
    assert "evil" not in mail.text
    (row,) = await place.rows(
        "SELECT name FROM home__.users WHERE tenant_id = $1::text::uuid"
    )
    assert row["name"] == name


async def test_where_no_password_opens_nobody_chooses_one(place: Place) -> None:
    await place.policy(**OPEN, methods=["oidc"])
    assert (await register(place)).code == "PASSWORDS_OFF"
    forgot = {"email": "ada@people.test"}
    answer = await place.visitor().post("auth/forgot-password", forgot)
    assert answer.code == "PASSWORDS_OFF"


AGED = "UPDATE home__.users SET registered_at = registered_at - interval '8 days'"


async def test_what_nobody_confirms_is_forgotten_after_a_week(place: Place) -> None:
    """Promise 12: with its mails and links; and the address can be used again."""
    await place.policy(**OPEN)
    assert (await register(place)).status == 202
    assert (await place.login("ada@people.test")).code == "EMAIL_UNVERIFIED"
    invited = await place.person("bob@people.test", verified=False)
    platform = place.house.platform
    _, schedule = platform.services.accounts.service.schedules
    left = "SELECT id FROM home__.users WHERE tenant_id = $1::text::uuid ORDER BY id"
    await place.mails()
    for age, expected in (("", 2), (f"{AGED} WHERE tenant_id = $1::text::uuid", 1)):
        if age:
            await place.rows(age)
        await run_schedule(platform, schedule, place.tenant.id)
        assert len(await place.rows(left)) == expected
    assert [row["id"] for row in await place.rows(left)] == [invited]
    kept = "SELECT 1 FROM home__.mails WHERE tenant_id = $1::text::uuid"
    assert await place.rows(f"{kept} AND recipient = 'ada@people.test'") == []
    await register(place)
    proof = {"token": await place.token("ada@people.test")}
    assert (await place.visitor().post("auth/verify-email", proof)).status == 200
    assert (await place.login("ada@people.test")).status == 200


@pytest.mark.parametrize("touch", ["verify", "role", "team"])
async def test_what_somebody_took_up_is_kept(place: Place, touch: str) -> None:
    await place.policy(**OPEN)
    await register(place)
    owner = await place.house.user(place.tenant)
    (user,) = (await owner.get("users?filter=email==ada@people.test")).data
    one = f"users/{user['id']}"
    if touch == "verify":
        proof = {"token": await place.token("ada@people.test")}
        await place.visitor().post("auth/verify-email", proof)
    elif touch == "role":
        changed = {"roles": ["viewer"]}
        await owner.patch(one, changed, headers={"if-match": '"1"'})
    else:
        team = await owner.create("teams", name="North")
        await owner.create(f"teams/{team['id']}/members", user_id=user["id"])
    await place.rows(f"{AGED} WHERE tenant_id = $1::text::uuid")
    platform = place.house.platform
    _, schedule = platform.services.accounts.service.schedules
    await run_schedule(platform, schedule, place.tenant.id)
    assert (await owner.get(one)).status == 200
