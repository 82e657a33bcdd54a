"""Documents: what a provider publishes of itself, kept for a while (OIDC Discovery)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import msgspec

from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.events.webhooks.guard import AddressRefused, Policy
from insula.kernel.foundation.words import Words
from insula.kernel.services.federation.fetching import Asking, fetch
from insula.kernel.services.federation.problems import ProviderUnreachable

WELL_KNOWN = "/.well-known/openid-configuration"
KEPT = 3600.0
"""Seconds; a key that is missing is looked for sooner."""
REFRESH = 60.0
"""Seconds between two looks for a key that is missing, whoever asks for it."""
Key = Mapping[str, Any]
T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True):
    """The part of a provider's settings that signing in needs."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = msgspec.field(
        default_factory=lambda: ["client_secret_basic"]
    )
    authorization_response_iss_parameter_supported: bool = False


class KeySet(msgspec.Struct, frozen=True):
    """The keys with which a provider signs."""

    keys: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Documents:
    """Reads providers' documents for one tenant after the other."""

    client: Callable[[], httpx2.AsyncClient]
    policy: Callable[[], Policy]
    cache: Cache

    async def metadata(self, tenant_id: UUID, issuer: str) -> Metadata:
        """The settings of an issuer, who must own up to them."""

        async def make() -> bytes:
            body = await self._get(issuer.rstrip("/") + WELL_KNOWN)
            found = _decoded(body, Metadata)
            if found.issuer != issuer:
                raise ProviderUnreachable(reason=Words("it says to be another issuer"))
            self._check(found)
            return body

        kept = await self.cache.of(tenant_id).remember(
            f"oidc.metadata:{issuer}", CacheClass.config, make, ttl=KEPT
        )
        return _decoded(kept, Metadata)

    async def keys(self, tenant_id: UUID, url: str) -> Sequence[Key]:
        """The keys behind a provider's address."""
        kept = await self.cache.of(tenant_id).remember(
            f"oidc.keys:{url}", CacheClass.config, lambda: self._keys(url), ttl=KEPT
        )
        return _decoded(kept, KeySet).keys

    async def newer_keys(self, tenant_id: UUID, url: str) -> Sequence[Key]:
        """The keys as they are now, or none if somebody looked a moment ago."""
        cache, key = self.cache.of(tenant_id), f"oidc.keys:{url}"
        if await cache.count(f"{key}:looks", within=REFRESH) > 1:
            return ()
        mark = await cache.mark(key, CacheClass.config, ttl=KEPT)
        body = await self._keys(url)
        await cache.put(mark, body)
        return _decoded(body, KeySet).keys

    async def _keys(self, url: str) -> bytes:
        body = await self._get(url)
        _decoded(body, KeySet)
        return body

    async def _get(self, url: str) -> bytes:
        status, body = await fetch(self.client(), Asking(url))
        if status != 200:
            raise ProviderUnreachable(
                reason=Words("it answers {status}", status=status)
            )
        return body

    def _check(self, found: Metadata) -> None:
        """Refuse addresses to which neither we nor a browser should be sent."""
        given = (
            found.authorization_endpoint,
            found.token_endpoint,
            found.jwks_uri,
            found.userinfo_endpoint,
        )
        try:
            for url in filter(None, given):
                self.policy().check(httpx2.URL(url))
        except (AddressRefused, httpx2.InvalidURL):
            reason = Words("it names an address that is refused")
            raise ProviderUnreachable(reason=reason) from None


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reason = Words("what it publishes cannot be read")
        raise ProviderUnreachable(reason=reason) from None
