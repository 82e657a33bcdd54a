"""A rig for signing in with SAML: a tenant, its provider, and a browser or a program."""

from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode

from insula.kernel.services.federation.flow import digest
from tests.house import Answer
from tests.kernel.services.federation.rig import Rig
from tests.kernel.services.federation.saml_idp import (
    ENTITY,
    PLACE,
    Bend,
    SamlIdp,
    packed,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}
CONSUMER = "/api/v1/auth/saml/acs"


@dataclass
class SamlRig:
    """One tenant that signs in with one SAML provider."""

    rig: Rig
    idp: SamlIdp = field(default_factory=SamlIdp)

    def __post_init__(self) -> None:
        """The provider speaks of Ada."""
        address = f"Ada@{self.rig.domain}"
        self.idp.attributes = {"mail": address, "displayName": "Ada Lovelace"}

    async def provider(self, **fields: Any) -> Any:
        """The provider, as its tenant sets it up."""
        asked = {
            "name": "Acme",
            "kind": "saml",
            "issuer": ENTITY,
            "sso_url": PLACE,
            "certificates": [self.idp.keys.certificate],
            "domains": [self.rig.domain],
            "create_users": True,
            **fields,
        }
        return (await self.rig.owner.post("identity-providers", asked)).data

    async def begin(self, provider: Any, **more: Any) -> str:
        """Begin, and go to the provider; the verifier."""
        verifier = token_urlsafe(32)
        body = {"challenge": digest(verifier), **more}
        path = f"auth/saml/{provider['id']}/start"
        begun = (await self.rig.visitor.post(path, body)).data
        self.idp.hear(begun["authorize_url"])
        return verifier

    async def bring(self, answer: Any) -> str:
        """Bring an answer, as the provider's page does; the state that it got."""
        content = urlencode({"SAMLResponse": packed(answer), "RelayState": "any"})
        got = await self.rig.visitor.send(
            "POST", CONSUMER, headers={**FORM, "sec-fetch-site": "cross-site"},
            content=content,
        )  # fmt: skip
        assert got.status == 303, got.body
        place, _, said = got.headers["location"].partition("#")
        assert place == "/sign-in"
        return parse_qs(said)["state"][0]

    async def finish(self, answer: Any, verifier: str) -> Answer:
        """Bring an answer, and go on with what came of it."""
        state = await self.bring(answer)
        back = {"state": state, "verifier": verifier}
        return await self.rig.visitor.post("auth/saml/callback", back)

    async def sign_in(self, bend: Bend | None = None) -> Answer:
        """All of it, with an answer that is wrong as ``bend`` makes it."""
        verifier = await self.begin(await self.provider())
        return await self.finish(self.idp.answer(bend), verifier)

    async def refused(self, make: Callable[[], Any]) -> str:
        """Bring an answer that lets nobody in; why not."""
        verifier = await self.begin(await self.provider())
        done = await self.finish(make(), verifier)
        assert (done.status, done.code) == (403, "SSO_REFUSED"), done.body
        users = await self.rig.rows("user_identities")
        assert users == []
        return (await self.rig.reasons())[-1]
