"""Access tokens: signed, short-lived, each bound to a session that can be revoked."""

import re
from enum import StrEnum
from time import time
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.secret import derive

LIFETIME = 3600
"""Seconds for which an access token is good (S0-50)."""
LONGEST = 4096
"""Characters of the longest token that is looked at."""

SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]{86}", re.ASCII)
ALGORITHMS = ["Ed25519"]
"""By its name of RFC 9864; what the header says never chooses anything."""


class TokenAudience(StrEnum):
    """Which surface a token opens; the other refuses it (S1-02)."""

    tenant = "tenant"
    operator = "operator"


class Claims(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a token says: who, in which session, and for how long."""

    iss: str
    aud: TokenAudience
    sub: UUID
    sid: UUID
    iat: int
    exp: int
    tenant_id: UUID | None = None


class Tokens:
    """Issues access tokens and reads them, with a key derived from the root key."""

    def __init__(self, key: bytes, issuer: str) -> None:
        self._issuer = issuer
        self._private = OKPKey.derive_key(derive(key, "token:ed25519"))
        self._header = {
            "alg": ALGORITHMS[0],
            "kid": self._private.thumbprint(),
            "typ": "at+jwt",
        }
        public = OKPKey.import_key(self._private.as_dict(private=False))
        self._keys = {self._sign(b"{}").partition(".")[0]: public}
        self._decode = msgspec.json.Decoder(Claims).decode

    def _sign(self, payload: bytes) -> str:
        return jws.serialize_compact(
            dict(self._header), payload, self._private, algorithms=ALGORITHMS
        )

    def claims(
        self,
        audience: TokenAudience,
        subject: UUID,
        session: UUID,
        tenant_id: UUID | None = None,
    ) -> Claims:
        """What a token that is issued now says."""
        moment = int(time())
        return Claims(
            iss=self._issuer,
            aud=audience,
            sub=subject,
            sid=session,
            iat=moment,
            exp=moment + LIFETIME,
            tenant_id=tenant_id,
        )

    def issue(self, claims: Claims) -> str:
        """The signed token."""
        return self._sign(msgspec.json.encode(claims))

    def read(self, token: str) -> Claims:
        """What a token says, if it is ours and still good; else ``Unauthenticated``.

        Its header must be the very text of ours: so there is no algorithm, type or
        key id to choose, and nothing in it that needs a parser.
        """
        if len(token) > LONGEST or not SHAPE.fullmatch(token):
            raise Unauthenticated
        key = self._keys.get(token.partition(".")[0])
        if key is None:
            raise Unauthenticated
        try:
            signed = jws.deserialize_compact(token, key, algorithms=ALGORITHMS)
            claims = self._decode(signed.payload or b"")
        except (JoseError, msgspec.DecodeError):
            raise Unauthenticated from None
        if claims.iss != self._issuer or claims.exp <= time():
            raise Unauthenticated
        if (claims.aud is TokenAudience.tenant) is (claims.tenant_id is None):
            raise Unauthenticated
        return claims
