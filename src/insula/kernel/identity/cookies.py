"""Cookies: a browser's session, and the proof that our own page sent a request."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from insula.kernel.foundation.errors import Denied

LONGEST = 8_192
"""Bytes of the longest Cookie header that is read."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of ours: a ``__Host-`` one where there is TLS, and a plain one where there
    is none, on a developer's machine.
    """

    name: str

    def read(self, headers: Mapping[bytes, bytes]) -> str | None:
        """What a client sent along under that name, if it did."""
        raw = headers.get(b"cookie")
        if raw is None or self.name.encode() + b"=" not in raw or len(raw) > LONGEST:
            return None
        try:
            found = SimpleCookie(raw.decode("latin-1"))
        except CookieError:
            return None
        morsel = found.get(f"__Host-{self.name}") or found.get(self.name)
        return None if morsel is None or not morsel.value else morsel.value

    def give(
        self, token: str, seconds: int | None, *, secure: bool
    ) -> tuple[bytes, bytes]:
        """The header that gives it to a client: until it is closed without seconds; with
        0 of them, it is taken away.
        """
        name, flags = (f"__Host-{self.name}", "; Secure") if secure else (self.name, "")
        lasts = "" if seconds is None else f"; Max-Age={seconds}"
        value = f"{name}={token}; Path=/{lasts}; HttpOnly; SameSite=Lax{flags}"
        return b"set-cookie", value.encode()


SESSION = Cookie("insula")
"""A browser's session."""


class ForgeryRefused(Denied):
    """This request was not sent by a page of ours: send X-CSRF-Token as the sign-in gave it."""

    code = "CSRF_REFUSED"


def forgery_token(cookie: str) -> str:
    """What a page that was given the cookie sends as ``X-CSRF-Token``.

    It is derived from the token, which scripts cannot read and others do not know.
    """
    return hmac.digest(cookie.encode(), b"csrf", hashlib.sha256).hex()


def check_forgery(headers: Mapping[bytes, bytes], host: str, cookie: str) -> None:
    """Raise unless a page of this host sent the request (S3-68)."""
    site = headers.get(b"sec-fetch-site")
    if site is not None and site not in (b"same-origin", b"none"):
        raise ForgeryRefused
    origin = headers.get(b"origin")
    if origin is not None and _host_of(origin) != host:
        raise ForgeryRefused
    given = headers.get(b"x-csrf-token", b"").decode("latin-1")
    if not hmac.compare_digest(given.encode(), forgery_token(cookie).encode()):
        raise ForgeryRefused


def _host_of(origin: bytes) -> str | None:
    try:
        return urlsplit(origin.decode("latin-1")).hostname
    except ValueError:
        return None
