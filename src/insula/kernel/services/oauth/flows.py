"""Flows: the ways in which a program comes by an access token (RFC 6749)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.identity.refresh import RefreshTokens
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import Identity
from insula.kernel.identity.tokens import LIFETIME
from insula.kernel.services.audit.noting import note
from insula.kernel.services.keys.scopes import included
from insula.kernel.services.oauth.codes import Codes
from insula.kernel.services.oauth.known import (
    Client,
    KnownClients,
    names_of,
    text_of,
)
from insula.kernel.services.oauth.refusals import Refusal, fields, told
from insula.kernel.services.oauth.statements import ADD_TOKEN, SESSION

NOT_GOOD = Refusal("invalid_grant", "It is not good: used, too old, or another's.")


@dataclass(frozen=True, slots=True)
class Flows:
    """The token endpoint of all tenants."""

    clients: KnownClients
    codes: Codes
    identity: Identity
    refresh: RefreshTokens
    own: OpaqueTokens
    """Access tokens of programs that act by themselves."""
    clock: Clock

    async def token(self, ctx: Context, call: Call) -> Reply:
        """Exchange a code, a refresh token or a secret for an access token."""
        origin = Origin(ctx.request_id, ctx.client, call.user_agent)
        try:
            form = fields(call.raw)
            client = await self.clients.authenticate(ctx.session, call, form)
            return told(await self._exchange(ctx, client, form, origin))
        except Refusal as refusal:
            return refusal.reply()

    async def _exchange(
        self, ctx: Context, client: Client, form: Mapping[str, str], origin: Origin
    ) -> Mapping[str, object]:
        match form.get("grant_type"):
            case "authorization_code":
                return await self._by_code(ctx, client, form, origin)
            case "refresh_token":
                return await self._by_refresh(ctx, client, form, origin)
            case "client_credentials":
                return await self._by_secret(ctx, client, form)
            case None:
                raise Refusal("invalid_request", "Say the grant_type.")
            case _:
                raise Refusal("unsupported_grant_type")

    async def _by_code(
        self, ctx: Context, client: Client, form: Mapping[str, str], origin: Origin
    ) -> Mapping[str, object]:
        _check_flow(client, "authorization_code")
        issued = await self.codes.redeem(ctx, client, form, origin)
        if issued is None:
            raise NOT_GOOD
        return _answer(issued.access_token, issued.scopes, issued.refresh_token)

    async def _by_refresh(
        self, ctx: Context, client: Client, form: Mapping[str, str], origin: Origin
    ) -> Mapping[str, object]:
        _check_flow(client, "authorization_code")
        text = form.get("refresh_token", "")
        try:
            token = self.refresh.read(text)
            rows = await ctx.session.fetch(SESSION, token.session)
            if not rows or rows[0]["client_id"] != client.id:
                raise NOT_GOOD
            scopes = names_of(rows[0]["scopes"])
            _check_same(form, scopes)
            realm = replace(self.identity.users(ctx), refresh=self.refresh)
            signed_in = await realm.renew(text, origin)
        except Unauthenticated:
            raise NOT_GOOD from None
        return _answer(signed_in.access_token, scopes, signed_in.refresh_token)

    async def _by_secret(
        self, ctx: Context, client: Client, form: Mapping[str, str]
    ) -> Mapping[str, object]:
        _check_flow(client, "client_credentials")
        scopes = wanted_scopes(form.get("scope"), client)
        moment, token_id = self.clock(), uuid7()
        text = self.own.make(ctx.tenant.id, token_id)
        until = moment + timedelta(seconds=LIFETIME)
        row = token_id, moment, client.id, self.own.hash(text), text_of(scopes), until
        async with ctx.session.transaction() as transaction:
            await transaction.fetch(ADD_TOKEN, *row)
            said = {"scopes": sorted(scopes)}
            about = "oauth_client", client.id
            await note(
                transaction, client.itself(ctx), "oauth.client_token", about, said
            )
        return _answer(text, scopes)


def wanted_scopes(asked: str | None, client: Client) -> frozenset[str]:
    """The scopes that a program asks for; all of its own if it names none."""
    if asked is None:
        return client.scopes
    scopes = frozenset(asked.split())
    if not scopes or not included(scopes, client.scopes):
        raise Refusal("invalid_scope", "The client may not ask for all of these.")
    return scopes


def _check_flow(client: Client, flow: str) -> None:
    if flow not in client.flows:
        raise Refusal("unauthorized_client", "The client may not do it this way.")


def _check_same(form: Mapping[str, str], scopes: frozenset[str]) -> None:
    """A refreshed token is good for what was granted: for no more, and no less."""
    asked = form.get("scope")
    if asked is not None and frozenset(asked.split()) != scopes:
        raise Refusal("invalid_scope", "It stays what was granted.")


def _answer(
    access_token: str, scopes: frozenset[str], refresh_token: str | None = None
) -> Mapping[str, object]:
    said: dict[str, object] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "scope": " ".join(sorted(scopes)),
    }
    if refresh_token is not None:
        said["refresh_token"] = refresh_token
    return said
