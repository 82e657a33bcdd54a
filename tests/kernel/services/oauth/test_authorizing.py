"""The authorization endpoint: who is asked what, and where they are sent."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.kernel.services.factors.people import Person
from tests.kernel.services.oauth.browsing import (
    CALLBACK,
    FORM,
    PASSWORD,
    Browser,
    Scene,
    challenge_of,
    told,
)

pytestmark = pytest.mark.anyio


async def test_a_person_signs_in_is_asked_and_sent_back_with_a_code(
    scene: Scene,
) -> None:
    """S0-49, RFC 6749 4.1, RFC 9207: in a browser in which nobody is signed in."""
    address = scene.program.address()
    page = await scene.browser.open(address)
    assert (page.status, page.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )
    assert 'name="password"' in page.body
    said = {"email": scene.email, "password": PASSWORD}
    done = await scene.browser.submit(page, "sign_in", **said)
    assert (done.status, done.headers["location"]) == (303, address)
    consent = await scene.browser.open(address)
    assert "maintenance.assets.read" in consent.body
    assert scene.email in consent.body
    answer = await scene.browser.submit(consent, "allow")
    where = urlsplit(answer.headers["location"])
    assert (where.scheme, where.netloc, where.path) == (
        "https",
        "app.example.com",
        "/callback",
    )
    back = dict(parse_qsl(where.query))
    issuer = f"http://{scene.tenant.domain}"
    assert (back["keep"], back["state"], back["iss"]) == ("1", "s t/a+t&e", issuer)
    assert back["code"].startswith("insg_")


async def test_the_page_is_plain_and_runs_nothing(inside: Scene) -> None:
    """S3-72, ASVS 3: no script, no frame, and its form leads to the program alone."""
    page = await inside.browser.open(inside.program.address())
    assert "<script" not in page.body
    assert "Bookkeeping &lt;b&gt;" in page.body
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example.com;" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"


async def test_somebody_who_refuses_is_sent_back_without_a_code(inside: Scene) -> None:
    page = await inside.browser.open(inside.program.address())
    back = told(await inside.browser.submit(page, "deny"))
    assert (back["error"], "code" in back) == ("access_denied", False)
    assert (await inside.user.get("auth/grants")).data == []


async def test_a_wrong_password_tells_nothing_and_opens_nothing(scene: Scene) -> None:
    address = scene.program.address()
    for email in (scene.email, "nobody@acme.test"):
        page = await scene.browser.open(address)
        answer = await scene.browser.submit(page, "sign_in", email=email, password="x")
        assert answer.status == 401
        assert "wrong" in answer.body
        assert "insula" not in scene.browser.cookies


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"client_id": "nonsense"},
        {"client_id": "00000000-0000-7000-8000-000000000001"},
        {"redirect_uri": None},
        {"redirect_uri": CALLBACK + "&more=1"},
        {"redirect_uri": "https://app.example.com/callback"},
        {"redirect_uri": "https://app.example.com.evil.test/callback?keep=1"},
        {"redirect_uri": "https://evil.test/?https://app.example.com/callback"},
        {"redirect_uri": "https://app.example.com/callback?keep=1#f"},
        {"redirect_uri": "HTTPS://app.example.com/callback?keep=1"},
        {"redirect_uri": "https://app.example.com/x/../callback?keep=1"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.test"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_programs(
    inside: Scene, change: dict[str, str | None]
) -> None:
    """Pitfall 36, RFC 9700 4.1: exact redirect URIs, and no open redirect."""
    for path in (inside.program.address(**change),):
        shown = await inside.browser.open(path)
        sent = await inside.browser.send(
            "POST", path, headers=FORM, content="step=allow"
        )
        for answer in (shown, sent):
            assert (answer.status, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"scope": "crm.deals.read"}, "invalid_scope"),
        ({"scope": "*"}, "invalid_scope"),
        ({"scope": "maintenance.assets.read *"}, "invalid_scope"),
    ],
)
async def test_a_program_that_asks_wrongly_is_told_at_its_own_address(
    inside: Scene, change: dict[str, str | None], error: str
) -> None:
    """RFC 6749 4.1.2.1, RFC 9700: PKCE with S256, whatever the client."""
    answer = await inside.browser.open(inside.program.address(**change))
    assert answer.headers["location"].startswith(CALLBACK)
    back = told(answer)
    assert (back["error"], back["state"]) == (error, "s t/a+t&e")


async def test_a_form_of_another_page_allows_nothing(inside: Scene) -> None:
    """S3-68, pitfall 36: neither without our token, nor with that of other requests."""
    address = inside.program.address()
    page = await inside.browser.open(address)
    other = await inside.register(name="Other")
    theirs = await inside.browser.open(other.address())
    stolen = theirs.body.partition('name="csrf" value="')[2][:64]
    real = page.body.partition('name="csrf" value="')[2][:64]
    for csrf in ("", "0" * 64, stolen):
        content = f"step=allow&csrf={csrf}"
        answer = await inside.browser.send(
            "POST", address, headers=FORM, content=content
        )
        assert (answer.status, "location" in answer.headers) == (403, False)
    for header, value in (
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ):
        answer = await inside.browser.send(
            "POST",
            address,
            headers={**FORM, header: value},
            content=f"step=allow&csrf={real}",
        )
        assert answer.status == 403, header
    rows = await inside.run(
        "SELECT 1 FROM home__.oauth_codes WHERE tenant_id = $1::text::uuid"
    )
    assert rows == []


async def test_nobody_is_signed_in_by_a_form_of_another_page(scene: Scene) -> None:
    """Login CSRF: the form works in the browser alone that was shown it."""
    page = await scene.browser.open(scene.program.address())
    scene.browser.cookies.clear()
    said = {"email": scene.email, "password": PASSWORD}
    answer = await scene.browser.submit(page, "sign_in", **said)
    assert (answer.status, "insula" in scene.browser.cookies) == (403, False)


async def test_what_was_allowed_is_not_asked_again_but_more_is(inside: Scene) -> None:
    address = inside.program.address()
    await inside.browser.allow(inside.program)
    assert "code" in told(await inside.browser.open(address))
    more = inside.program.address(
        scope="maintenance.assets.read maintenance.meters.read"
    )
    assert (await inside.browser.open(more)).status == 200


async def test_a_public_program_is_asked_for_each_time(inside: Scene) -> None:
    """RFC 8252 8.6: anybody's program can say that it is this one."""
    program = await inside.register(kind="public")
    await inside.browser.allow(program)
    assert (await inside.browser.open(program.address())).status == 200


