"""Verifying: addresses that are proved, and what the policy makes of others."""

import asyncio

import pytest

from tests.kernel.services.accounts.people import Place, same

pytestmark = pytest.mark.anyio
ADA = "ada@people.test"
RESEND, VERIFY = "auth/resend-verification", "auth/verify-email"


async def test_the_mail_is_sent_again_to_whom_it_concerns_alone(place: Place) -> None:
    """S4-46, S4-09: and nobody learns who that is."""
    await place.person(ADA, verified=False)
    await place.person("bob@people.test")
    visitor = place.visitor()
    emails = (ADA, "bob@people.test", "nobody@people.test")
    answers = [await visitor.post(RESEND, {"email": it}) for it in emails]
    assert answers[0].status == 202
    assert all(same(answers[0], it) for it in answers)
    assert [it.to for it in await place.mails()] == [(ADA,)]
    token = await place.token(ADA)
    assert (await visitor.post(VERIFY, {"token": token})).status == 200
    assert (await place.login(ADA)).status == 200


async def test_a_confirmation_is_good_once(place: Place) -> None:
    """Promise 7: two dozen at once."""
    user_id = await place.person(ADA, verified=False)
    await place.visitor().post(RESEND, {"email": ADA})
    token = await place.token(ADA)
    answers = await asyncio.gather(
        *(place.visitor().post(VERIFY, {"token": token}) for _ in range(24))
    )
    assert sorted(it.status for it in answers) == [200, *[410] * 23]
    assert (await place.actions(user_id)).count("users.update") == 1


@pytest.mark.parametrize(
    ("rules", "let_in"),
    [
        ({}, False),
        ({"verify": "before_login"}, False),
        ({"verify": "grace", "grace_days": 7}, True),
        ({"verify": "grace", "grace_days": 0}, False),
        ({"verify": "off"}, True),
    ],
)
async def test_the_policy_says_who_is_let_in_unproved(
    place: Place, rules: dict[str, object], *, let_in: bool
) -> None:
    """R32, S4-09: required unless the tenant says otherwise."""
    await place.policy(**rules)
    await place.person(ADA, verified=False)
    answer = await place.login(ADA)
    assert answer.status == (200 if let_in else 403)
    wrong = await place.login(ADA, "not the password")
    assert (wrong.status, wrong.code) == (401, "INVALID_CREDENTIALS")


async def test_days_of_grace_come_to_an_end(place: Place) -> None:
    """R32: counted from when the account was made."""
    await place.policy(verify="grace", grace_days=7)
    user_id = await place.person(ADA, verified=False)
    for days, status in (("6 days", 200), ("8 days", 403)):
        await place.rows(
            "UPDATE home__.users SET created_at = now() - $3::text::interval"
            " WHERE tenant_id = $1::text::uuid AND id = $2",
            user_id,
            days,
        )
        assert (await place.login(ADA)).status == status


async def test_a_confirmation_of_an_old_address_proves_nothing(place: Place) -> None:
    user_id = await place.person(ADA, verified=False)
    await place.visitor().post(RESEND, {"email": ADA})
    token = await place.token(ADA)
    await place.rows(
        "UPDATE home__.users SET email = 'new@people.test'"
        " WHERE tenant_id = $1::text::uuid AND id = $2",
        user_id,
    )
    refused = await place.visitor().post(VERIFY, {"token": token})
    assert (refused.status, refused.code) == (410, "TOKEN_INVALID")
