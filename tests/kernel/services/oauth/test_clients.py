"""Programs: registered by administrators, known by their secrets, acting by themselves."""

import base64
from typing import Any

import pytest

from tests.kernel.services.oauth.browsing import CALLBACK, FORM, Program, Scene

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"
ALONE: dict[str, Any] = {"flows": ["client_credentials"], "redirect_uris": []}


async def by_itself(program: Program, **more: str) -> Any:
    return await program.ask("token", grant_type="client_credentials", **more)


async def test_a_program_acts_by_itself_within_its_scopes(scene: Scene) -> None:
    """S0-49: client credentials; and the journal says which program it was."""
    program = await scene.register(**ALONE, scopes=["maintenance.assets.manage"])
    got = (await by_itself(program)).body
    assert (got["token_type"], got["expires_in"]) == ("Bearer", 3600)
    assert "refresh_token" not in got
    caller = scene.caller(got["access_token"])
    asset = await caller.create(ASSETS, name="Pump", tag="P-1")
    assert (await caller.get("oauth-clients")).code == "FORBIDDEN"
    rows = await scene.run(
        "SELECT actor_kind, actor_id, via FROM home__.audit_log"
        " WHERE tenant_id = $1::text::uuid AND resource_id = $2::text::uuid",
        asset["id"],
    )
    kind, actor, via = rows[0]
    assert (kind, str(actor), via) == ("api_key", program.id, f"oauth:{program.id}")
    narrow = (await by_itself(program, scope="maintenance.assets.read")).body
    reader = scene.caller(narrow["access_token"])
    assert (await reader.get(ASSETS)).status == 200
    assert (await reader.post(ASSETS, {"name": "a", "tag": "b"})).code == "FORBIDDEN"
    assert (await by_itself(program, scope="*")).body["error"] == "invalid_scope"


async def test_disabling_a_program_ends_all_that_it_has(inside: Scene) -> None:
    """Promise 6: its own tokens and those of everybody who let it."""
    program = await inside.register(flows=["authorization_code", "client_credentials"])
    code = await inside.browser.allow(program)
    waiting = await inside.browser.allow(program)
    theirs = (await program.redeem(code)).body
    own = (await by_itself(program)).body["access_token"]
    for token in (own, theirs["access_token"]):
        assert (await inside.caller(token).get(ASSETS)).status == 200
    await inside.admin.post(f"oauth-clients/{program.id}/disable")
    for token in (own, theirs["access_token"]):
        assert (await inside.caller(token).get(ASSETS)).status == 401
    refused = await program.renew(theirs["refresh_token"])
    assert (refused.status, refused.body["error"]) == (401, "invalid_client")
    await inside.admin.post(f"oauth-clients/{program.id}/enable")
    assert (await program.renew(theirs["refresh_token"])).status == 400
    assert (await program.redeem(waiting)).status == 400


async def test_a_program_is_known_by_its_secret_alone(scene: Scene) -> None:
    """RFC 6749 2.3.1: in the header or in the form, but never in both."""
    program = await scene.register(**ALONE)
    secret = program.row["client_secret"]
    other = await scene.register(**ALONE, name="Other")
    http, grant = program.http, "grant_type=client_credentials"

    async def asked(form: str, pair: str | None = None) -> tuple[int, str | None]:
        headers = dict(FORM)
        if pair is not None:
            encoded = base64.b64encode(pair.encode()).decode()
            headers["authorization"] = f"Basic {encoded}"
        answer = await http.send(
            "POST", "/oauth/token", headers=headers, content=f"{grant}&{form}"
        )
        return answer.status, answer.body.get("error")

    posted = f"client_id={program.id}&client_secret={secret}"
    assert await asked(posted) == (200, None)
    assert await asked("", f"{program.id}:{secret}") == (200, None)
    assert await asked(posted, f"{program.id}:{secret}") == (400, "invalid_request")
    unknown = (401, "invalid_client")
    for form in ("", f"client_id={program.id}", f"client_id={other.id}&client_secret={secret}",
                 f"client_id={program.id}&client_secret=insx_{'A' * 86}",
                 f"client_id=nobody&client_secret={secret}"):  # fmt: skip
        assert await asked(form) == unknown, form
    for pair in (
        f"{program.id}:",
        f"{program.id}:x",
        ":",
        "nonsense",
        f"{other.id}:{secret}",
    ):
        assert await asked("", pair) == unknown, pair
    answer = await http.send("POST", "/oauth/token", headers=FORM, content=grant)
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_a_new_secret_takes_the_place_of_the_one_before(scene: Scene) -> None:
    program = await scene.register(**ALONE)
    fresh = await scene.admin.post(f"oauth-clients/{program.id}/rotate-secret")
    assert (await by_itself(program)).status == 401
    assert (await by_itself(Program(program.http, fresh.data))).status == 200
    shown = (await scene.admin.get(f"oauth-clients/{program.id}")).data
    assert not {"client_secret", "secret_hash"} & set(shown)
    public = await scene.register(kind="public")
    assert public.row["client_secret"] is None
    refused = await scene.admin.post(f"oauth-clients/{public.id}/rotate-secret")
    assert refused.code == "OAUTH_CLIENT_PUBLIC"


