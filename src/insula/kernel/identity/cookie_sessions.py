"""Cookie sessions: a browser keeps one opaque token, and scripts see nothing of it."""

from datetime import timedelta
from uuid import UUID

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.roles import RoleBook
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.authenticate import Found
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.identity.refresh import LIFETIME
from insula.kernel.identity.user_sessions import UserSessions
from insula.kernel.tenancy.tenant import Tenant

PREFIX = "inss"
DAY = timedelta(days=1)
"""How often the time is moved on at which an unused session ends."""

# Whoever holds the refresh token holds the session; from now on it is the cookie.
BAKE = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT s.tenant_id, s.id FROM home__.sessions s
         WHERE s.tenant_id = ctx.tenant_id AND s.id = $2::uuid
           AND s.revoked_at IS NULL AND s.kind = 'token' LIMIT 1 FOR UPDATE) o)
UPDATE home__.sessions s SET refresh_hash = $3::varchar, kind = 'cookie'
  FROM old WHERE (SELECT true FROM old)
   AND s.tenant_id = old.tenant_id AND s.id = old.id RETURNING 1"""  # noqa: S608  # our names
)
MOVE_ON = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT s.tenant_id, s.id FROM home__.sessions s
         WHERE s.tenant_id = ctx.tenant_id AND s.id = $2::uuid
           AND s.expires_at < $3::timestamptz LIMIT 1 FOR UPDATE SKIP LOCKED) o)
UPDATE home__.sessions s SET expires_at = $4::timestamptz
  FROM old WHERE (SELECT true FROM old)
   AND s.tenant_id = old.tenant_id AND s.id = old.id"""  # noqa: S608  # our names
)


class CookieSessions:
    """Makes cookies of sign-ins, and knows whose they are."""

    def __init__(self, key: bytes, book: RoleBook) -> None:
        self._tokens, self._book = OpaqueTokens(key, PREFIX), book

    @property
    def prefix(self) -> str:
        """How its credentials begin."""
        return PREFIX

    def tenant_of(self, text: str) -> UUID:
        """The tenant that a cookie names; raises ``Unauthenticated``."""
        return self._tokens.read(text).tenant_id

    async def bake(self, session: Session, session_id: UUID) -> str:
        """The cookie of a session that has just begun; its tokens are good no more."""
        token = self._tokens.make(session.tenant_id, session_id)
        if not await session.fetch(BAKE, session_id, self._tokens.hash(token)):
            raise Unauthenticated
        return token

    async def load(self, session: Session, tenant: Tenant, text: str) -> Found:
        """Whose cookie it is; one that is used lasts another week."""
        token = self._tokens.read(text)
        users = UserSessions(session, self._book)
        sign_in = await users.with_cookie(token.row_id, token.hash)
        if sign_in is None:
            raise Unauthenticated
        moment = now()
        until = moment + LIFETIME
        await session.fetch(MOVE_ON, token.row_id, until - DAY, until)
        actor = sign_in.actor(ActorKind.user, tenant.id, token.row_id)
        return Found(actor, None, (token.row_id,))