async def test_a_program_on_a_device_listens_on_any_port(inside: Scene) -> None:
    """RFC 8252 7.3: of the loopback address that it registered, and only that."""
    known = "http://127.0.0.1/done"
    program = await inside.register(kind="public", redirect_uris=[known])
    address = program.address(redirect_uri="http://127.0.0.1:51004/done")
    page = await inside.browser.open(address)
    answer = await inside.browser.submit(page, "allow")
    assert answer.headers["location"].startswith("http://127.0.0.1:51004/done?code=")
    for other in ("http://127.0.0.1:51004/other", "http://localhost:51004/done",
                  "http://127.0.0.1.evil.test/done", "http://evil@127.0.0.1/done"):  # fmt: skip
        refused = await inside.browser.open(program.address(redirect_uri=other))
        assert (refused.status, "location" in refused.headers) == (400, False)


async def test_the_page_speaks_the_persons_language(scene: Scene) -> None:
    german = Browser(scene.browser.http, headers={"accept-language": "de-AT,en;q=0.5"})
    assert "Anmelden" in (await german.open(scene.program.address())).body
    arabic = Browser(scene.browser.http, headers={"accept-language": "ar"})
    assert 'lang="ar" dir="rtl"' in (await arabic.open(scene.program.address())).body


async def test_a_disabled_program_asks_nobody(inside: Scene) -> None:
    await inside.admin.post(f"oauth-clients/{inside.program.id}/disable")
    assert (await inside.browser.open(inside.program.address())).status == 400
    await inside.admin.post(f"oauth-clients/{inside.program.id}/enable")
    assert (await inside.browser.open(inside.program.address())).status == 200


async def test_another_tenants_browser_and_program_are_unknown_here(
    inside: Scene,
) -> None:
    """Promise 1: every tenant is an authorization server of its own."""
    elsewhere = await inside.house.tenant()
    inside.browser.http = inside.house.caller(elsewhere.domain)
    assert (await inside.browser.open(inside.program.address())).status == 400
    assert challenge_of(inside.program.verifier)


async def test_a_second_factor_is_asked_for_before_anything_is_allowed(
    scene: Scene,
) -> None:
    """S3-64: the ten steps, on the page too; a wrong code opens nothing."""
    assert scene.user.actor_id is not None
    it = scene.house, scene.tenant, scene.user.actor_id, scene.email, scene.user
    person = Person(*it)
    await person.enrol()
    page = await scene.browser.open(scene.program.address())
    said = {"email": scene.email, "password": PASSWORD}
    asked = await scene.browser.submit(page, "sign_in", **said)
    assert 'name="code"' in asked.body
    assert "insula" not in scene.browser.cookies
    for code in ("000000", "nonsense", ""):
        wrong = await scene.browser.submit(asked, "prove", code=code)
        assert (wrong.status, "insula" in scene.browser.cookies) == (401, False)
    done = await scene.browser.submit(asked, "prove", code=person.code())
    assert (done.status, "insula" in scene.browser.cookies) == (303, True)
    code = await scene.browser.allow(scene.program)
    token = (await scene.program.redeem(code)).body["access_token"]
    claims = scene.house.platform.authenticator.tokens.read(token)
    rows = await scene.run(
        "SELECT factors FROM home__.sessions WHERE tenant_id = $1::text::uuid"
        " AND id = $2", claims.sid,
    )  # fmt: skip
    assert str(bytes(rows[0]["factors"]), "utf-8") == '["pwd", "otp"]'
