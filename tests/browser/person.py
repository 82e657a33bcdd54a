"""A person before a browser, as the tests of pages move them."""

from dataclasses import dataclass, field
from typing import Any

import pyotp
from playwright.async_api import BrowserContext, CDPSession, Page

from insula.kernel.foundation.clock import now
from tests.kernel.services.oauth.browsing import PASSWORD, Scene

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
CALL = """async ([path, body, headers]) => {
  const answer = await fetch(path, {method: body === null ? "GET" : "POST",
    headers: {"content-type": "application/json", ...headers},
    body: body === null ? undefined : JSON.stringify(body)});
  return {status: answer.status, body: await answer.json()};
}"""


@dataclass
class Person:
    """Where they belong, their window, and the page in it."""

    scene: Scene
    port: int
    window: BrowserContext
    page: Page
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> str:
        """The tenant's pages."""
        return f"http://{self.scene.tenant.domain}:{self.port}"

    async def open(self, path: str) -> None:
        """Go to one of the tenant's pages."""
        await self.page.goto(self.home + path)

    async def look(self, language: str, scheme: str, width: int) -> None:
        """See pages in a language, light or dark, on a screen of that width."""
        await self.page.set_extra_http_headers({"accept-language": language})
        dark = scheme == "dark"
        await self.page.emulate_media(color_scheme="dark" if dark else "light")
        await self.page.set_viewport_size({"width": width, "height": 844})

    async def call(self, path: str, body: Any = None) -> Any:
        """What the API answers a script of the page."""
        said = await self.page.evaluate(CALL, [f"/api/v1/{path}", body, self.headers])
        return said["status"], said["body"]

    async def ask(self, path: str, body: Any = None) -> Any:
        """The data of an answer that must be a success."""
        status, said = await self.call(path, body)
        assert status < 300, (path, said)
        return said["data"]

    async def log_in(self) -> Any:
        """Sign in with the password, as a script of the page does, for a cookie."""
        said = {"email": self.scene.email, "password": PASSWORD, "cookie": True}
        done = await self.ask("auth/login", said)
        self.headers = {"x-csrf-token": done["csrf_token"]}
        return done

    async def carry_authenticator(self) -> CDPSession:
        """Have the window's machine hold passkeys, as a telephone does."""
        wire = await self.window.new_cdp_session(self.page)
        await wire.send("WebAuthn.enable")
        options = {"options": AUTHENTICATOR}
        await wire.send("WebAuthn.addVirtualAuthenticator", options)
        return wire

    async def sign_in(self) -> None:
        """Fill in the page to sign in at, by keyboard alone, and wait for the next."""
        for said in (self.scene.email, PASSWORD):
            await self.page.keyboard.press("Tab")
            await self.page.keyboard.type(said)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def stopped(self) -> Any:
        """What a sign-in with the password says where it is not enough."""
        said = {"email": self.scene.email, "password": PASSWORD}
        status, body = await self.call("auth/login", said)
        assert status == 401, body
        return body["error"]

    @staticmethod
    def next_code(app: pyotp.TOTP) -> str:
        """The code of the coming half minute, which is good already and was not used."""
        return app.at(int(now().timestamp()) + app.interval)
