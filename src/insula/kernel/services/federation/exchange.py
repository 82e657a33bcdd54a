"""The exchange: an authorization code for what the provider says of a person."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote_plus
from uuid import UUID

import msgspec

from insula.kernel.services.federation.documents import Documents, Metadata
from insula.kernel.services.federation.fetching import Asking, fetch
from insula.kernel.services.federation.id_tokens import (
    Claims,
    Expected,
    key_id,
    read_id_token,
)
from insula.kernel.services.federation.problems import Untrusted
from insula.kernel.services.federation.providers import Provider

T = TypeVar("T")


class Tokens(msgspec.Struct, frozen=True):
    """What a provider answers to a code."""

    id_token: str
    access_token: str = ""


class UserInfo(msgspec.Struct, frozen=True):
    """What a provider says of a person when it is asked again."""

    sub: str
    email: str | None = None
    email_verified: bool | str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it came back, and what proves that we asked for it."""

    code: str
    verifier: str
    nonce: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """Talks to providers behind the back of the browser."""

    documents: Documents
    clock: Callable[[], float] = time.time

    async def claims(
        self, tenant_id: UUID, provider: Provider, secret: str | None, code: Code
    ) -> Claims:
        """What the provider says; raises ``Untrusted`` if it is not to be believed."""
        metadata = await self.documents.metadata(tenant_id, provider.issuer)
        tokens = await self._tokens(metadata, provider, secret, code)
        expected = Expected(provider.issuer, provider.client_id, code.nonce)
        claims = await self._read(tenant_id, metadata, tokens.id_token, expected)
        if claims.email is None and metadata.userinfo_endpoint and tokens.access_token:
            return await self._completed(metadata.userinfo_endpoint, tokens, claims)
        return claims

    async def _tokens(
        self, metadata: Metadata, provider: Provider, secret: str | None, code: Code
    ) -> Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code.code,
            "redirect_uri": code.redirect_uri,
            "code_verifier": code.verifier,
        }
        headers: Mapping[str, str] = {}
        ways = metadata.token_endpoint_auth_methods_supported
        if secret is None or "client_secret_basic" not in ways:
            form["client_id"] = provider.client_id
            form |= {} if secret is None else {"client_secret": secret}
        else:
            headers = {"authorization": _basic(provider.client_id, secret)}
        asking = Asking(metadata.token_endpoint, headers, form)
        status, body = await fetch(self.documents.client(), asking)
        if status != 200:
            raise Untrusted(f"the code was answered with {status}")
        return _decoded(body, Tokens, "the tokens cannot be read")

    async def _read(
        self, tenant_id: UUID, metadata: Metadata, token: str, expected: Expected
    ) -> Claims:
        """Read the token; a key that is not known yet may have come since."""
        url, wanted = metadata.jwks_uri, key_id(token)
        keys = await self.documents.keys(tenant_id, url)
        if wanted is not None and all(it.get("kid") != wanted for it in keys):
            keys = await self.documents.newer_keys(tenant_id, url) or keys
        return read_id_token(token, keys, expected, self.clock())

    async def _completed(self, url: str, tokens: Tokens, claims: Claims) -> Claims:
        headers = {"authorization": f"Bearer {tokens.access_token}"}
        status, body = await fetch(self.documents.client(), Asking(url, headers))
        if status != 200:
            return claims
        more = _decoded(body, UserInfo, "what it says of the person cannot be read")
        if more.sub != claims.sub:
            raise Untrusted("it speaks of two people")
        return msgspec.structs.replace(
            claims,
            email=more.email,
            email_verified=more.email_verified,
            name=claims.name or more.name,
        )


def _basic(client_id: str, secret: str) -> str:
    """Both encoded before they are joined (RFC 6749, 2.3.1)."""
    joined = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {b64encode(joined.encode()).decode()}"


def _decoded(body: bytes, kind: type[T], otherwise: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Untrusted(otherwise) from None
