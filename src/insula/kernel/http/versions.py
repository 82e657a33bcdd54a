"""Versions: which there are of the API, what an older address means, and what ends when.

A version is a layer over the one before it: what it does not declare anew is answered
as before. So an old client keeps all that it knows, and a new version is written
for what changed alone.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime

from insula.kernel.access.operation import Deprecation, Operation
from insula.kernel.http.negotiation import VersionUnknown
from insula.kernel.http.router import Match, Router

RELEASED = (1,)
NOTICE = timedelta(days=183)
"""How long before its end a deprecation is told, at the least (S3-89)."""
PATH = re.compile(r"/api/v([1-9][0-9]{0,2})(/.*)")


class NoticeTooShort(ValueError):
    """An operation would end before its users had time to change."""


class Versions:
    """Finds an operation under any of the addresses by which it may be asked for (R10).

    ``/api/users`` and ``/auth/login`` are addresses of the oldest version that is still
    there, whatever came since: whoever wrote them knew no other. An Accept header that
    names a version has the last word over those, but never over an address with one.
    """

    def __init__(self, router: Router, released: Sequence[int] = RELEASED) -> None:
        self._router, self._released = router, tuple(sorted(released))

    def match(self, method: str, path: str, wanted: str | None) -> Match:
        """The operation that a request means.

        Raises ``NotFound``, ``WrongMethod``, or ``VersionUnknown``.
        """
        version = self._number(wanted)
        if path.startswith("/api/v1/") and len(self._released) == 1:
            return self._router.match(method, path)
        found = PATH.fullmatch(path)
        if found is not None and int(found[1]) in self._released:
            return self._newest(method, int(found[1]), found[2])
        rest = _rest(path)
        if found is not None or rest is None:
            return self._router.match(method, path)
        return self._newest(method, version or self._released[0], rest)

    def _number(self, wanted: str | None) -> int | None:
        if wanted is None:
            return None
        if wanted.isascii() and wanted.isdigit() and int(wanted[:9]) in self._released:
            return int(wanted)
        known = ", ".join(map(str, self._released))
        raise VersionUnknown(wanted=wanted[:20], known=known)

    def _newest(self, method: str, version: int, rest: str) -> Match:
        """What the version says itself, or else the one before it."""
        for number in reversed(self._released):
            path = f"/api/v{number}{rest}"
            if number <= version and self._router.knows(method, path):
                return self._router.match(method, path)
        return self._router.match(method, f"/api/v{self._released[0]}{rest}")


def _rest(path: str) -> str | None:
    """What follows the version in the address that an alias stands for."""
    if path.startswith("/auth/"):
        return path
    return path.removeprefix("/api") if path.startswith("/api/") else None


def refuse_short_notice(operations: Iterable[Operation]) -> None:
    """Raise ``NoticeTooShort`` for what would end sooner than we promise."""
    for operation in operations:
        ends = operation.deprecated
        if ends is not None and ends.sunset - ends.since < NOTICE:
            raise NoticeTooShort(f"{operation.name} ends within {NOTICE.days} days")


def deprecation_headers(deprecated: Deprecation) -> list[tuple[bytes, bytes]]:
    """Since when and until when (RFC 9745, RFC 8594), and what comes in its place."""
    since, sunset = _midnight(deprecated.since), _midnight(deprecated.sunset)
    found = [
        (b"deprecation", b"@%d" % since.timestamp()),
        (b"sunset", format_datetime(sunset, usegmt=True).encode()),
    ]
    if deprecated.successor is not None:
        link = f'<{deprecated.successor}>; rel="successor-version"'
        found.append((b"link", link.encode()))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
