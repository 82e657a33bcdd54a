"""The second step of signing in: nobody with a second factor comes in with one."""

import asyncio
from typing import Any

import msgspec
import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.one_time import LOOK
from tests.house import Answer, House

from .conftest import Work
from .people import PASSWORD, Person, ada, person

pytestmark = pytest.mark.anyio
FACTORS_OF = (
    "SELECT factors FROM home__.sessions WHERE tenant_id = $1::text::uuid"
    " AND user_id = $2 ORDER BY id DESC LIMIT 1"
)
WRONG = "000000"


def said(answer: Answer) -> tuple[int, dict[str, Any]]:
    """All of a problem but the request's id."""
    error = dict(answer.body["error"])
    del error["request_id"]
    return answer.status, error


async def factors_of(someone: Person) -> Any:
    """How the last session says that it was signed in."""
    return msgspec.json.decode((await someone.rows(FACTORS_OF, someone.id))[0][0])


@pytest.mark.parametrize("mode", list(Isolation))
async def test_signing_in_takes_the_password_and_then_the_code(
    house: House, mode: Isolation
) -> None:
    """S3-64: credentials, second factor, token, header, validated, permission; S4-10.

    In every mode, and a challenge of one tenant is none in another.
    """
    tenant, other = await house.tenant(mode), await house.tenant(mode)
    it, stranger = await ada(house, tenant), await person(house, other)
    first = await it.login()
    assert (first.status, first.code) == (401, "MFA_REQUIRED")
    error = first.body["error"]
    assert error["methods"] == ["totp", "backup_code"]
    assert "access_token" not in str(first.body)
    it.caller.token = error["challenge"]
    assert (await it.caller.get("auth/user")).status == 401, "it opens nothing else"
    elsewhere = await stranger.answer(error["challenge"], method="totp", code=WRONG)
    assert (elsewhere.status, elsewhere.code) == (401, "MFA_INVALID")
    it.let(await it.answer(error["challenge"]))
    assert (await it.caller.get("auth/user")).data["user"]["email"] == it.email
    assert await factors_of(it) == ["pwd", "otp"]
    assert (await it.caller.get("audit-log")).status == 403, "a member reads no journal"


async def test_without_a_second_factor_the_password_is_enough(house: House) -> None:
    it = await person(house, await house.tenant())
    assert (await it.login()).status == 200
    assert await factors_of(it) == ["pwd"]


async def test_a_wrong_password_says_nothing_of_second_factors(house: House) -> None:
    """Promise 7."""
    it = await ada(house)
    other = await person(house, it.tenant)
    answers = [await who.login("wrong horse battery") for who in (it, other)]
    assert said(answers[0]) == said(answers[1])
    assert answers[0].code == "INVALID_CREDENTIALS"


async def test_whatever_is_wrong_is_answered_alike(house: House) -> None:
    """Promise 7: wrong, used before, or no challenge at all; and nothing is told."""
    it = await ada(house)
    await it.forget_steps()
    used = it.code()
    good = {"method": "totp", "code": used}
    spent = await it.challenge()
    assert (await it.answer(spent, **good)).status == 200
    open_one = await it.challenge()
    answers = [
        await it.answer(open_one, method="totp", code=WRONG),
        await it.answer(open_one, **good),
        await it.answer(open_one, method="backup_code", code="00000-00000"),
        await it.answer(spent),
        await it.answer("inst_nobodys", method="totp", code=it.code()),
        await it.answer(str(uuid7()), method="backup_code", code=it.codes[0]),
    ]
    assert {str(said(each)) for each in answers} == {str(said(answers[0]))}
    assert (answers[0].status, answers[0].code) == (401, "MFA_INVALID")
    await it.forget_steps()
    assert (await it.answer(open_one)).status == 200
    failed = (await it.actions()).count("auth.second_factor_failed")
    assert failed == 3, "of those whose challenge it was"


async def test_every_refusal_does_the_same_work(house: House, work: Work) -> None:
    """Promise 7: statement by statement, so that no clock tells them apart."""
    it = await ada(house)
    await it.forget_steps()
    used = it.code()
    spent, open_one = await it.challenge(), await it.challenge()
    assert (await it.answer(spent, method="totp", code=used)).status == 200
    made_up = "inst_" + "A" * 86
    for method, wrong, before in (
        ("totp", WRONG, used),
        ("backup_code", "00000-00000", it.codes[0]),
    ):
        traces = []
        for challenge, code in (
            *((open_one, wrong), (open_one, before)),
            *((spent, wrong), (made_up, wrong)),
        ):
            await it.rows(
                "UPDATE home__.backup_codes SET used_at = now()"
                " WHERE tenant_id = $1::text::uuid"
            )
            with work.traced() as trace:
                refused = await it.answer(challenge, method=method, code=code)
            assert refused.code == "MFA_INVALID"
            traces.append(trace)
        # What is none of ours is not even looked for.
        assert traces[3] == [each for each in traces[2] if each is not LOOK]
        assert traces[0] == traces[1] == traces[2]
        assert len(traces[0]) > 5


