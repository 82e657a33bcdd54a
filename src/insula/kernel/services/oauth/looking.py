"""Looking and ending: what a token is good for, and that it is no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.pool import Record
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.identity.refresh import RefreshTokens
from insula.kernel.identity.sessions import Ending, Origin
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.tokens import TokenAudience, Tokens
from insula.kernel.services.audit.noting import note
from insula.kernel.services.oauth.known import Client, KnownClients, names_of
from insula.kernel.services.oauth.models import ClientKind
from insula.kernel.services.oauth.refusals import Refusal, fields, told
from insula.kernel.services.oauth.statements import END_TOKEN, SESSION, TOKEN

NOTHING: Mapping[str, Any] = {"active": False}


@dataclass(frozen=True, slots=True)
class Seen:
    """A token that is good: the row that it hangs on, and what is told of it."""

    session: UUID | None
    row: UUID
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Looking:
    """Revocation (RFC 7009) and introspection (RFC 7662), of a client's own tokens."""

    clients: KnownClients
    identity: Identity
    tokens: Tokens
    refresh: RefreshTokens
    own: OpaqueTokens
    clock: Clock

    async def introspect(self, ctx: Context, call: Call) -> Reply:
        """Tell a program what one of its tokens is good for."""
        try:
            form = fields(call.raw)
            client = await self.clients.authenticate(ctx.session, call, form)
            if client.kind is ClientKind.public:
                raise Refusal("invalid_client", "Prove who you are.", 401)
        except Refusal as refusal:
            return refusal.reply()
        seen = await self._see(ctx, client, form.get("token", ""))
        return told(NOTHING if seen is None else seen.told)

    async def revoke(self, ctx: Context, call: Call) -> Reply:
        """See that a token of a program, and what hangs on it, works no more."""
        try:
            form = fields(call.raw)
            client = await self.clients.authenticate(ctx.session, call, form)
        except Refusal as refusal:
            return refusal.reply()
        seen = await self._see(ctx, client, form.get("token", ""))
        if seen is not None and seen.session is None:
            async with ctx.session.transaction() as transaction:
                await transaction.fetch(END_TOKEN, seen.row, self.clock())
                about = "oauth_client", client.id
                await note(transaction, client.itself(ctx), "oauth.revoke", about)
        elif seen is not None and seen.session is not None:
            origin = Origin(ctx.request_id, ctx.client, call.user_agent)
            accounts = self.identity.users(ctx).accounts
            await accounts.end(seen.session, Ending.revoked, origin)
        if seen is not None:
            self.identity.left(seen.row)
        return told({})

    async def _see(self, ctx: Context, client: Client, text: str) -> Seen | None:
        """A token of that client, if it is good; all others look alike."""
        try:
            if text.startswith(f"{self.own.prefix}_"):
                return await self._own(ctx, client, text)
            if "." in text:
                return await self._access(ctx, client, text)
            return await self._refreshing(ctx, client, text)
        except Unauthenticated:
            return None

    async def _own(self, ctx: Context, client: Client, text: str) -> Seen | None:
        token = self.own.read(text)
        rows = await ctx.session.fetch(TOKEN, token.row_id, self.clock())
        if not rows or not compare_digest(rows[0]["hash"], token.hash):
            return None
        row = rows[0]
        if row["client_id"] != client.id:
            return None
        said = _told(client, names_of(row["scopes"]), token.row_id, str(client.id))
        times = {
            "iat": int(row["created_at"].timestamp()),
            "exp": int(row["expires_at"].timestamp()),
        }
        return Seen(None, token.row_id, {**said, **times, "token_type": "Bearer"})

    async def _access(self, ctx: Context, client: Client, text: str) -> Seen | None:
        claims = self.tokens.read(text)
        if claims.aud is not TokenAudience.tenant or claims.tenant_id != ctx.tenant.id:
            return None
        row = await self._session(ctx, client, claims.sid)
        if row is None or not await self._active(ctx, claims.sid, claims.sub):
            return None
        said = _told(client, names_of(row["scopes"]), claims.sid, str(claims.sub))
        more = {"iat": claims.iat, "exp": claims.exp, "token_type": "Bearer"}
        return Seen(claims.sid, claims.sid, {**said, **more})

    async def _refreshing(self, ctx: Context, client: Client, text: str) -> Seen | None:
        token = self.refresh.read(text)
        row = await self._session(ctx, client, token.session)
        if row is None or not compare_digest(row["refresh_hash"], token.hash):
            return None
        if not await self._active(ctx, token.session, row["user_id"]):
            return None
        scopes, whose = names_of(row["scopes"]), str(row["user_id"])
        said = _told(client, scopes, token.session, whose)
        until = int(row["expires_at"].timestamp())
        return Seen(token.session, token.session, {**said, "exp": until})

    async def _session(
        self, ctx: Context, client: Client, session_id: UUID
    ) -> Record | None:
        rows = await ctx.session.fetch(SESSION, session_id)
        return rows[0] if rows and rows[0]["client_id"] == client.id else None

    async def _active(self, ctx: Context, session_id: UUID, user_id: UUID) -> bool:
        accounts = self.identity.users(ctx).accounts
        return await accounts.active(session_id, user_id) is not None


def _told(
    client: Client, scopes: frozenset[str], row: UUID, subject: str
) -> Mapping[str, Any]:
    return {
        "active": True,
        "scope": " ".join(sorted(scopes)),
        "client_id": str(client.id),
        "sub": subject,
        "jti": str(row),
    }
