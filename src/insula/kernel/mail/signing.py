"""Signing (DKIM, RFC 6376): receivers can tell that a mail comes from its domain.

RSA with 2,048 bits and SHA-256: every receiver knows it, while Ed25519 (RFC 8463) is
still ignored by large ones, so that it could only ever be a second signature.
"""

import base64
import re
from dataclasses import dataclass

import dkim  # type: ignore[import-untyped]  # no stubs
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

BITS = 2048
SIGNED = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "auto-submitted",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
]
"""Headers that are signed; one that is absent can then not be added on the way."""
SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key of a domain, and the selector under which its public half is found."""

    domain: str
    selector: str
    pem: bytes

    @property
    def record_name(self) -> str:
        """Where the public half is to stand in the DNS."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """What is to stand there, as one TXT record."""
        return public_record(self.pem)


def make_key() -> bytes:
    """A new private key, in the form that ``SigningKey`` takes."""
    key = generate_private_key(public_exponent=65537, key_size=BITS)
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


def public_record(pem: bytes) -> str:
    """The TXT record of a private key's public half."""
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, RSAPrivateKey)
    public = key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def sign(content: bytes, key: SigningKey) -> bytes:
    """The mail with its signature in front."""
    header: bytes = dkim.sign(
        content,
        key.selector.encode(),
        key.domain.encode(),
        key.pem,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[name.encode() for name in SIGNED],
    )
    return header + content


def is_published(record: str, found: str) -> bool:
    """Whether the record that the DNS has holds the key that ours holds."""
    return _tags(record)["p"] == _tags(found).get("p") and (
        _tags(found).get("k", "rsa") == "rsa"
    )


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): SPACES.sub("", value) for name, _, value in pairs}