async def test_a_challenge_is_good_for_five_guesses(house: House) -> None:
    """S4-13: then even the right code needs a new sign-in."""
    it = await ada(house)
    await it.forget_steps()
    challenge = await it.challenge()
    guesses = [it.answer(challenge, method="totp", code=WRONG) for _ in range(12)]
    answers = await asyncio.gather(*guesses)
    assert {each.code for each in answers} == {"MFA_INVALID"}
    counted = await it.rows(
        "SELECT data->>'tries' AS tries FROM home__.one_time_tokens"
        " WHERE tenant_id = $1::text::uuid AND subject_id = $2 AND used_at IS NULL",
        it.id,
    )
    assert [row["tries"] for row in counted] == ["5"]
    assert (await it.answer(challenge)).code == "MFA_INVALID"
    await it.forget_steps()
    assert (await it.answer(await it.challenge())).status == 200


async def test_an_account_is_guessed_at_ten_times_in_a_quarter_of_an_hour(
    house: House,
) -> None:
    """S4-13, promise 7: new challenges give no more guesses, and it is not for ever."""
    it = await ada(house)
    await it.forget_steps()
    challenges = [await it.challenge() for _ in range(3)]
    guesses = [
        it.answer(each, method="totp", code=WRONG)
        for each in challenges
        for _ in range(5)
    ]
    codes = [each.code for each in await asyncio.gather(*guesses)]
    assert (codes.count("MFA_INVALID"), codes.count("MFA_THROTTLED")) == (10, 5)
    waiting = await it.login()
    assert (waiting.status, waiting.code) == (429, "MFA_THROTTLED")
    assert (await it.login("wrong horse battery")).code == "INVALID_CREDENTIALS"
    await it.rows(
        "UPDATE home__.one_time_tokens SET created_at = created_at"
        " - interval '16 minutes' WHERE tenant_id = $1::text::uuid"
    )
    assert (await it.answer(await it.challenge())).status == 200


async def test_a_code_lets_one_in_however_many_come_with_it(house: House) -> None:
    """S4-10, promise 7: each with a challenge of their own, all at once."""
    it = await ada(house)
    await it.forget_steps()
    given = {"method": "totp", "code": it.code()}
    challenges = [await it.challenge() for _ in range(4)]
    tries = [it.answer(each, **given) for each in challenges for _ in range(2)]
    answers = await asyncio.gather(*tries)
    assert sorted(each.status for each in answers) == [200] + [401] * 7


async def test_a_challenge_lets_one_in_however_many_answer_it(house: House) -> None:
    """Promise 7: also with answers that are all right."""
    it = await ada(house)
    challenge = await it.challenge()
    tries = [
        it.answer(challenge, method="backup_code", code=code) for code in it.codes[:5]
    ]
    answers = await asyncio.gather(*tries)
    assert sorted(each.status for each in answers) == [200] + [401] * 4


async def test_somebody_disabled_meanwhile_does_not_come_in(house: House) -> None:
    it = await ada(house)
    challenge = await it.challenge()
    await it.rows(
        "UPDATE home__.users SET disabled_at = now()"
        " WHERE tenant_id = $1::text::uuid AND id = $2",
        it.id,
    )
    assert (await it.answer(challenge)).code == "INVALID_CREDENTIALS"


@pytest.mark.parametrize(
    "body",
    [
        {"method": "totp"},
        {"method": "passkey", "code": "123456"},
        {"method": "password", "code": "123456"},
        {"method": "sms", "code": "123456"},
        {"method": "totp", "code": "1" * 33},
        {"method": "passkey", "passkey": {"id": "ä", "type": "public-key"}},
    ],
)
async def test_an_answer_that_is_none_is_refused(
    house: House, body: dict[str, Any]
) -> None:
    """Promise 15."""
    visitor = house.caller((await house.tenant()).domain)
    answer = await visitor.post("auth/second-factor", {"challenge": "x", **body})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")


async def test_a_browser_may_have_a_cookie_instead_of_tokens(house: House) -> None:
    """S3-72: as after a sign-in with the password alone."""
    it = await ada(house)
    await it.forget_steps()
    given = {"method": "totp", "code": it.code(), "cookie": True}
    answer = await it.answer(await it.challenge(), **given)
    assert set(answer.data) == {"csrf_token", "expires_in", "user"}
    assert "insula" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert PASSWORD not in str(answer.body)