@pytest.mark.parametrize(
    "body",
    [
        {"redirect_uris": []},
        {"redirect_uris": ["http://app.example.com/cb"]},
        {"redirect_uris": ["https://app.example.com/cb#x"]},
        {"redirect_uris": ["https://user@app.example.com/cb"]},
        {"redirect_uris": ["https://*.example.com/cb"]},
        {"redirect_uris": ["https:///cb"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["data:text/html,x"]},
        {"redirect_uris": ["app:/cb"]},
        {"redirect_uris": ["/callback"]},
        {"redirect_uris": ["https://app.example.com/a b"]},
        {"kind": "public", "flows": ["client_credentials"]},
        {"flows": ["password"]},
        {"flows": []},
        {"scopes": []},
        {"scopes": ["nonsense"]},
    ],
)
async def test_what_makes_no_sense_is_not_registered(
    scene: Scene, body: dict[str, Any]
) -> None:
    """RFC 9700 4.1: no pattern, no plain http, no scheme that runs something."""
    usual = {"name": "X", "redirect_uris": [CALLBACK], "scopes": ["maintenance.*"]}
    answer = await scene.admin.post("oauth-clients", {**usual, **body})
    assert answer.status == 422


async def test_programs_are_registered_by_administrators(scene: Scene) -> None:
    """S0-49: and get no more than the administrator has."""
    body = {"name": "X", "redirect_uris": [CALLBACK], "scopes": ["maintenance.*"]}
    assert (await scene.user.post("oauth-clients", body)).code == "FORBIDDEN"
    assert (await scene.user.get("oauth-clients")).code == "FORBIDDEN"
    native = {"redirect_uris": ["com.example.app:/done"], "kind": "public"}
    assert (await scene.admin.post("oauth-clients", {**body, **native})).status == 201


async def test_a_program_learns_what_its_tokens_are_good_for(inside: Scene) -> None:
    """RFC 7662: its own alone, and while they are good."""
    code = await inside.browser.allow(inside.program)
    got = (await inside.program.redeem(code)).body
    access = (await inside.program.ask("introspect", token=got["access_token"])).body
    assert access["active"] is True
    assert access["scope"] == "maintenance.assets.read"
    assert access["sub"] == str(inside.user.actor_id)
    assert access["client_id"] == inside.program.id
    assert access["exp"] - access["iat"] == 3600
    refresh = await inside.program.ask("introspect", token=got["refresh_token"])
    assert refresh.body["active"] is True
    for token in ("", "nonsense", "a.b.c", "inso_x", str(inside.admin.token)):
        answer = await inside.program.ask("introspect", token=token)
        assert answer.body == {"active": False}
    public = await inside.register(kind="public")
    nobody = await public.ask("introspect", token=got["access_token"])
    assert nobody.status == 401
    await inside.program.ask("revoke", token=got["refresh_token"])
    gone = await inside.program.ask("introspect", token=got["access_token"])
    assert gone.body == {"active": False}


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_a_program_ends_what_it_was_given(inside: Scene, kind: str) -> None:
    """RFC 7009: either token ends both; what is unknown is as good as ended."""
    code = await inside.browser.allow(inside.program)
    got = (await inside.program.redeem(code)).body
    assert (await inside.caller(got["access_token"]).get(ASSETS)).status == 200
    for token in (got[kind], got[kind], "nonsense"):
        assert (await inside.program.ask("revoke", token=token)).status == 200
    assert (await inside.caller(got["access_token"]).get(ASSETS)).status == 401
    assert (await inside.program.renew(got["refresh_token"])).status == 400


async def test_a_program_ends_its_own_token(scene: Scene) -> None:
    program = await scene.register(**ALONE)
    token = (await by_itself(program)).body["access_token"]
    assert (await program.ask("introspect", token=token)).body["active"] is True
    assert (await scene.caller(token).get(ASSETS)).status == 200
    await program.ask("revoke", token=token)
    assert (await scene.caller(token).get(ASSETS)).status == 401
    assert (await program.ask("introspect", token=token)).body == {"active": False}


async def test_the_server_says_what_it_can_do(scene: Scene) -> None:
    """RFC 8414: every endpoint that it names is there."""
    answer = await scene.program.http.get("/.well-known/oauth-authorization-server")
    said = answer.body
    issuer = f"http://{scene.tenant.domain}"
    assert said["issuer"] == issuer
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    for name, method in (
        ("authorization_endpoint", "GET"),
        ("token_endpoint", "POST"),
        ("revocation_endpoint", "POST"),
        ("introspection_endpoint", "POST"),
        ("jwks_uri", "GET"),
    ):
        path = said[name].removeprefix(issuer)
        found = await scene.program.http.send(method, path, headers=FORM)
        assert found.status in (200, 400, 401), name


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"grant_type=password&username=a&password=b",
        b"grant_type=authorization_code&grant_type=refresh_token",
        b"grant_type=%00",
        b"grant_type=refresh_token&refresh_token=%FF",
        b"\xff\xfe",
        b"&" * 500,
        b"grant_type=client_credentials&" + b"a=1&" * 60,
    ],
)
async def test_no_form_does_more_than_be_refused(scene: Scene, form: bytes) -> None:
    """RFC 6749 5.2: never a 5xx, always an error that programs understand."""
    pair = f"{scene.program.id}:{scene.program.row['client_secret']}"
    encoded = base64.b64encode(pair.encode()).decode()
    headers = {**FORM, "authorization": f"Basic {encoded}"}
    for path in ("token", "revoke", "introspect"):
        http = scene.program.http
        answer = await http.send(
            "POST", f"/oauth/{path}", headers=headers, content=form
        )
        assert answer.status in (200, 400), (path, answer.body)
        if path == "token":
            assert answer.status == 400
            assert answer.body["error"]
            assert answer.headers["cache-control"] == "no-store"
