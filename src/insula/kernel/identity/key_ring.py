"""The key ring: which keys sign access tokens, and which are believed, at a moment."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import time
from typing import Any

import msgspec
from joserfc.jwk import OKPKey

from insula.kernel.foundation.secret import derive

ALGORITHM = "Ed25519"
"""By its name of RFC 9864; what a header says never chooses anything."""
LIFETIME = 3600
"""Seconds for which an access token is good (S0-50)."""


def header_text(kid: str) -> str:
    """The header of every token that a key signs, as it stands in the token."""
    fields = {"alg": ALGORITHM, "kid": kid, "typ": "at+jwt"}
    return base64.urlsafe_b64encode(msgspec.json.encode(fields)).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class RingKey:
    """A key: it signs from ``since`` until the next one does, and is believed until.

    ``private`` is None for one that will never sign again.
    """

    kid: str
    public: OKPKey
    private: OKPKey | None
    since: float = 0.0
    drops_older: bool = False
    until: float = inf

    @property
    def published(self) -> dict[str, Any]:
        """The public part, as a JWK (RFC 7517) for whoever verifies tokens."""
        jwk = dict(self.public.as_dict(private=False))
        return {**jwk, "kid": self.kid, "use": "sig", "alg": ALGORITHM}


def derived_key(root: bytes) -> RingKey:
    """The first key of every ring: it follows from the root key."""
    private = OKPKey.derive_key(derive(root, "token:ed25519"))
    public = OKPKey.import_key(private.as_dict(private=False))
    return RingKey(private.thumbprint(), public, private)


class KeyRing:
    """The keys of this process, the oldest first.

    It is replaced as a whole, by ``hold``; a signer is chosen by the clock, so that
    all processes change over to a new key at the same moment.
    """

    def __init__(self, root: bytes) -> None:
        self._first = derived_key(root)
        self._keys: Sequence[RingKey] = ()
        self._by_header: Mapping[str, RingKey] = {}
        self._signer, self._changes = self._first, inf
        self.hold(())

    def hold(self, later: Sequence[RingKey]) -> None:
        """Hold the derived key and these, in the order in which they begin to sign."""
        keys = (self._first, *later)
        self._keys = tuple(_bounded(it, keys[at + 1 :]) for at, it in enumerate(keys))
        self._by_header = {header_text(it.kid): it for it in self._keys}
        self._changes = 0.0

    @property
    def keys(self) -> Sequence[RingKey]:
        """All keys, the oldest first."""
        return self._keys

    def signer(self) -> RingKey:
        """The key that signs at this moment."""
        moment = time()
        if moment >= self._changes:
            begun = [
                it for it in self._keys if it.since <= moment and it.private is not None
            ]
            coming = [it.since for it in self._keys if it.since > moment]
            self._signer, self._changes = begun[-1], min(coming, default=inf)
        return self._signer

    def believed(self, header: str) -> OKPKey | None:
        """The key with that header, if tokens of it can still be good."""
        found = self._by_header.get(header)
        return None if found is None or found.until <= time() else found.public

    @property
    def published(self) -> list[dict[str, Any]]:
        """The public parts of all keys that are believed, or soon will be."""
        moment = time()
        return [it.published for it in self._keys if it.until > moment]


def _bounded(key: RingKey, later: Sequence[RingKey]) -> RingKey:
    """The key with its end: when the last token that it signed has expired."""
    ends = [it.since + (0 if it.drops_older else LIFETIME) for it in later]
    return RingKey(
        key.kid,
        key.public,
        key.private,
        key.since,
        key.drops_older,
        min(ends, default=inf),
    )
