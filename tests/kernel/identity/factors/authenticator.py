"""A software authenticator: what a browser and its device do, as WebAuthn says it.

Its CBOR is written by hand, so that it shares no code with what it tests.
"""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def encoded(raw: bytes) -> str:
    """As JSON carries bytes here."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The bytes again."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: Any) -> bytes:
    """The canonical CBOR of what an attestation holds."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    pairs = b"".join(cbor(key) + cbor(it) for key, it in value.items())
    return _head(5, len(value)) + pairs


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4)):
        if number < 256**size:
            return bytes([major << 5 | code]) + number.to_bytes(size)
    raise ValueError(number)


@dataclass
class Key:
    """One passkey on the device."""

    private: EllipticCurvePrivateKey
    handle: bytes
    host: str
    id: bytes
    count: int = 0

    @property
    def cose(self) -> bytes:
        """The public key, as COSE writes one for ES256."""
        numbers = self.private.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32), numbers.y.to_bytes(32)
        return cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})


@dataclass
class Authenticator:
    """A browser at a page, and the device that it talks to.

    ``flags`` say what the device claims: by default that its user is there and known.
    """

    origin: str
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    id_length: int = 32
    keys: list[Key] = field(default_factory=list)

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a passkey; what ``PublicKeyCredential.toJSON()`` would give."""
        host, user = options["rp"]["id"], decoded(options["user"]["id"])
        key_id = secrets.token_bytes(self.id_length)
        key = Key(generate_private_key(SECP256R1()), user, host, key_id)
        self.keys.append(key)
        attested = bytes(16) + struct.pack(">H", len(key.id)) + key.id + key.cose
        data = self._data(key, self.flags | ATTESTED) + attested
        client = self._client("webauthn.create", options["challenge"])
        made = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": encoded(client),
            "attestationObject": encoded(made),
        }
        return self._credential(key, response | {"transports": ["internal"]})

    def get(self, options: Mapping[str, Any], key: Key | None = None) -> dict[str, Any]:
        """Use a passkey: the given one, else the last that the options allow."""
        allowed = {decoded(it["id"]) for it in options.get("allowCredentials", ())}
        held = [it for it in self.keys if not allowed or it.id in allowed]
        chosen = key or held[-1]
        chosen.count += self.counts
        data = self._data(chosen, self.flags)
        client = self._client("webauthn.get", options["challenge"])
        signed = data + hashlib.sha256(client).digest()
        response = {
            "clientDataJSON": encoded(client),
            "authenticatorData": encoded(data),
            "signature": encoded(chosen.private.sign(signed, ECDSA(SHA256()))),
            "userHandle": encoded(chosen.handle),
        }
        return self._credential(chosen, response)

    def _data(self, key: Key, flags: int) -> bytes:
        host = hashlib.sha256(key.host.encode()).digest()
        return host + bytes([flags]) + struct.pack(">I", key.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin}
        return json.dumps({**said, "crossOrigin": False}).encode()

    def _credential(self, key: Key, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": encoded(key.id),
            "rawId": encoded(key.id),
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }
