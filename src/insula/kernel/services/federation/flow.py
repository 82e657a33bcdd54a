"""The flow: out to a provider and back, by the same browser, once (RFC 6749, OIDC Core)."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.foundation.secret import derive
from insula.kernel.identity.one_time import OneTime, OneTimeTokens, TokenSpent
from insula.kernel.services.audit.noting import note
from insula.kernel.services.federation.exchange import Code, Exchange
from insula.kernel.services.federation.id_tokens import Claims
from insula.kernel.services.federation.models import Preset
from insula.kernel.services.federation.problems import (
    SignInDeclined,
    SignInRefused,
    Untrusted,
)
from insula.kernel.services.federation.providers import Provider, find

PURPOSE = "oidc"
LIFETIME = timedelta(minutes=10)
SCOPE = "openid email profile"


class Begun(NamedTuple):
    """Where to send the browser, and what it must come back with."""

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class Return:
    """What the browser came back with; ``verifier`` proves that it is the same one."""

    state: str
    code: str = ""
    error: str | None = None
    issuer: str | None = None
    verifier: str = ""


class Person(NamedTuple):
    """Whom a provider speaks of; an address only if it vouches for it."""

    subject: str
    email: str | None
    name: str | None


class Known(NamedTuple):
    """What a provider says, and what was asked for when the sign-in began."""

    provider: Provider
    person: Person
    return_to: str
    linking: UUID | None


class Flow:
    """Sends people out and believes what they bring back, if it is theirs.

    Nonce and PKCE's verifier follow from the state and a key of ours: nothing of them
    is kept, or given to anybody before its time.
    """

    def __init__(
        self,
        key: bytes,
        sealer: Sealer,
        one_time: Callable[[], OneTimeTokens],
        exchange: Exchange,
    ) -> None:
        self._key, self._sealer = derive(key, "oidc flow"), sealer
        self._one_time, self._exchange = one_time, exchange

    async def begin(
        self,
        ctx: Context,
        provider: Provider,
        redirect_uri: str,
        *,
        challenge: str,
        return_to: str,
        linking: UUID | None = None,
    ) -> Begun:
        """Begin a sign-in; who ends it has what ``challenge`` is the digest of."""
        documents = self._exchange.documents
        metadata = await documents.metadata(ctx.tenant.id, provider.issuer)
        kept = {
            "provider": str(provider.id),
            "challenge": challenge,
            "redirect_uri": redirect_uri,
            "return_to": return_to,
        }
        async with ctx.session.transaction() as transaction:
            state = await self._one_time().issue(
                transaction, PURPOSE, linking, LIFETIME, kept
            )
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": self._derived("nonce", state),
            "code_challenge": digest(self._derived("verifier", state)),
            "code_challenge_method": "S256",
            **_extras(provider),
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        url = f"{metadata.authorization_endpoint}{joint}{urlencode(asked)}"
        return Begun(url, state)

    async def end(self, ctx: Context, came: Return) -> Known:
        """What the provider says of whoever came back; raises what stops them."""
        kept = await self._redeemed(ctx, came)
        try:
            provider = await find(ctx.session, parse_uuid(kept.data["provider"]))
        except NotFound:
            raise TokenSpent from None
        try:
            claims = await self._claims(ctx, provider, came, kept.data)
        except Untrusted as reason:
            await refuse(ctx, provider, str(reason))
            raise SignInRefused from None
        return_to = kept.data["return_to"]
        return Known(provider, _person(provider, claims), return_to, kept.subject_id)

    async def _redeemed(self, ctx: Context, came: Return) -> OneTime:
        """The sign-in that the state belongs to, which is over from now on."""
        async with ctx.session.transaction() as transaction:
            kept = await self._one_time().redeem(transaction, PURPOSE, came.state)
        given = digest(came.verifier)
        if not hmac.compare_digest(given, kept.data["challenge"]):
            raise TokenSpent
        return kept

    async def _claims(
        self, ctx: Context, provider: Provider, came: Return, kept: Mapping[str, Any]
    ) -> Claims:
        await self._check_issuer(ctx, provider, came)
        if came.error is not None or not came.code:
            raise SignInDeclined(error=came.error or "no code")
        code = Code(
            came.code,
            self._derived("verifier", came.state),
            self._derived("nonce", came.state),
            kept["redirect_uri"],
        )
        tenant_id = ctx.tenant.id
        secret = provider.secret(self._sealer, tenant_id)
        return await self._exchange.claims(tenant_id, provider, secret, code)

    async def _check_issuer(
        self, ctx: Context, provider: Provider, came: Return
    ) -> None:
        """Whoever answers must be whom we asked (RFC 9207)."""
        documents = self._exchange.documents
        metadata = await documents.metadata(ctx.tenant.id, provider.issuer)
        says_so = metadata.authorization_response_iss_parameter_supported
        if came.issuer is None and not says_so:
            return
        if came.issuer != provider.issuer:
            raise Untrusted("the answer is by another issuer")

    def _derived(self, what: str, state: str) -> str:
        mac = hmac.digest(self._key, f"{what}:{state}".encode(), "sha256")
        return urlsafe_b64encode(mac).decode().rstrip("=")


def _person(provider: Provider, claims: Claims) -> Person:
    proved = claims.email_proved(provider.preset)
    return Person(claims.sub, claims.email if proved else None, claims.name)


def digest(verifier: str) -> str:
    """PKCE's S256 of a verifier (RFC 7636)."""
    raw = sha256(verifier.encode()).digest()
    return urlsafe_b64encode(raw).decode().rstrip("=")


async def refuse(ctx: Context, provider: Provider, reason: str) -> None:
    """Write down why somebody was not let in; they are not told."""
    row = "identity_providers", provider.id
    await note(ctx.session, ctx, "auth.sso_refused", row, {"reason": reason})


def _extras(provider: Provider) -> Mapping[str, str]:
    """What a preset asks beyond the standard; a hint is no check."""
    if provider.preset is Preset.google and len(provider.domains) == 1:
        return {"hd": provider.domains[0]}
    return {}
