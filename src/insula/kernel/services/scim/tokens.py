"""Tokens of directories, as credentials (``CredentialSource``)."""

from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.pool import Record
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.services.keys.sources import KeySource
from insula.kernel.services.keys.statements import find_in, used_in
from insula.kernel.tenancy.tenant import Tenant

PREFIX = "insc"
PROVISION = "scim.provision"
"""What a directory may do here, and nothing else."""
VIA = "scim:"


class ScimTokens(KeySource):
    """The tokens of all tenants' directories; each acts for itself."""

    find, used = find_in("scim_tokens", "roles"), used_in("scim_tokens")

    def __init__(self, key: bytes) -> None:
        self.tokens = OpaqueTokens(key, PREFIX)
        super().__init__(self.tokens, PREFIX)

    async def _actor(
        self, tenant: Tenant, key: Record
    ) -> tuple[Actor, tuple[UUID, ...]]:
        key_id: UUID = key["id"]
        actor = Actor(
            ActorKind.api_key,
            key_id,
            tenant=tenant.id,
            roles=msgspec.json.decode(key["roles"], type=list[str]),
            grants=(PROVISION,),
            via=f"{VIA}{key_id}",
        )
        return actor, (key_id,)
