"""The vault: a key for every person, so that archives forget with us.

What is personal in a sealed archive is encrypted under its person's key, which no
archive holds. When the key is destroyed, every archive that was ever made loses what it
had of the person, wherever it lies.
"""

import base64
import os
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import NONCE, Sealer
from insula.kernel.tenancy.control import Control

PLACE = "subject_keys.key"
MOST = 10_000
"""Keys that are kept open during one piece of work."""

MAKE = """
INSERT INTO control.subject_keys (id, tenant_id, subject, subject_id, key)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, subject, subject_id) DO NOTHING
"""
FIND = """
SELECT key FROM control.subject_keys
 WHERE tenant_id = $1 AND subject = $2 AND subject_id = $3
"""
DESTROY = """
INSERT INTO control.subject_keys (id, tenant_id, subject, subject_id, destroyed_at)
VALUES ($1, $2, $3, $4, now()) ON CONFLICT (tenant_id, subject, subject_id)
DO UPDATE SET key = NULL,
              destroyed_at = COALESCE(subject_keys.destroyed_at, now())
"""


class KeyDestroyed(NotFound):
    """The person was erased: what was sealed under their key cannot be read any more."""

    code = "privacy.key_destroyed"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose key it is: a row of a table of people."""

    tenant_id: UUID
    subject: str
    subject_id: UUID


class SubjectVault:
    """Seals and opens values under the key of the person whom they are about."""

    def __init__(self, control: Control, sealer: Sealer) -> None:
        self._control, self._sealer = control, sealer
        self._open: dict[Person, AESGCM] = {}

    async def seal(self, person: Person, place: str, value: bytes) -> str:
        """The value as text; ``place`` is ``table.column``. Raises ``KeyDestroyed``."""
        cipher = await self._cipher(person)
        nonce = os.urandom(NONCE)
        sealed = cipher.encrypt(nonce, value, _bound(person, place))
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    async def open(self, person: Person, place: str, sealed: str) -> bytes:
        """The value again; raises ``KeyDestroyed`` when the person has been erased."""
        cipher = await self._cipher(person)
        raw = base64.urlsafe_b64decode(sealed)
        try:
            return cipher.decrypt(raw[:NONCE], raw[NONCE:], _bound(person, place))
        except InvalidTag:
            raise KeyDestroyed from None

    async def destroy(self, person: Person) -> None:
        """Destroy a person's key for ever; no other is made for them."""
        self._open.pop(person, None)
        key = person.tenant_id, person.subject, person.subject_id
        await self._control.fetch(DESTROY, uuid7(), *key)

    def forget(self) -> None:
        """Drop the keys that are open, so that a destroyed one is not used again."""
        self._open.clear()

    async def _cipher(self, person: Person) -> AESGCM:
        found = self._open.get(person)
        if found is None:
            if len(self._open) >= MOST:
                self._open.clear()
            found = self._open[person] = AESGCM(await self._key(person))
        return found

    async def _key(self, person: Person) -> bytes:
        whose = person.tenant_id, person.subject, person.subject_id
        rows = await self._control.fetch(FIND, *whose)
        if not rows:
            fresh = self._sealer.seal(person.tenant_id, PLACE, os.urandom(32))
            await self._control.fetch(MAKE, uuid7(), *whose, fresh)
            rows = await self._control.fetch(FIND, *whose)
        if not rows or rows[0]["key"] is None:
            raise KeyDestroyed
        return self._sealer.open(person.tenant_id, PLACE, rows[0]["key"])


def _bound(person: Person, place: str) -> bytes:
    return f"{person.tenant_id}:{person.subject}:{person.subject_id}:{place}".encode()
