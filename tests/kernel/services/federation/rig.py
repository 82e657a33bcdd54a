"""A rig for signing in with a provider: a tenant, its provider, and a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import msgspec

from insula.kernel.database.session import Statement
from insula.kernel.services.federation.flow import digest
from insula.kernel.services.federation.manifest import Federation
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House
from tests.kernel.services.federation.idp import CLIENT, SECRET, Idp

ROWS = "SELECT * FROM home__.{} WHERE tenant_id = $1::text::uuid ORDER BY id"


@dataclass(slots=True)
class Rig:
    """One tenant that signs in with one provider."""

    house: House
    tenant: Tenant
    owner: Caller
    idp: Idp
    domain: str

    @property
    def visitor(self) -> Caller:
        """Somebody at the tenant's host."""
        return self.house.caller(self.tenant.domain)

    @property
    def federation(self) -> Federation:
        """The service."""
        return self.house.platform.services.federation

    async def provider(self, **fields: Any) -> Any:
        """A provider, as its tenant sets it up."""
        asked = {
            "name": "Acme",
            "issuer": self.idp.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "domains": [self.domain],
            **fields,
        }
        return (await self.owner.post("identity-providers", asked)).data

    async def prove(self, domain: str) -> Any:
        """Prove a domain to be the tenant's."""
        claimed = await self.owner.create("identity-domains", name=domain)
        self.say({claimed["record"]: [claimed["challenge"]]})
        path = f"identity-domains/{claimed['id']}/verify"
        return (await self.owner.post(path)).data

    def say(self, records: dict[str, list[str]]) -> None:
        """Have this be what DNS says."""

        async def look_up(name: str) -> Sequence[str]:
            return records.get(name, ())

        self.federation.look_up = look_up

    async def begin(self, provider: Any, **more: Any) -> tuple[dict[str, Any], str]:
        """Begin as a client that holds a verifier; what came of it, and that."""
        verifier = token_urlsafe(32)
        body = {"challenge": digest(verifier), **more}
        path = f"auth/oidc/{provider['id']}/start"
        return (await self.visitor.post(path, body)).data, verifier

    async def finish(self, begun: Any, verifier: str, **more: Any) -> Answer:
        """Come back from the provider."""
        code = self.idp.authorize(begun["authorize_url"])
        back = {"state": begun["state"], "code": code, "verifier": verifier, **more}
        return await self.visitor.post("auth/oidc/callback", back)

    async def sign_in(self, provider: Any) -> Answer:
        """Go to the provider and come back."""
        begun, verifier = await self.begin(provider)
        return await self.finish(begun, verifier)

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """What a table holds."""
        session = self.house.platform.open_session(self.tenant.home, self.tenant.id)
        async with session.transaction() as transaction:
            found = await transaction.fetch(Statement(ROWS.format(table)))
        return [{k: _plain(v) for k, v in row.items()} for row in found]

    async def reasons(self) -> list[str]:
        """Why people were not let in, as the journal has it."""
        rows = await self.rows("audit_log")
        refused = [it for it in rows if it["action"] == "auth.sso_refused"]
        return [str(it["changes"]) for it in refused]


def _plain(value: Any) -> Any:
    """A value, JSON as its text."""
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value
