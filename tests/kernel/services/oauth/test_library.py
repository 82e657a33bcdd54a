"""An ordinary OAuth client library, against real server processes."""

import html
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from authlib.integrations.requests_client import (  # type: ignore[import-untyped]  # no stubs
    OAuth2Session,
)
from authlib.oauth2.rfc8414 import (  # type: ignore[import-untyped]  # no stubs
    AuthorizationServerMetadata,
)
from joserfc import jwt
from joserfc.jwk import KeySet

from insula.kernel.identity.authenticate import FRESH
from tests.e2e.installation import PASSWORD, Installation

SLUG = "acme"
CALLBACK = "https://app.example.com/callback"
ASSETS = "/api/v1/maintenance/assets"
UNLIMITED = {f"INSULA_LIMIT_{it}": "0" for it in ("ANONYMOUS", "AUTH", "LOGIN", "USER")}
"""All requests come from one address here."""
INPUT = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
ACTION = re.compile(r'<form method="post" action="([^"]*)"')


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    """A running installation with two server processes and a tenant."""
    house = Installation(**UNLIMITED)
    try:
        house.up("--workers", "2")
        house.create(SLUG, "shared")
        yield house
    finally:
        house.remove()


@pytest.fixture(scope="module")
def owner(house: Installation) -> Iterator[httpx2.Client]:
    """A client that is signed in as the tenant's owner."""
    with house.sign_in(SLUG) as client:
        yield client


@pytest.fixture
def library(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes sessions of the library for a program; names resolve to this machine."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")

    def made(row: Any, **more: Any) -> Any:
        method = "client_secret_basic" if row["client_secret"] else "none"
        session = OAuth2Session(
            row["id"],
            row["client_secret"],
            token_endpoint_auth_method=method,
            token_endpoint=at(house, "/oauth/token"),
            redirect_uri=CALLBACK,
            code_challenge_method="S256",
            **more,
        )
        session.headers["Host"] = f"{SLUG}.localhost:{house.port}"
        return session

    return made


def at(house: Installation, path: str) -> str:
    return f"http://127.0.0.1:{house.port}{path}"


