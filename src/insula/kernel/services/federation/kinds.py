"""Kinds: what a provider must be said of, by the protocol that it speaks."""

from collections.abc import Mapping
from typing import Any

import httpx2

from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.services.federation.models import Preset, ProviderKind
from insula.kernel.services.federation.saml.toolkit import toolkit

NEEDED = {
    ProviderKind.oidc: ("client_id",),
    ProviderKind.saml: ("sso_url", "certificates"),
}
PRESENT = Words("It is needed for a provider of this kind.")
ABSENT = Words("It is of no use for a provider of this kind.")


def check_kind(asked: Mapping[str, Any], *, secret: bool) -> None:
    """Raise ``Invalid`` for what the kind needs, or a secret that would serve nothing."""
    kind = ProviderKind(asked["kind"])
    for name in NEEDED[kind]:
        if not asked.get(name):
            raise Invalid(FieldError(name, "missing", PRESENT))
    if kind is ProviderKind.oidc:
        _check_issuer(asked["issuer"])
        return
    toolkit()
    if secret:
        raise Invalid(FieldError("client_secret", "not_of_this_kind", ABSENT))
    if asked["preset"] != Preset.generic:
        raise Invalid(FieldError("preset", "not_of_this_kind", ABSENT))


def _check_issuer(value: str) -> None:
    """An absolute http(s) URL; whether it may be connected to is seen when it is."""
    try:
        url = httpx2.URL(value)
    except (httpx2.InvalidURL, ValueError):
        said = Words("It is not a URL.")
        raise Invalid(FieldError("issuer", "issuer_invalid", said)) from None
    plain = not (url.userinfo or url.query or url.fragment)
    if url.scheme not in ("https", "http") or not url.host or not plain:
        said = Words("It must be a https URL with a host, and nothing behind.")
        raise Invalid(FieldError("issuer", "issuer_invalid", said))
