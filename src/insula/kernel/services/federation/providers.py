"""Providers as signing in reads them: which there are, and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.resource.declaration import Resource
from insula.kernel.services.federation.models import (
    IdentityProvider,
    Preset,
    ProviderKind,
)

PLACE = "identity_providers.secret"
READ = (
    "p.id, p.name, p.kind, p.preset, p.issuer, p.client_id, p.secret, p.domains,"
    " p.create_users, p.roles, p.sso_url, p.certificates"
)
ENABLED = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT {READ} FROM home__.identity_providers p
     WHERE p.tenant_id = ctx.tenant_id AND p.enabled AND p.deleted_at IS NULL
     ORDER BY p.name, p.id LIMIT 100) r"""  # noqa: S608  # our names
)
PROVED = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT d.name FROM home__.identity_domains d
     WHERE d.tenant_id = ctx.tenant_id AND d.name = $2::varchar
       AND d.verified_at IS NOT NULL AND d.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)

providers = Resource(
    IdentityProvider,
    kernel=True,
    filters=(IdentityProvider.enabled,),
    sort=(IdentityProvider.name,),
    hidden=(IdentityProvider.secret,),
    without=("create", "update", "delete"),  # offered with a proof of who asks
)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that people may sign in with at this moment."""

    id: UUID
    name: str
    preset: Preset
    issuer: str
    client_id: str
    sealed: str | None = field(repr=False)
    domains: tuple[str, ...] = ()
    create_users: bool = False
    roles: tuple[str, ...] = ()
    kind: ProviderKind = ProviderKind.oidc
    sso_url: str = ""
    certificates: tuple[str, ...] = ()

    def secret(self, sealer: Sealer, tenant_id: UUID) -> str | None:
        """What we show the provider to be ourselves; None of a public client."""
        if self.sealed is None:
            return None
        return sealer.open(tenant_id, PLACE, self.sealed).decode()


async def enabled(session: Session) -> Sequence[Provider]:
    """All providers of the tenant that are switched on, by their names."""
    return [_provider(row) for row in await session.fetch(ENABLED)]


async def find(session: Session, provider_id: UUID | None) -> Provider:
    """One that is switched on; raises ``NotFound``."""
    found = next((it for it in await enabled(session) if it.id == provider_id), None)
    if found is None:
        raise NotFound
    return found


async def proved(session: Session, domain: str) -> bool:
    """Whether a domain is known to be the tenant's."""
    return bool(await session.fetch(PROVED, domain))


def domain_of(email: str) -> str:
    """The domain of an address, as domains are kept."""
    return email.rpartition("@")[2].strip().rstrip(".").lower()


def _provider(row: Record) -> Provider:
    return Provider(
        id=row["id"],
        name=row["name"],
        preset=Preset(row["preset"]),
        issuer=row["issuer"],
        client_id=row["client_id"] or "",
        sealed=row["secret"],
        domains=_texts(row["domains"]),
        create_users=row["create_users"],
        roles=_texts(row["roles"]),
        kind=ProviderKind(row["kind"]),
        sso_url=row["sso_url"] or "",
        certificates=_texts(row["certificates"]),
    )


def _texts(value: bytes | str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(value, type=list[str]))