def registered(owner: httpx2.Client, **more: Any) -> Any:
    body = {
        "name": "Library",
        "redirect_uris": [CALLBACK],
        "scopes": ["maintenance.assets.*"],
        **more,
    }
    answer = owner.post("oauth-clients", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def allowed(house: Installation, address: str) -> str:
    """What a person's browser comes back with, who signs in and allows it."""
    path = address.removeprefix(at(house, ""))
    with house.visit(SLUG) as browser:
        browser.headers["host"] = f"{SLUG}.localhost:{house.port}"
        browser.base_url = httpx2.URL(at(house, ""))
        page = browser.get(path)
        while page.status_code == 200:
            action = ACTION.search(page.text)
            assert action is not None, page.text
            said = {name: html.unescape(it) for name, it in INPUT.findall(page.text)}
            if 'name="password"' in page.text:
                person = {"email": f"owner@{SLUG}.test", "password": PASSWORD}
                said |= {**person, "step": "sign_in"}
            else:
                said["step"] = "allow"
            done = browser.post(html.unescape(action[1]), data=said)
            assert done.status_code == 303, done.text
            where = done.headers["location"]
            if where.startswith(CALLBACK):
                return where
            page = browser.get(where)
    raise AssertionError((page.status_code, page.text))


@pytest.mark.parametrize("kind", ["public", "confidential"])
def test_the_library_completes_code_with_pkce_and_refresh(
    house: Installation, owner: httpx2.Client, library: Any, kind: str
) -> None:
    """S0-49, S0-50, S0-51: Authlib's client, as its own manual uses it."""
    session = library(registered(owner, kind=kind), scope="maintenance.assets.read")
    verifier = "v" * 64
    address, state = session.create_authorization_url(
        at(house, "/oauth/authorize"), code_verifier=verifier
    )
    back = allowed(house, address)
    token = session.fetch_token(
        at(house, "/oauth/token"),
        authorization_response=back,
        state=state,
        code_verifier=verifier,
    )
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    assert session.get(at(house, ASSETS)).status_code == 200
    pump = {"name": "Pump", "tag": f"P-{kind}"}
    assert session.post(at(house, ASSETS), json=pump).status_code == 403
    fresh = session.refresh_token(
        at(house, "/oauth/token"), refresh_token=token["refresh_token"]
    )
    assert fresh["refresh_token"] != token["refresh_token"]
    assert session.get(at(house, ASSETS)).status_code == 200
    ended = session.revoke_token(
        at(house, "/oauth/revoke"), token=fresh["refresh_token"],
        token_type_hint="refresh_token",
    )  # fmt: skip
    assert ended.status_code == 200
    await_refusal(session, at(house, ASSETS))


def await_refusal(session: Any, url: str) -> None:
    """Promise 6: whichever process answers, because it heard, and not by forgetting."""
    deadline, refused = time.monotonic() + FRESH / 2, 0
    while refused < 10:
        assert time.monotonic() < deadline
        refused = refused + 1 if session.get(url).status_code == 401 else 0


def test_the_library_completes_client_credentials(
    house: Installation, owner: httpx2.Client, library: Any
) -> None:
    row = registered(owner, flows=["client_credentials"], redirect_uris=[])
    session = library(row, scope="maintenance.assets.manage")
    session.fetch_token(at(house, "/oauth/token"), grant_type="client_credentials")
    pump = {"name": "Pump", "tag": "P-alone"}
    assert session.post(at(house, ASSETS), json=pump).status_code == 201
    assert session.get(at(house, "/api/v1/oauth-clients")).status_code == 403


def test_the_metadata_is_what_the_rfc_asks(house: Installation) -> None:
    """RFC 8414, by the library's own validation."""
    with house.visit(SLUG) as visitor:
        visitor.headers["host"] = f"{SLUG}.localhost:{house.port}"
        url = at(house, "/.well-known/oauth-authorization-server")
        said = visitor.get(url).json()
    assert said["issuer"] == f"http://{SLUG}.localhost:{house.port}"
    secure = json.loads(json.dumps(said).replace("http://", "https://"))
    AuthorizationServerMetadata(secure).validate()


def test_a_rotated_key_is_followed_by_every_process(
    house: Installation, owner: httpx2.Client
) -> None:
    """R09: by the command; nobody restarts, and who was signed in stays it."""
    (before,) = house.ask("keys", "list")
    waiting = house.ask("keys", "rotate")
    assert (before["state"], waiting["state"]) == ("signs", "waits")
    url = at(house, "/.well-known/jwks.json")
    await_kids(owner, url, {before["kid"], waiting["kid"]})
    old = owner.headers["authorization"]
    compromised = house.ask("keys", "rotate", "--compromised", "--yes")
    await_kids(owner, url, {compromised["kid"]})
    assert owner.get("auth/user").status_code == 401
    with house.sign_in(SLUG) as again:
        assert again.headers["authorization"] != old
        assert again.get("auth/user").status_code == 200
        token = again.headers["authorization"].removeprefix("Bearer ")
        keys = KeySet.import_key_set(again.get(url).json())
        claims = jwt.decode(token, keys, algorithms=["Ed25519"]).claims
    assert claims["tenant_id"]
    assert urlsplit(url).path == "/.well-known/jwks.json"


def await_kids(client: httpx2.Client, url: str, wanted: set[str]) -> None:
    """Ask until ten answers in a row have these keys: two processes take turns."""
    deadline, right = time.monotonic() + FRESH / 2, 0
    while right < 10:
        keys = client.get(url, headers={"connection": "close"}).json()["keys"]
        right = right + 1 if {it["kid"] for it in keys} == wanted else 0
        assert time.monotonic() < deadline, keys
