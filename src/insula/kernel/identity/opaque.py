"""Opaque tokens: bearer secrets that say which row of which tenant knows their hash."""

import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple
from uuid import UUID

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.secret import derive

SECRET = 16
"""Random bytes of a token: more than can be guessed."""
MAC = 16


class OpaqueToken(NamedTuple):
    """A token taken apart: whose row it is about, and the hash that the row keeps."""

    tenant_id: UUID
    row_id: UUID
    hash: str


class OpaqueTokens:
    """Makes and reads tokens of one kind; ``prefix`` tells a finder what one is.

    Each carries a MAC of ours: what somebody made up is refused before any tenant is
    looked at, and so tells nothing of which tenants there are.
    """

    def __init__(self, key: bytes, prefix: str) -> None:
        self.prefix = prefix
        self._key = derive(key, f"token:{prefix}")
        self._shape = re.compile(rf"{prefix}_([A-Za-z0-9_-]{{86}})", re.ASCII)

    def make(self, tenant_id: UUID, row_id: UUID) -> str:
        """A new token; it cannot be made again."""
        named = tenant_id.bytes + row_id.bytes + secrets.token_bytes(SECRET)
        raw = base64.urlsafe_b64encode(named + self._mac(named))
        return f"{self.prefix}_{raw.decode().rstrip('=')}"

    def hash(self, token: str) -> str:
        """What the row keeps of a token."""
        return hashlib.sha256(token.encode()).hexdigest()

    def read(self, token: str) -> OpaqueToken:
        """Take a token of ours apart; raises ``Unauthenticated`` for any other."""
        found = self._shape.fullmatch(token)
        if found is None:
            raise Unauthenticated
        raw = base64.urlsafe_b64decode(found[1] + "==")
        named, mac = raw[:-MAC], raw[-MAC:]
        if not hmac.compare_digest(mac, self._mac(named)):
            raise Unauthenticated
        tenant_id, row_id = UUID(bytes=named[:16]), UUID(bytes=named[16:32])
        return OpaqueToken(tenant_id, row_id, self.hash(token))

    def _mac(self, named: bytes) -> bytes:
        return hmac.digest(self._key, named, "sha256")[:MAC]
