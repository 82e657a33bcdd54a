"""Devices: the cookie by which one is known again on which somebody has signed in.

It opens nothing. Whoever shows it has a count of failed sign-ins of their own, so that
strangers who guess cannot keep its owner waiting.
"""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

SECURE_NAME, PLAIN_NAME = "__Host-insula-device", "insula-device"
LASTS = 180 * 24 * 3600
LONGEST = 8_192


def device_cookie(headers: Mapping[bytes, bytes]) -> str | None:
    """What the client shows of having been here, if it shows anything."""
    raw = headers.get(b"cookie")
    if raw is None or b"insula-device=" not in raw or len(raw) > LONGEST:
        return None
    try:
        found = SimpleCookie(raw.decode("latin-1"))
    except CookieError:
        return None
    morsel = found.get(SECURE_NAME) or found.get(PLAIN_NAME)
    return None if morsel is None or not morsel.value else morsel.value


def set_device(token: str, *, secure: bool) -> tuple[bytes, bytes]:
    """The header by which a client is known when it comes again."""
    name = SECURE_NAME if secure else PLAIN_NAME
    flags = "; Secure" if secure else ""
    value = f"{name}={token}; Path=/; Max-Age={LASTS}; HttpOnly; SameSite=Lax{flags}"
    return b"set-cookie", value.encode()
