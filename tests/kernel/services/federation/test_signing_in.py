"""Signing in with a provider: who is let in, and by whose word."""

import time
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from insula.kernel.services.federation.flow import digest
from insula.kernel.tenancy.series import KERNEL
from tests.kernel.services.federation.idp import SECRET
from tests.kernel.services.federation.rig import Rig


async def test_somebody_new_signs_in_and_stays_the_same(rig: Rig) -> None:
    """S3-65: made at first by a proved address, known by the subject from then on."""
    provider = await rig.provider(create_users=True, roles=["viewer"])
    first = (await rig.sign_in(provider)).data
    assert first["user"]["email"] == f"ada@{rig.domain}"
    assert first["user"]["roles"] == ["viewer"]
    rig.idp.claims["email"] = f"renamed@{rig.domain}"
    again = (await rig.sign_in(provider)).data
    assert again["user"]["id"] == first["user"]["id"]
    me = rig.house.caller(rig.tenant.domain, again["access_token"])
    assert (await me.get("auth/user")).data["user"]["name"] == "Ada Lovelace"
    sessions = await rig.rows("sessions")
    assert '["sso"]' in {it["factors"] for it in sessions}


async def test_the_ten_steps_end_in_a_session_that_can_be_revoked(rig: Rig) -> None:
    """S3-64: provider, token, each request validated, until signing out."""
    provider = await rig.provider(create_users=True)
    token = (await rig.sign_in(provider)).data["access_token"]
    me = rig.house.caller(rig.tenant.domain, token)
    assert (await me.get("auth/user")).status == 200
    assert (await me.post("auth/logout")).status == 200
    assert (await me.get("auth/user")).status == 401


async def test_nobody_is_made_where_the_tenant_does_not_want_it(rig: Rig) -> None:
    provider = await rig.provider()
    answer = await rig.sign_in(provider)
    assert (answer.status, answer.code) == (403, "SSO_REFUSED")
    assert "nobody here has the address" in (await rig.reasons())[-1]


def _rogue(**claims: Any) -> dict[str, Any]:
    return {"claims": claims}


@pytest.mark.parametrize(
    ("rogue", "reason"),
    [
        ({"algorithm": "none"}, "not allowed"),
        ({"algorithm": "HS256"}, "not allowed"),
        ({"published": [RSAKey.generate_key(2048, {"kid": "k1"})]}, "no key"),
        ({"published": []}, "no key"),
        (_rogue(iss="https://other.example"), "another issuer"),
        (_rogue(aud="somebody"), "somebody else"),
        (_rogue(aud=["client:1", "other"]), "somebody else"),
        (_rogue(azp="other"), "somebody else"),
        (_rogue(exp=int(time.time()) - 3600), "too old"),
        (_rogue(iat=int(time.time()) + 3600), "of the future"),
        (_rogue(nonce="other"), "another sign-in"),
        (_rogue(nonce=None), "another sign-in"),
        (_rogue(sub=""), "subject"),
        (_rogue(sub="x" * 256), "subject"),
        (_rogue(sub="a\x00b"), "subject"),
        (_rogue(sub=7), "cannot be read"),
        (_rogue(email_verified=False), "vouch"),
        (_rogue(email_verified=None), "vouch"),
        (_rogue(email=None), "vouch"),
        (_rogue(email="ada@elsewhere.example"), "no proved domain"),
        (_rogue(email="no address"), "none"),
    ],
)
async def test_a_word_that_is_not_to_be_believed_lets_nobody_in(
    rig: Rig, rogue: dict[str, Any], reason: str
) -> None:
    """Pitfall 36: unsigned, for others, by others, too old, or of no proved address."""
    provider = await rig.provider(create_users=True)
    rig.idp.claims.update(rogue.get("claims", {}))
    for name, value in rogue.items():
        if name != "claims":
            setattr(rig.idp, name, value)
    answer = await rig.sign_in(provider)
    assert (answer.status, answer.code) == (403, "SSO_REFUSED")
    assert reason in (await rig.reasons())[-1]
    assert len(await rig.rows("users")) == 1


async def test_an_address_counts_only_in_a_domain_of_that_provider(rig: Rig) -> None:
    """Pitfall 36: a domain must be proved, and be that provider's."""
    provider = await rig.provider(create_users=True, domains=["else.example"])
    assert (await rig.sign_in(provider)).code == "SSO_REFUSED"
    rig.idp.claims["email"] = "ada@else.example"  # claimed, never proved
    assert (await rig.sign_in(provider)).code == "SSO_REFUSED"
    await rig.prove("else.example")
    assert (await rig.sign_in(provider)).status == 200


