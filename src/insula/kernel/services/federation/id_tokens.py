"""ID tokens: a provider's signed word, believed only if it is meant for this sign-in."""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from insula.kernel.services.federation.models import LONGEST_SUBJECT, Preset
from insula.kernel.services.federation.problems import Untrusted

ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
"""Signatures by a key pair alone: with a shared secret whoever checks could sign."""
KINDS = ("RSA", "EC", "OKP")
MOST_KEYS = 20
LONGEST = 32 * 1024
LEEWAY = 60.0
"""Seconds by which clocks may differ."""
YES = (True, 1, "true", "1")
"""How providers write down that something is so."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says, as far as we ask."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str = ""
    azp: str | None = None
    nbf: float = 0.0
    email: str | None = None
    email_verified: bool | str | None = None
    name: str | None = None
    xms_edov: bool | str | int | None = None
    """Microsoft: whether the owner of the address's domain vouches for it."""

    def email_proved(self, preset: Preset) -> bool:
        """Whether the provider says that the address is this person's.

        In a directory of Microsoft anybody may write any address: `email_verified`
        alone is believed of others, `xms_edov` of them.
        """
        word = self.xms_edov if preset is Preset.microsoft else self.email_verified
        return word in YES


@dataclass(frozen=True, slots=True)
class Expected:
    """For whom, by whom and for which sign-in a token must be."""

    issuer: str
    client_id: str
    nonce: str


def key_id(token: str) -> str | None:
    """Which key a token says to be signed with; raises ``Untrusted``."""
    return _header(token).get("kid")


def read_id_token(
    token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, at: float
) -> Claims:
    """What a token says, if it is to be believed; else ``Untrusted``."""
    header = _header(token)
    payload = _signed(token, header, keys)
    try:
        claims = msgspec.json.decode(payload, type=Claims)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Untrusted("its claims cannot be read") from None
    _check(claims, expected, at)
    return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > LONGEST:
        raise Untrusted("it is too long")
    part = token.partition(".")[0]
    try:
        header = msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Untrusted("it is no signed token") from None
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
        raise Untrusted("it is signed in a way that is not allowed")
    return header


def _signed(
    token: str, header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]
) -> bytes:
    for key in _fitting(header, keys):
        try:
            return jws.deserialize_compact(token, key, algorithms=ALGORITHMS).payload
        except (JoseError, ValueError):
            continue
    raise Untrusted("no key of the provider has signed it")


def _fitting(
    header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]
) -> Iterator[Key]:
    """The public keys that could have signed a token with this header."""
    wanted = header.get("kid")
    for key in keys[:MOST_KEYS]:
        other = wanted is not None and key.get("kid") not in (None, wanted)
        if other or key.get("kty") not in KINDS or key.get("use", "sig") != "sig":
            continue
        if key.get("alg", header["alg"]) != header["alg"]:
            continue
        try:
            yield JWKRegistry.import_key(dict(key))
        except (JoseError, ValueError, TypeError):
            continue


def _check(claims: Claims, expected: Expected, at: float) -> None:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != expected.issuer:
        raise Untrusted("it is by another issuer")
    if expected.client_id not in audience:
        raise Untrusted("it is for somebody else")
    if (len(audience) > 1 or claims.azp) and claims.azp != expected.client_id:
        raise Untrusted("it was issued to somebody else")
    if claims.exp + LEEWAY <= at:
        raise Untrusted("it is too old")
    if max(claims.iat, claims.nbf) - LEEWAY > at:
        raise Untrusted("it is of the future")
    if not hmac.compare_digest(claims.nonce.encode(), expected.nonce.encode()):
        raise Untrusted("it belongs to another sign-in")
    if not 0 < len(claims.sub) <= LONGEST_SUBJECT or "\x00" in claims.sub:
        raise Untrusted("its subject cannot be kept")
