"""SCRAM: a role's password in the form that PostgreSQL stores.

Sent in this form, it appears in no server log (``log_statement = ddl``).
"""

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 4096


def verifier(password: str) -> str:
    """What the server stores to recognise an ASCII password (RFC 5803)."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return (
        f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}"
        f"${_text(stored_key)}:{_text(server_key)}"
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