async def test_microsofts_word_about_an_address_is_that_of_its_domains_owner(
    rig: Rig,
) -> None:
    """Whoever has a directory there may write any address into it."""
    directory = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    rig.idp.issuer = f"https://login.microsoftonline.com/{directory}/v2.0"
    provider = await rig.provider(preset="microsoft", create_users=True)
    assert (await rig.sign_in(provider)).code == "SSO_REFUSED"
    assert "vouch" in (await rig.reasons())[-1]
    rig.idp.claims["xms_edov"] = "1"
    assert (await rig.sign_in(provider)).status == 200


async def test_what_microsoft_says_nobody_else_can(rig: Rig) -> None:
    provider = await rig.provider(create_users=True)
    rig.idp.claims |= {"xms_edov": True, "email_verified": None}
    assert (await rig.sign_in(provider)).code == "SSO_REFUSED"


async def test_an_address_that_somebody_else_has_now_is_not_theirs(rig: Rig) -> None:
    """A subject is never given to another person; an address is."""
    provider = await rig.provider(create_users=True)
    assert (await rig.sign_in(provider)).status == 200
    rig.idp.claims["sub"] = "subject-2"
    answer = await rig.sign_in(provider)
    assert answer.code == "SSO_REFUSED"
    assert "another subject" in (await rig.reasons())[-1]


async def test_a_user_is_linked_by_an_address_that_was_proved_here(rig: Rig) -> None:
    """Whoever chose a password for an address they never proved gets nothing by it."""
    provider = await rig.provider()
    member = await rig.house.user(rig.tenant, "member")
    users = {str(it["id"]): it for it in await rig.rows("users")}
    email = users[str(member.actor_id)]["email"]
    domain = email.partition("@")[2]
    await rig.prove(domain)
    provider = await rig.provider(domains=[domain])
    rig.idp.claims["email"] = email
    answer = await rig.sign_in(provider)
    assert answer.code == "SSO_REFUSED"
    assert "never proved here" in (await rig.reasons())[-1]


async def test_a_state_is_good_once_and_for_one_browser(rig: Rig) -> None:
    """Pitfall 36: nobody is signed in by what another browser began."""
    provider = await rig.provider(create_users=True)
    begun, verifier = await rig.begin(provider)
    assert (await rig.finish(begun, verifier)).status == 200
    assert (await rig.finish(begun, verifier)).code == "TOKEN_INVALID"
    begun, _ = await rig.begin(provider)
    assert (await rig.finish(begun, "x" * 43)).code == "TOKEN_INVALID"
    begun, _ = await rig.begin(provider)
    assert (await rig.finish(begun, "")).code == "TOKEN_INVALID"
    for state in ("", "inst_", "inst_" + "A" * 86, "x" * 300):
        back = {"state": state, "code": "c", "verifier": verifier}
        answer = await rig.visitor.post("auth/oidc/callback", back)
        assert answer.status in (410, 422)


async def test_a_browser_is_known_by_its_cookie(rig: Rig) -> None:
    """Pitfall 36: without the cookie that the start has set there is no way back."""
    provider = await rig.provider(create_users=True)
    path = f"auth/oidc/{provider['id']}/start"
    for keep in (True, False):
        rig.house.http.cookies.clear()
        started = await rig.visitor.post(path, {"return_to": "/deals"})
        cookie = started.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        value = cookie.partition(";")[0]
        rig.house.http.cookies.clear()
        code = rig.idp.authorize(started.data["authorize_url"])
        back = {"state": started.data["state"], "code": code}
        headers = {"cookie": value} if keep else {}
        answer = await rig.visitor.post("auth/oidc/callback", back, headers=headers)
        assert answer.status == (200 if keep else 410)
        if keep:
            assert answer.body["meta"]["return_to"] == "/deals"


async def test_whoever_answers_is_whom_we_asked(rig: Rig) -> None:
    """Pitfall 36: a mix-up of two providers is noticed (RFC 9207)."""
    provider = await rig.provider(create_users=True)
    begun, verifier = await rig.begin(provider)
    answer = await rig.finish(begun, verifier, iss="https://other.example")
    assert answer.code == "SSO_REFUSED"
    assert "/token" not in rig.idp.requests
    begun, verifier = await rig.begin(provider)
    assert (await rig.finish(begun, verifier, iss=rig.idp.issuer)).status == 200


async def test_a_provider_that_says_who_it_is_must_always_say_so(rig: Rig) -> None:
    supported = "authorization_response_iss_parameter_supported"
    rig.idp.metadata = {supported: True}
    provider = await rig.provider(create_users=True)
    begun, verifier = await rig.begin(provider)
    assert (await rig.finish(begun, verifier)).code == "SSO_REFUSED"


