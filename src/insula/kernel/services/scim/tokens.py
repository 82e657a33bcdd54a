"""Tokens of directories, as credentials (``CredentialSource``)."""

from contextlib import suppress
from datetime import timedelta
from hmac import compare_digest
from uuid import UUID

import asyncpg
import msgspec

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.authenticate import Found
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.tenancy.tenant import Tenant

PREFIX = "insc"
PROVISION = "scim.provision"
"""What a directory may do here, and nothing else."""
VIA = "scim:"
NOTED = timedelta(minutes=1)
"""How far behind the noted last use of a token may be."""
FULL = (asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError)
"""A database that takes no note can still be read with a token."""

FIND = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT k.id, k.hash, k.roles, k.expires_at, k.revoked_at, k.last_used_at
      FROM home__.scim_tokens k
     WHERE k.tenant_id = ctx.tenant_id AND k.id = $2::uuid
       AND k.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)
USED = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT k.tenant_id, k.id FROM home__.scim_tokens k
         WHERE k.tenant_id = ctx.tenant_id AND k.id = $2::uuid
           AND (k.last_used_at IS NULL OR k.last_used_at <= $4::timestamptz)
         LIMIT 1 FOR UPDATE SKIP LOCKED) o)
UPDATE home__.scim_tokens k SET last_used_at = $3::timestamptz
  FROM old WHERE (SELECT true FROM old)
   AND k.tenant_id = old.tenant_id AND k.id = old.id"""  # noqa: S608  # our names
)


class ScimTokens:
    """The tokens of all tenants' directories; each acts for itself."""

    prefix = PREFIX

    def __init__(self, key: bytes) -> None:
        self.tokens = OpaqueTokens(key, PREFIX)

    def tenant_of(self, text: str) -> UUID:
        """The tenant of a token that was made here; raises ``Unauthenticated``."""
        return self.tokens.read(text).tenant_id

    async def load(self, session: Session, tenant: Tenant, text: str) -> Found:
        """Which directory it is at this moment; raises ``Unauthenticated``."""
        token, moment = self.tokens.read(text), now()
        rows = await session.fetch(FIND, token.row_id)
        if not rows or not compare_digest(rows[0]["hash"], token.hash):
            raise Unauthenticated
        row: Record = rows[0]
        expires = row["expires_at"]
        if row["revoked_at"] is not None or (expires and expires <= moment):
            raise Unauthenticated
        if row["last_used_at"] is None or row["last_used_at"] <= moment - NOTED:
            with suppress(*FULL):
                await session.fetch(USED, row["id"], moment, moment - NOTED)
        actor = Actor(
            ActorKind.api_key,
            token.row_id,
            tenant=tenant.id,
            roles=msgspec.json.decode(row["roles"], type=list[str]),
            grants=(PROVISION,),
            via=f"{VIA}{token.row_id}",
        )
        return Found(actor, expires and expires.timestamp(), (token.row_id,))
