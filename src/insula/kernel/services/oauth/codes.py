"""Authorization codes: issued to whoever was let, exchanged once for a session."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.database.pool import Record
from insula.kernel.database.session import JointSession, Session
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity import refresh
from insula.kernel.identity.opaque import OpaqueToken, OpaqueTokens
from insula.kernel.identity.refresh import RefreshTokens
from insula.kernel.identity.sessions import Accounts, Ending, Opening, Origin
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.services.audit.noting import note
from insula.kernel.services.oauth.known import Client, acting, names_of, text_of
from insula.kernel.services.oauth.statements import (
    ADD_CODE,
    GRANT,
    LOCK_CODE,
    USE_CODE,
)

CODE = "insg"
LASTING = timedelta(seconds=60)
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
"""RFC 7636, 4.1."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a program asks somebody for, checked."""

    client: Client
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    state: str | None


@dataclass(frozen=True, slots=True)
class Issued:
    """What a program gets that acts for somebody."""

    access_token: str
    refresh_token: str
    scopes: frozenset[str]


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier, by S256 (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Codes:
    """The authorization codes of all tenants."""

    def __init__(
        self,
        key: bytes,
        identity: Identity,
        tokens: RefreshTokens,
        *,
        clock: Clock = now,
    ) -> None:
        self._codes, self._identity, self._refresh = (
            OpaqueTokens(key, CODE),
            identity,
            tokens,
        )
        self._clock = clock

    async def issue(self, ctx: Context, actor: Actor, wanted: Wanted) -> str:
        """A code for what somebody lets a program do; it is remembered that they do."""
        moment, code_id, client = self._clock(), uuid7(), wanted.client
        text = self._codes.make(ctx.tenant.id, code_id)
        scopes = text_of(wanted.scopes)
        async with ctx.session.transaction() as transaction:
            await transaction.fetch(GRANT, uuid7(), moment, actor.id, client.id, scopes)
            await transaction.fetch(
                ADD_CODE,
                code_id,
                moment,
                client.id,
                actor.id,
                self._codes.hash(text),
                wanted.redirect_uri,
                scopes,
                wanted.challenge,
                msgspec.json.encode(actor.factors).decode(),
                moment + LASTING,
            )
            said = {"scopes": sorted(wanted.scopes)}
            row = "oauth_client", client.id
            theirs = acting(ctx, actor)
            await note(transaction, theirs, "oauth_grants.approve", row, said)
        return text

    async def redeem(
        self, ctx: Context, client: Client, form: Mapping[str, str], origin: Origin
    ) -> Issued | None:
        """What comes of a code, once; None for one that is refused.

        A code that comes a second time is in foreign hands: what came of it ends. It
        answers rather than raises, for that must commit.
        """
        try:
            code = self._codes.read(form.get("code", ""))
        except Unauthenticated:
            return None
        if code.tenant_id != ctx.tenant.id:
            return None
        async with ctx.session.joint() as session:
            rows = await session.whole.fetch(LOCK_CODE, code.row_id)
            row = rows[0] if rows else None
            if row is None or not _theirs(row, code, client):
                return None
            if row["used_at"] is not None:
                await self._end(ctx, session, row, origin)
                issued = None
            elif self._good(row, form):
                issued = await self._open(ctx, session, (code.row_id, row), origin)
            else:
                issued = None
        if row["used_at"] is not None and row["session_id"] is not None:
            self._identity.left(row["session_id"])
        return issued

    def _good(self, row: Record, form: Mapping[str, str]) -> bool:
        verifier = form.get("code_verifier", "")
        return (
            row["expires_at"] > self._clock()
            and form.get("redirect_uri") == row["redirect_uri"]
            and VERIFIER.fullmatch(verifier) is not None
            and compare_digest(challenge_of(verifier), row["challenge"])
        )

    async def _end(
        self, ctx: Context, session: Session, row: Record, origin: Origin
    ) -> None:
        if row["session_id"] is None:
            return
        await self._accounts(ctx, session).end(row["session_id"], Ending.reuse, origin)

    def _accounts(self, ctx: Context, session: Session) -> Accounts:
        return self._identity.users(acting(ctx, ctx.actor, session)).accounts

    async def _open(
        self,
        ctx: Context,
        session: JointSession,
        code: tuple[UUID, Record],
        origin: Origin,
    ) -> Issued | None:
        """A session in which the program acts for whoever let it."""
        code_id, row = code
        realm = self._identity.users(ctx)
        accounts = self._accounts(ctx, session)
        account = await accounts.get(row["user_id"])
        if account is None:
            return None
        moment, session_id = self._clock(), uuid7()
        text = self._refresh.make(session_id, 0)
        scopes = names_of(row["scopes"])
        opening = Opening(
            session=session_id,
            refresh_hash=self._refresh.hash(text),
            at=moment,
            expires_at=moment + refresh.LIFETIME,
            password=None,
            factors=msgspec.json.decode(row["factors"], type=tuple[str, ...]),
            kind="oauth",
            client_id=row["client_id"],
            scopes=tuple(sorted(scopes)),
        )
        if not await accounts.open(account, opening, origin):
            return None
        await session.whole.fetch(USE_CODE, code_id, moment, session_id)
        claims = realm.tokens.claims(
            TokenAudience.tenant, account.id, session_id, ctx.tenant.id
        )
        return Issued(realm.tokens.issue(claims), text, scopes)


def _theirs(row: Record, code: OpaqueToken, client: Client) -> bool:
    return row["client_id"] == client.id and compare_digest(row["hash"], code.hash)