async def test_what_is_asked_carries_all_that_protects_it(rig: Rig) -> None:
    """Pitfall 36: state, nonce, PKCE by S256, and one exact redirect URI."""
    provider = await rig.provider(create_users=True)
    begun, verifier = await rig.begin(provider)
    assert (await rig.finish(begun, verifier)).status == 200
    asked = rig.idp.asked
    assert asked["state"] == begun["state"]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) == 43
    assert len(asked["code_challenge"]) == 43
    callback = f"http://{rig.tenant.domain}/api/v1/auth/oidc/callback"
    assert asked["redirect_uri"] == callback


async def test_nothing_of_a_sign_in_lies_about(rig: Rig) -> None:
    """Promise 12: no secret, state, verifier or token is in any table or on the page."""
    provider = await rig.provider(create_users=True)
    begun, verifier = await rig.begin(provider)
    waiting = str([await rig.rows(it) for it in KERNEL.tables])
    signed_in = (await rig.finish(begun, verifier)).data
    kept = waiting + str([await rig.rows(it) for it in KERNEL.tables])
    asked = rig.idp.asked
    for secret in (
        SECRET,
        begun["state"],
        verifier,
        asked["nonce"],
        asked["code_challenge"],
        signed_in["access_token"],
        signed_in["refresh_token"],
    ):
        assert secret not in kept


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\nb",
        "/ x",
        "javascript:alert(1)",
        "",
    ],
)
async def test_nobody_is_sent_to_another_host(rig: Rig, place: str) -> None:
    """Pitfall 36: no open redirect."""
    provider = await rig.provider()
    path = f"auth/oidc/{provider['id']}/start"
    answer = await rig.visitor.post(path, {"return_to": place})
    assert answer.status == 422


async def test_the_landing_passes_on_what_came_and_nothing_else(rig: Rig) -> None:
    query = "code=a%0d%0ab&state=s&x=y&return_to=https://evil.example"
    answer = await rig.visitor.get(f"auth/oidc/callback?{query}")
    assert answer.status == 303
    assert answer.headers["location"] == "/sign-in#sso=1&state=s&code=a%0D%0Ab"


async def test_a_person_may_decline(rig: Rig) -> None:
    provider = await rig.provider()
    begun, verifier = await rig.begin(provider)
    answer = await rig.finish(begun, verifier, error="access_denied")
    assert (answer.status, answer.code) == (403, "SSO_DECLINED")


async def test_a_new_key_is_looked_for_once(rig: Rig) -> None:
    """Providers change their keys; whoever invents key ids has us ask for no more."""
    provider = await rig.provider(create_users=True)
    assert (await rig.sign_in(provider)).status == 200
    rig.idp.key = RSAKey.generate_key(2048, {"kid": "k2"})
    assert (await rig.sign_in(provider)).status == 200
    before = rig.idp.requests.count("/keys")
    stranger = RSAKey.generate_key(2048, {"kid": "k3"})
    rig.idp.published, rig.idp.key = [rig.idp.key], stranger
    for _ in range(3):
        assert (await rig.sign_in(provider)).code == "SSO_REFUSED"
    assert rig.idp.requests.count("/keys") == before


async def test_an_address_may_be_had_by_asking_again(rig: Rig) -> None:
    provider = await rig.provider(create_users=True)
    email = rig.idp.claims.pop("email")
    rig.idp.claims["email"] = None
    said = {"sub": "subject-1", "email": email, "email_verified": True}
    rig.idp.userinfo = {**said, "sub": "other"}
    assert (await rig.sign_in(provider)).code == "SSO_REFUSED"
    rig.idp.userinfo = said
    assert (await rig.sign_in(provider)).status == 200


async def test_a_user_links_an_account_of_another_address(rig: Rig) -> None:
    """R06: signed in here and there, and by the same browser."""
    rig.idp.claims["email"] = "ada@private.example"
    provider = await rig.provider()
    body = {"challenge": digest("v" * 43)}
    path = f"auth/oidc/{provider['id']}/link"
    member = await rig.house.user(rig.tenant, "member")
    begun = (await member.post(path, body)).data
    assert (await rig.finish(begun, "v" * 43)).data is None
    signed_in = (await rig.sign_in(provider)).data
    assert signed_in["user"]["id"] == str(member.actor_id)
    other = await rig.house.user(rig.tenant, "member")
    begun = (await other.post(path, body)).data
    assert (await rig.finish(begun, "v" * 43)).code == "SSO_IDENTITY_TAKEN"
