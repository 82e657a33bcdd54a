"""A browser and a program, as far as the authorization server meets them."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from insula.kernel.database.session import Statement
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

PASSWORD = "correct horse battery"
CALLBACK = "https://app.example.com/callback?keep=1"
FORM = {"content-type": "application/x-www-form-urlencoded"}
INPUT = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
ACTION = re.compile(r'<form method="post" action="([^"]*)"')


def challenge_of(verifier: str) -> str:
    """S256, worked out here once more."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Program:
    """A program that was registered, and what it asks."""

    http: Caller
    row: Mapping[str, Any]
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.row["id"])

    def address(self, **more: str | None) -> str:
        """Where it sends people; None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "scope": "maintenance.assets.read",
            "state": "s t/a+t&e",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **more,
        }
        said = {name: it for name, it in asked.items() if it is not None}
        return f"/oauth/authorize?{urlencode(said)}"

    async def ask(self, path: str, **form: str | None) -> Answer:
        """One request to an endpoint of its own, with its secret if it has one."""
        said = {name: it for name, it in form.items() if it is not None}
        headers = dict(FORM)
        secret = self.row.get("client_secret")
        if secret is None:
            said.setdefault("client_id", self.id)
        else:
            pair = base64.b64encode(f"{self.id}:{secret}".encode()).decode()
            headers["authorization"] = f"Basic {pair}"
        return await self.http.send(
            "POST", f"/oauth/{path}", headers=headers, content=urlencode(said)
        )

    async def redeem(self, code: str | None, **more: str | None) -> Answer:
        """Exchange a code."""
        usual = {"redirect_uri": CALLBACK, "code_verifier": self.verifier}
        said = {"grant_type": "authorization_code", "code": code, **usual, **more}
        return await self.ask("token", **said)

    async def renew(self, token: str, **more: str) -> Answer:
        """Exchange a refresh token."""
        return await self.ask(
            "token", grant_type="refresh_token", refresh_token=token, **more
        )


@dataclass
class Browser:
    """A person's browser: it keeps cookies and sends forms."""

    http: Caller
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        """One request, with the cookies; what it is given is kept."""
        headers = {**self.headers, **more.pop("headers", {})}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        self.http.http.cookies.clear()  # all callers of a house share that jar
        answer = await self.http.send(method, path, headers=headers, **more)
        self.http.http.cookies.clear()
        if given := answer.headers.get("set-cookie"):
            name, _, rest = given.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return answer

    async def open(self, path: str) -> Answer:
        """Go to an address."""
        return await self.send("GET", path)

    async def submit(self, page: Answer, step: str, **said: str) -> Answer:
        """Press a button of a page."""
        found = ACTION.search(page.body)
        assert found is not None, page.body
        hidden = {k: html.unescape(v) for k, v in INPUT.findall(page.body)}
        action = html.unescape(found[1])
        content = urlencode({**hidden, **said, "step": step})
        return await self.send("POST", action, headers=FORM, content=content)

    async def allow(self, program: Program, **more: str | None) -> str:
        """Let a program act for whoever is signed in; the code that it gets."""
        page = await self.open(program.address(**more))
        answer = await self.submit(page, "allow") if page.status == 200 else page
        return told(answer)["code"]


def told(answer: Answer) -> dict[str, str]:
    """What a redirect says in its query."""
    assert answer.status == 303, (answer.status, answer.body)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@dataclass
class Scene:
    """A tenant, an administrator, somebody with a browser, and a program."""

    house: House
    tenant: Tenant
    admin: Caller
    user: Caller
    email: str
    browser: Browser
    program: Program

    def caller(self, token: str) -> Caller:
        """Whoever acts with a token."""
        return self.house.caller(self.tenant.domain, token)

    async def register(self, **more: Any) -> Program:
        """A new program."""
        body = {
            "name": "Bookkeeping <b>",
            "redirect_uris": [CALLBACK],
            "scopes": ["maintenance.*"],
            **more,
        }
        row = (await self.admin.post("oauth-clients", body)).data
        return Program(self.house.caller(self.tenant.domain), row)

    async def person(self, *roles: str) -> tuple[Caller, str]:
        """Somebody who signs in with a password, and their address."""
        user = await self.house.user(self.tenant, *roles)
        rows = await self.run(
            "UPDATE home__.users SET password = $3, email_verified_at = now()"
            " WHERE tenant_id = $1::text::uuid AND id = $2 RETURNING email",
            user.actor_id,
            await hash_password(PASSWORD),
        )
        return user, str(rows[0]["email"])

    async def signed_in(self, email: str) -> Browser:
        """A browser in which somebody signed in on the page of a program."""
        browser = Browser(self.house.caller(self.tenant.domain))
        page = await browser.open(self.program.address())
        done = await browser.submit(page, "sign_in", email=email, password=PASSWORD)
        assert done.status == 303, (done.status, done.body)
        return browser

    async def run(self, sql: str, *args: object) -> Any:
        """A statement in the tenant."""
        it = self.house.platform
        session = it.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            return await transaction.fetch(Statement(sql), *args)


async def scene_of(house: House) -> Scene:
    """A new tenant with all of that; nobody's browser is signed in yet."""
    tenant = await house.tenant()
    admin = await house.user(tenant)
    nobody = Browser(house.caller(tenant.domain))
    scene = Scene(house, tenant, admin, admin, "", nobody, Program(nobody.http, {}))
    scene.user, scene.email = await scene.person("member")
    scene.program = await scene.register()
    return scene
