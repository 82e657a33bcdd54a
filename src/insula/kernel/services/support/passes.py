"""Passes: the tokens with which an operator is inside a tenant, for as long as they may."""

from uuid import UUID

from insula.kernel.access.actor import SYSTEM_ROLES, Actor, ActorKind
from insula.kernel.database.session import Session
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.authenticate import Found
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.identity.operations import SupportView
from insula.kernel.identity.sessions import Account
from insula.kernel.services.support.models import Scope
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.tenant import Tenant

PREFIX = "insu"
VIA = "support:"
"""What the ``via`` of an operator's deeds in a tenant begins with."""

ROLES = {Scope.read: ("auditor",), Scope.manage: ("auditor", "manager")}
"""As which of the tenant's roles an operator acts: none that says who has access."""

LIVE = """
SELECT p.expires_at, a.id, a.scope, a.admin_id
  FROM control.support_passes p
  JOIN control.support_accesses a ON a.id = p.access_id
  JOIN control.admin_sessions s ON s.id = p.session_id
  JOIN control.system_admins o ON o.id = s.admin_id
 WHERE p.id = $1 AND p.hash = $2 AND a.tenant_id = $3 AND o.id = a.admin_id
   AND a.state = 'active' AND a.expires_at > $4 AND p.expires_at > $4
   AND s.revoked_at IS NULL AND s.expires_at > $4 AND o.disabled_at IS NULL
"""
BANNER = """
SELECT a.admin_id, a.operator, o.name, a.reason, a.scope, a.expires_at
  FROM control.support_accesses a
  LEFT JOIN control.system_admins o ON o.id = a.admin_id
 WHERE a.id = $1 AND a.tenant_id = $2
"""


def access_of(actor: Actor) -> UUID | None:
    """Through which access an actor is here; None for whoever is no operator."""
    via = actor.via or ""
    return UUID(via.removeprefix(VIA)) if via.startswith(VIA) else None


class Passes:
    """Knows passes again: one of the authenticator's sources.

    What is kept of one is dropped when the access ends, or the operator's own sign-in.
    """

    prefix = PREFIX

    def __init__(self, key: bytes, control: Control, clock: Clock = now) -> None:
        self.tokens, self._control, self._clock = (
            OpaqueTokens(key, PREFIX),
            control,
            clock,
        )

    def tenant_of(self, text: str) -> UUID:
        """The tenant that a pass is for; raises ``Unauthenticated``."""
        return self.tokens.read(text).tenant_id

    async def load(self, session: Session, tenant: Tenant, text: str) -> Found:  # noqa: ARG002  # the tenant keeps none of it
        """Who comes in with it; raises ``Unauthenticated``."""
        token = self.tokens.read(text)
        if token.tenant_id != tenant.id:
            raise Unauthenticated
        values = token.row_id, token.hash, tenant.id, self._clock()
        rows = await self._control.fetch(LIVE, *values)
        if not rows:
            raise Unauthenticated
        row = rows[0]
        roles = ROLES[Scope(row["scope"])]
        actor = Actor(
            ActorKind.operator,
            row["admin_id"],
            tenant=tenant.id,
            session=token.row_id,
            roles=roles,
            grants=[grant for role in roles for grant in SYSTEM_ROLES[role]],
            via=f"{VIA}{row['id']}",
        )
        names = row["id"], row["admin_id"], tenant.id
        return Found(actor, row["expires_at"].timestamp(), names)

    async def guest(self, actor: Actor) -> tuple[Account, SupportView] | None:
        """Who is inside, and what is shown all the while; None for the tenant's own."""
        access_id = access_of(actor)
        if access_id is None:
            return None
        rows = await self._control.fetch(BANNER, access_id, actor.tenant)
        if not rows:
            return None
        row, email = rows[0], rows[0]["operator"]
        account = Account(
            id=row["admin_id"],
            email=email,
            name=row["name"] or email,
            password=None,
            roles=actor.roles,
            grants=actor.grants,
        )
        until, why = row["expires_at"], {"reason": row["reason"], "scope": row["scope"]}
        return account, SupportView(operator=email, until=until, **why)
