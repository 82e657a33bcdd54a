"""Sealing: secrets at rest, readable only for their tenant and their column."""

import base64
import os
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from insula.kernel.foundation.secret import derive

NONCE = 12
"""Bytes; AES-GCM's usual length (NIST SP 800-38D)."""


class SealBroken(ValueError):
    """What was to be opened was sealed for another place, by another key, or changed."""


class Sealer:
    """Seals and opens with AES-256-GCM, under a key of its own for each tenant.

    The tenant and the column are authenticated with the text: moved to another row's
    tenant or another column it does not open.
    """

    def __init__(self, key: bytes) -> None:
        root = derive(key, "seal")
        self._cipher = lru_cache(maxsize=1024)(
            lambda tenant: AESGCM(derive(root, str(tenant)))
        )

    def seal(self, tenant_id: UUID, place: str, secret: bytes) -> str:
        """The secret as text to store; ``place`` is ``table.column``."""
        nonce = os.urandom(NONCE)
        sealed = self._cipher(tenant_id).encrypt(
            nonce, secret, _bound(tenant_id, place)
        )
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, tenant_id: UUID, place: str, sealed: str) -> bytes:
        """The secret again; raises ``SealBroken``."""
        try:
            raw = base64.urlsafe_b64decode(sealed)
            bound = _bound(tenant_id, place)
            return self._cipher(tenant_id).decrypt(raw[:NONCE], raw[NONCE:], bound)
        except (ValueError, InvalidTag):
            raise SealBroken("this does not open here") from None


def _bound(tenant_id: UUID, place: str) -> bytes:
    return f"{tenant_id}:{place}".encode()
