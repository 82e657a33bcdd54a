"""Codes of an authenticator app: six digits that change every half minute (RFC 6238).

Pure: whoever keeps the secrets keeps also, for each, the step of the last code that was
accepted, and moves it on in the statement that accepts the next one.
"""

import base64
import hmac
import re
import secrets
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlencode

STEP = 30
"""Seconds for which a code is shown."""
DIGITS = 6
WINDOW = 1
"""Steps by which a clock may be wrong, either way (RFC 6238, section 5.2)."""
SECRET_BYTES = 20
"""What RFC 4226 recommends, and all that some apps can take."""

Hash = Literal["sha1", "sha256", "sha512"]
BLANKS = re.compile(r"[\s-]")


def new_secret() -> bytes:
    """A secret for one authenticator app."""
    return secrets.token_bytes(SECRET_BYTES)


def spelled(secret: bytes) -> str:
    """The secret as people type it into an app that cannot scan."""
    return base64.b32encode(secret).decode().rstrip("=")


def enrolment_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """What a QR code says, so that an app adds the account by itself."""
    # A colon parts the two, so neither may have one of its own.
    issuer, account = issuer.replace(":", " "), account.replace(":", " ")
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    query = urlencode({"secret": spelled(secret), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def step_at(moment: datetime) -> int:
    """The number of the step that a moment is in."""
    return int(moment.timestamp()) // STEP


def code_of(
    secret: bytes, step: int, *, digits: int = DIGITS, algorithm: Hash = "sha1"
) -> str:
    """The code of one step (RFC 4226, section 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8), algorithm)
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4]) & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def verify(
    secret: bytes, code: str, at: datetime, last_step: int | None = None
) -> int | None:
    """The step that the code is of; None if it is wrong or was used before.

    A step up to the last one that was accepted counts as used. It takes as long for a
    right code as for a wrong one.
    """
    given = BLANKS.sub("", code).encode()
    present, found = step_at(at), None
    for step in range(present + WINDOW, present - WINDOW - 1, -1):
        right = hmac.compare_digest(code_of(secret, step).encode(), given)
        if right and (last_step is None or step > last_step):
            found = step
    return found
