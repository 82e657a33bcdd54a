"""Authorization codes and refresh tokens: each good once, whoever comes with it."""

import asyncio
from typing import Any

import pytest

from tests.house import Answer
from tests.kernel.services.oauth.browsing import CALLBACK, Program, Scene, scene_of

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"
OLDER = (
    "UPDATE home__.oauth_codes SET expires_at = created_at"
    " WHERE tenant_id = $1::text::uuid"
)
LATER = (
    "UPDATE home__.sessions SET rotated_at = rotated_at - interval '11 seconds'"
    " WHERE tenant_id = $1::text::uuid AND kind = 'oauth'"
)


async def issued(scene: Scene, **more: str) -> Any:
    """What a program gets for a code."""
    code = await scene.browser.allow(scene.program, **more)
    answer = await scene.program.redeem(code)
    assert answer.status == 200, answer.body
    return answer.body


async def test_a_code_brings_an_hour_and_a_week(inside: Scene) -> None:
    """S0-49, S0-50, S0-51: and the access token is one of ours (S4-08)."""
    got = await issued(inside)
    assert (got["token_type"], got["expires_in"]) == ("Bearer", 3600)
    assert got["scope"] == "maintenance.assets.read"
    claims = inside.house.platform.authenticator.tokens.read(got["access_token"])
    assert (claims.sub, claims.exp - claims.iat) == (inside.user.actor_id, 3600)
    rows = await inside.run(
        "SELECT kind, client_id, expires_at - created_at AS lasts FROM home__.sessions"
        " WHERE tenant_id = $1::text::uuid AND id = $2", claims.sid,
    )  # fmt: skip
    assert (rows[0]["kind"], str(rows[0]["client_id"])) == ("oauth", inside.program.id)
    assert rows[0]["lasts"].days == 7


async def test_a_program_does_what_scope_and_user_both_allow(inside: Scene) -> None:
    """S0-49: neither what its scope does not cover, nor what the user may not."""
    reader = inside.caller((await issued(inside))["access_token"])
    assert (await reader.get(ASSETS)).status == 200
    pump = {"name": "Pump", "tag": "P-1"}
    assert (await reader.post(ASSETS, pump)).code == "FORBIDDEN"
    assert (await reader.get("users")).code == "FORBIDDEN"
    wide = "maintenance.assets.manage"
    writer = inside.caller((await issued(inside, scope=wide))["access_token"])
    assert (await writer.post(ASSETS, pump)).status == 201
    viewer, email = await inside.person("viewer")
    inside.browser = await inside.signed_in(email)
    limited = inside.caller((await issued(inside, scope=wide))["access_token"])
    assert (await limited.get("auth/user")).data["user"]["id"] == str(viewer.actor_id)
    assert (await limited.post(ASSETS, {"name": "a", "tag": "b"})).code == "FORBIDDEN"


async def test_a_program_proves_nothing_for_its_user(inside: Scene) -> None:
    """No step-up, no keys, no consents: a stolen token leaves nothing behind."""
    program = await inside.register(scopes=["*"])
    inside.program = program
    token = (await issued(inside, scope="*"))["access_token"]
    caller = inside.caller(token)
    own = await caller.post("auth/tokens", {"name": "x", "scopes": ["*"]})
    assert own.code == "STEP_UP_REQUIRED"
    withdrawn = await caller.post("auth/grants/withdraw", {"client_id": program.id})
    assert withdrawn.code == "USERS_ALONE"


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "a" * 43},
        {"code_verifier": None},
        {"code_verifier": "short"},
        {"redirect_uri": None},
        {"redirect_uri": CALLBACK + "&x=1"},
        {"code": "insg_" + "A" * 86},
        {"code": "nonsense"},
        {"code": None},
    ],
)
async def test_a_code_is_good_for_who_asked_for_it_alone(
    inside: Scene, change: dict[str, str | None]
) -> None:
    """RFC 7636, RFC 9700 4.8: the verifier, and the same redirect URI."""
    code = await inside.browser.allow(inside.program)
    given = {"code": code, **change}
    answer = await inside.program.redeem(given.pop("code"), **given)
    assert (answer.status, answer.body["error"]) == (400, "invalid_grant")
    assert (await inside.program.redeem(code)).status == 200


