"""Certificates: the keys with which SAML providers sign."""

import textwrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from pydantic_core import PydanticCustomError

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
LEAST_BITS = 2048


def checked_certificate(value: str) -> str:
    """An X.509 certificate as PEM; metadata has it without its first and last line.

    Nobody looks at its dates: providers sign with certificates of their own making, which
    are good for as long as the tenant trusts them.
    """
    text = value.strip()
    if not text.startswith(BEGIN):
        body = textwrap.fill("".join(text.split()), 64)
        text = f"{BEGIN}\n{body}\n{END}"
    try:
        found = load_pem_x509_certificate(text.encode())
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise PydanticCustomError(
            "certificate_invalid", "it is not an X.509 certificate"
        ) from None
    if isinstance(key, RSAPublicKey) and key.key_size >= LEAST_BITS:
        return found.public_bytes(Encoding.PEM).decode()
    if isinstance(key, EllipticCurvePublicKey):
        return found.public_bytes(Encoding.PEM).decode()
    raise PydanticCustomError(
        "certificate_weak", "its key is of a kind that is not taken, or too short"
    )
