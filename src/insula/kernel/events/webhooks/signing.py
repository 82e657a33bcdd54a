"""Signatures of webhooks, as Standard Webhooks has them: `v1` and, on wish, `v1a`.

A message is signed with every live secret, so that a receiver may change its own at
any moment while two are live.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from insula.kernel.foundation.errors import Unauthenticated

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SECRET_BYTES = 32
"""Within the 24 to 64 bytes that the specification asks for."""
TOLERANCE = timedelta(minutes=5)
LONGEST_ID = 256
MOST_SIGNATURES = 16
"""Signatures of one message that are looked at."""


class SignatureInvalid(Unauthenticated):
    """The message is not signed by whom it claims to be from."""

    code = "WEBHOOK_SIGNATURE_INVALID"


class TimestampInvalid(Unauthenticated):
    """The message is too old, or from the future."""

    code = "WEBHOOK_TIMESTAMP_INVALID"


def new_secret() -> str:
    """A shared secret, as it is shown to its owner."""
    return SECRET + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 key: the private half signs, the public half is given away."""

    private: str = field(repr=False)
    public: str


def new_key_pair() -> KeyPair:
    """A key pair for `v1a`."""
    key = Ed25519PrivateKey.generate()
    private = base64.b64encode(key.private_bytes_raw()).decode()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return KeyPair(PRIVATE + private, PUBLIC + public)


def sign(
    message_id: str, at: datetime, body: bytes, keys: Iterable[str]
) -> dict[str, str]:
    """The three headers of a message; each key is a `whsec_` or a `whsk_`."""
    stamp = str(int(at.timestamp()))
    content = _content(message_id, stamp, body)
    signatures = " ".join(_signature(key, content) for key in keys)
    return {ID: message_id, TIMESTAMP: stamp, SIGNATURE: signatures}


def verify(
    headers: Mapping[str, str], body: bytes, keys: Iterable[str], *, at: datetime
) -> str:
    """The id of a message that one of the keys signed (`whsec_` or `whpk_`).

    Raises ``SignatureInvalid`` or ``TimestampInvalid``. All keys are tried, in equal
    time, before anything is said.
    """
    message_id, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    given = headers.get(SIGNATURE, "").split(" ")[:MOST_SIGNATURES]
    if not 0 < len(message_id) <= LONGEST_ID:
        raise SignatureInvalid
    sent_at = _seconds(stamp)
    content = _content(message_id, stamp, body)
    good = [_matches(key, content, it) for key in keys for it in given]
    if not any(good):
        raise SignatureInvalid
    if abs(at.timestamp() - sent_at) > TOLERANCE.total_seconds():
        raise TimestampInvalid
    return message_id


def _content(message_id: str, stamp: str, body: bytes) -> bytes:
    return b".".join((message_id.encode(), stamp.encode(), body))


def _seconds(stamp: str) -> int:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise TimestampInvalid
    return int(stamp)


def _raw(key: str, prefix: str) -> bytes:
    return base64.b64decode(key.removeprefix(prefix))


def _mac(key: str, content: bytes) -> bytes:
    return hmac.digest(_raw(key, SECRET), content, hashlib.sha256)


def _signature(key: str, content: bytes) -> str:
    if key.startswith(PRIVATE):
        private = Ed25519PrivateKey.from_private_bytes(_raw(key, PRIVATE))
        return "v1a," + base64.b64encode(private.sign(content)).decode()
    return "v1," + base64.b64encode(_mac(key, content)).decode()


def _matches(key: str, content: bytes, signature: str) -> bool:
    version, _, encoded = signature.partition(",")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return False
    if key.startswith(PUBLIC):
        return version == "v1a" and _signed(key, content, given)
    return version == "v1" and hmac.compare_digest(_mac(key, content), given)


def _signed(key: str, content: bytes, signature: bytes) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(_raw(key, PUBLIC))
        public.verify(signature, content)
    except InvalidSignature:
        return False
    return True
