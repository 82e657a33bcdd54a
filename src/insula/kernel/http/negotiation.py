"""Negotiation: in which form, and of which version, a caller wants what we answer."""

from dataclasses import dataclass
from functools import lru_cache

from insula.kernel.foundation.errors import Problem

ENVELOPE = b"application/json"
JSON_API = b"application/vnd.api+json"
PROBLEM = b"application/problem+json"
MOST_RANGES = 20
USUAL = frozenset({None, b"*/*", ENVELOPE})
"""What nearly every caller sends: nothing is to be chosen."""


class VersionUnknown(Problem):
    """There is no version {wanted} of the API; there are: {known}."""

    status = 406
    code = "VERSION_NOT_SUPPORTED"


@dataclass(frozen=True, slots=True)
class Wish:
    """The form of successes and of problems, and a version if one was named."""

    success: bytes = ENVELOPE
    problem: bytes = ENVELOPE
    version: str | None = None


PLAIN = Wish()


def wish_of(accept: bytes | None) -> Wish:
    """What an Accept header asks for (RFC 9110, 12.5.1); whatever is unknown is passed over.

    ``application/problem+json`` says how problems shall look, wherever it stands in the
    list: no success has that form.
    """
    return PLAIN if accept in USUAL or accept is None else _chosen(accept)


@lru_cache(maxsize=256)
def _chosen(accept: bytes) -> Wish:
    ranges = [_range(part) for part in accept.split(b",")[:MOST_RANGES]]
    kinds = {kind for kind, quality, _ in ranges if quality}
    best, best_quality, version = ENVELOPE, 0.0, None
    for kind, quality, named in ranges:
        form = kind if kind == JSON_API else ENVELOPE
        if quality > best_quality and kind in _SUCCESSES:
            best, best_quality, version = form, quality, named
    problem = PROBLEM if PROBLEM in kinds else best
    return Wish(best, problem, version)


_SUCCESSES = frozenset({JSON_API, ENVELOPE, b"application/*", b"*/*"})


def _range(part: bytes) -> tuple[bytes, float, str | None]:
    """A media range, how much it is wanted, and the version that it names."""
    kind, *rest = (piece.strip() for piece in part.split(b";"))
    given = dict(piece.partition(b"=")[::2] for piece in rest)
    version = given.get(b"version")
    named = None if version is None else version.strip(b'"').decode("latin-1")
    return kind.lower(), _quality(given.get(b"q", b"1")), named


def _quality(text: bytes) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0.0 <= found <= 1.0 else 0.0
