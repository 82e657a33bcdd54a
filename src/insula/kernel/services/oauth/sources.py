"""Programs that act by themselves: from their access token to the actor."""

from hmac import compare_digest
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.session import Session
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.authenticate import Found
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.services.oauth.known import names_of
from insula.kernel.services.oauth.statements import CLIENT, TOKEN
from insula.kernel.tenancy.tenant import Tenant

OWN = "insa"


class ClientTokens:
    """Access tokens from client credentials, as credentials (``CredentialSource``)."""

    def __init__(self, key: bytes, *, clock: Clock = now) -> None:
        self.tokens, self._clock = OpaqueTokens(key, OWN), clock

    @property
    def prefix(self) -> str:
        """How its credentials begin."""
        return OWN

    def tenant_of(self, text: str) -> UUID:
        """The tenant of a token that was made here; raises ``Unauthenticated``."""
        return self.tokens.read(text).tenant_id

    async def load(self, session: Session, tenant: Tenant, text: str) -> Found:
        """Which program acts, with its scopes as its rights."""
        token = self.tokens.read(text)
        rows = await session.fetch(TOKEN, token.row_id, self._clock())
        if not rows or not compare_digest(rows[0]["hash"], token.hash):
            raise Unauthenticated
        row = rows[0]
        client_id: UUID = row["client_id"]
        actor = _program(tenant, client_id, row["scopes"])
        names = token.row_id, client_id
        return Found(actor, row["expires_at"].timestamp(), names)

    async def acting(
        self, session: Session, tenant: Tenant, client_id: UUID, _: UUID
    ) -> Actor | None:
        """Which program acts later than its token lasts; None if it is disabled or gone."""
        rows = await session.fetch(CLIENT, client_id)
        return _program(tenant, client_id, rows[0]["scopes"]) if rows else None


def _program(tenant: Tenant, client_id: UUID, scopes: str) -> Actor:
    return Actor(
        ActorKind.api_key,
        client_id,
        tenant=tenant.id,
        grants=names_of(scopes),
        via=f"oauth:{client_id}",
    )
