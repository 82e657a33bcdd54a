"""Access tokens: signed, short-lived, each bound to a session that can be revoked."""

import re
from enum import StrEnum
from time import time
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.key_ring import ALGORITHM, LIFETIME, KeyRing

__all__ = ["LIFETIME", "LONGEST", "Claims", "TokenAudience", "Tokens"]

LONGEST = 4096
"""Characters of the longest token that is looked at."""

SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]{86}", re.ASCII)
ALGORITHMS = [ALGORITHM]


class TokenAudience(StrEnum):
    """Which surface a token opens; the other refuses it (S1-02)."""

    tenant = "tenant"
    operator = "operator"
    portal = "portal"


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
    """Issues access tokens and reads them, with the keys of a ring.

    The ring begins with a key that follows from the root key.
    """

    def __init__(self, key: bytes, issuer: str) -> None:
        self._issuer, self.ring = issuer, KeyRing(key)
        self._decode = msgspec.json.Decoder(Claims).decode

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
        signer = self.ring.signer()
        assert signer.private is not None
        header = {"alg": ALGORITHM, "kid": signer.kid, "typ": "at+jwt"}
        payload = msgspec.json.encode(claims)
        return jws.serialize_compact(
            header, payload, signer.private, algorithms=ALGORITHMS
        )

    def read(self, token: str) -> Claims:
        """What a token says, if it is ours and still good; else ``Unauthenticated``.

        Its header must be the very text of ours: so there is no algorithm, type or
        key id to choose, and nothing in it that needs a parser.
        """
        if len(token) > LONGEST or not SHAPE.fullmatch(token):
            raise Unauthenticated
        key = self.ring.believed(token.partition(".")[0])
        if key is None:
            raise Unauthenticated
        try:
            signed = jws.deserialize_compact(token, key, algorithms=ALGORITHMS)
            claims = self._decode(signed.payload or b"")
        except (JoseError, msgspec.DecodeError):
            raise Unauthenticated from None
        if claims.iss != self._issuer or claims.exp <= time():
            raise Unauthenticated
        if (claims.aud is TokenAudience.operator) is not (claims.tenant_id is None):
            raise Unauthenticated
        return claims