async def test_another_program_cannot_use_a_code_or_a_token(inside: Scene) -> None:
    other = await inside.register(name="Other")
    other.verifier = inside.program.verifier
    code = await inside.browser.allow(inside.program)
    assert (await other.redeem(code)).body["error"] == "invalid_grant"
    got = (await inside.program.redeem(code)).body
    assert (await other.renew(got["refresh_token"])).body["error"] == "invalid_grant"
    assert (await inside.program.renew(got["refresh_token"])).status == 200
    forged = await other.ask("introspect", token=got["access_token"])
    assert forged.body == {"active": False}
    await other.ask("revoke", token=got["access_token"])
    assert (await inside.caller(got["access_token"]).get(ASSETS)).status == 200


async def test_a_code_that_is_a_minute_old_is_refused(inside: Scene) -> None:
    code = await inside.browser.allow(inside.program)
    rows = await inside.run(
        "SELECT expires_at - created_at AS lasts, hash FROM home__.oauth_codes"
        " WHERE tenant_id = $1::text::uuid"
    )
    assert (rows[0]["lasts"].total_seconds(), rows[0]["hash"] in code) == (60, False)
    await inside.run(OLDER)
    assert (await inside.program.redeem(code)).body["error"] == "invalid_grant"


async def test_using_a_code_again_ends_what_came_of_it(inside: Scene) -> None:
    """RFC 6749 4.1.2: the second may be the thief, or the first was."""
    code = await inside.browser.allow(inside.program)
    got = (await inside.program.redeem(code)).body
    caller = inside.caller(got["access_token"])
    assert (await caller.get(ASSETS)).status == 200
    assert (await inside.program.redeem(code)).body["error"] == "invalid_grant"
    assert (await caller.get(ASSETS)).status == 401
    assert (await inside.program.renew(got["refresh_token"])).status == 400


def successes(answers: list[Answer]) -> list[Any]:
    assert {it.status for it in answers} <= {200, 400}
    return [it.body for it in answers if it.status == 200]


async def test_twenty_four_uses_of_a_code_at_once_succeed_once_at_most(
    inside: Scene,
) -> None:
    """R09, pitfall 35: and then end even that, for they cannot all be the program."""
    code = await inside.browser.allow(inside.program)
    answers = await asyncio.gather(*(inside.program.redeem(code) for _ in range(24)))
    won = successes(list(answers))
    assert len(won) == 1
    assert (await inside.caller(won[0]["access_token"]).get(ASSETS)).status == 401
    rows = await inside.run(
        "SELECT 1 FROM home__.sessions WHERE tenant_id = $1::text::uuid"
        " AND kind = 'oauth'"
    )
    assert len(rows) == 1


async def test_twenty_four_refreshes_at_once_have_one_successor(
    inside: Scene,
) -> None:
    """Promise 6, pitfall 35: who asks again at once gets the same token again."""
    got = await issued(inside)
    token = got["refresh_token"]
    answers = await asyncio.gather(*(inside.program.renew(token) for _ in range(24)))
    won = successes(list(answers))
    assert len({it["refresh_token"] for it in won}) == 1
    assert won[0]["refresh_token"] != token
    assert (await inside.caller(won[0]["access_token"]).get(ASSETS)).status == 200


async def test_a_refresh_token_that_comes_back_ends_the_grants_session(
    inside: Scene,
) -> None:
    """Promise 6, RFC 9700 4.14: with the access tokens of the whole family."""
    got = await issued(inside)
    assert got["refresh_token"].startswith("inso_")
    last = (await inside.program.renew(got["refresh_token"])).body
    await inside.run(LATER)
    reused = await inside.program.renew(got["refresh_token"])
    assert (reused.status, reused.body["error"]) == (400, "invalid_grant")
    for it in (got, last):
        assert (await inside.caller(it["access_token"]).get(ASSETS)).status == 401
    assert (await inside.program.renew(last["refresh_token"])).status == 400


async def test_a_refreshed_token_is_good_for_no_more_than_before(
    inside: Scene,
) -> None:
    got = await issued(inside)
    token = got["refresh_token"]
    wider = await inside.program.renew(token, scope="maintenance.*")
    assert wider.body["error"] == "invalid_scope"
    again = await inside.program.renew(token, scope=got["scope"])
    assert again.body["scope"] == got["scope"]


async def test_refresh_tokens_of_sign_ins_and_of_programs_are_two_things(
    inside: Scene,
) -> None:
    """Pitfall 33: none is taken for another."""
    got = await issued(inside)
    for token in (got["refresh_token"], got["access_token"]):
        own = await inside.user.post("auth/refresh", {"refresh_token": token})
        assert own.status in (401, 422)  # it may be longer than any of these
    login = {"email": inside.email, "password": "correct horse battery"}
    mine = (await inside.user.post("auth/login", login)).data["refresh_token"]
    assert (await inside.program.renew(mine)).body["error"] == "invalid_grant"
    for text in (got["refresh_token"], inside.program.row["client_secret"]):
        assert (await inside.caller(text).get(ASSETS)).status == 401


async def test_withdrawing_a_grant_ends_all_that_came_of_it(inside: Scene) -> None:
    """Promise 6: within a second, in the profile of whoever gave it."""
    got = await issued(inside)
    waiting = await inside.browser.allow(inside.program)
    (grant,) = (await inside.user.get("auth/grants")).data
    assert (grant["client_id"], grant["name"]) == (inside.program.id, "Bookkeeping <b>")
    assert grant["scopes"] == ["maintenance.assets.read"]
    body = {"client_id": inside.program.id}
    done = await inside.user.post("auth/grants/withdraw", body)
    assert done.data == {"ended": 1}
    assert (await inside.caller(got["access_token"]).get(ASSETS)).status == 401
    assert (await inside.program.renew(got["refresh_token"])).status == 400
    assert (await inside.program.redeem(waiting)).status == 400
    assert (await inside.user.get("auth/grants")).data == []
    assert (await inside.browser.open(inside.program.address())).status == 200


async def test_a_user_who_is_disabled_acts_through_no_program(inside: Scene) -> None:
    """Promise 6: nor is anything refreshed for them."""
    got = await issued(inside)
    waiting = await inside.browser.allow(inside.program)
    await inside.run(
        "UPDATE home__.users SET disabled_at = now()"
        " WHERE tenant_id = $1::text::uuid AND id = $2", inside.user.actor_id,
    )  # fmt: skip
    assert inside.user.actor_id is not None
    inside.house.platform.identity.left(inside.user.actor_id)
    assert (await inside.caller(got["access_token"]).get(ASSETS)).status == 401
    assert (await inside.program.renew(got["refresh_token"])).status == 400
    assert (await inside.program.redeem(waiting)).status == 400


async def test_nothing_that_was_handed_out_is_kept_as_it_is(inside: Scene) -> None:
    """Promise 12: codes, tokens and secrets are hashes, wherever one looks."""
    code = await inside.browser.allow(inside.program)
    got = (await inside.program.redeem(code)).body
    secrets = [code, got["access_token"], got["refresh_token"],
               str(inside.program.row["client_secret"]), inside.program.verifier]  # fmt: skip
    for table in ("oauth_codes", "oauth_grants", "oauth_clients", "sessions",
                  "audit_log", "outbox"):  # fmt: skip
        rows = await inside.run(
            f"SELECT r::text FROM home__.{table} r WHERE tenant_id = $1::text::uuid"
        )
        assert rows, table
        assert not [it for it in secrets if it in str(rows)], table


async def test_what_was_allowed_is_in_the_journal(inside: Scene) -> None:
    """Promise 13: who allowed what to whom, and who came by it."""
    await issued(inside)
    rows = await inside.run(
        "SELECT action, actor_id, resource_id FROM home__.audit_log"
        " WHERE tenant_id = $1::text::uuid AND actor_id = $2 ORDER BY id",
        inside.user.actor_id,
    )
    actions = [row["action"] for row in rows]
    assert "oauth_grants.approve" in actions
    approved = rows[actions.index("oauth_grants.approve")]
    assert str(approved["resource_id"]) == inside.program.id
    assert "auth.login" in actions[actions.index("oauth_grants.approve") :]


async def test_what_was_handed_out_next_door_is_as_unknown_as_any(
    inside: Scene,
) -> None:
    """Promise 1: code, refresh token and access token of another tenant."""
    code = await inside.browser.allow(inside.program)
    got = await issued(inside)
    next_door = await scene_of(inside.house)
    theirs = next_door.program
    theirs.verifier = inside.program.verifier
    for text in (code, "insg_" + "A" * 86):
        answer = await theirs.redeem(text)
        assert (answer.status, answer.body["error"]) == (400, "invalid_grant")
    for text in (got["refresh_token"], "inso_" + "A" * 70):
        answer = await theirs.renew(text)
        assert (answer.status, answer.body["error"]) == (400, "invalid_grant")
    for text in (got["access_token"], got["refresh_token"]):
        seen = await theirs.ask("introspect", token=text)
        assert seen.body == {"active": False}
        assert (await theirs.ask("revoke", token=text)).status == 200
    stranger = Program(theirs.http, inside.program.row)
    assert (await stranger.redeem(code)).body["error"] == "invalid_client"
    assert (await inside.caller(got["access_token"]).get(ASSETS)).status == 200
    assert (await inside.program.redeem(code)).status == 200
