"""Refresh tokens: opaque, replaced at every use, kept by the database as a hash alone."""

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.secret import derive

LIFETIME = timedelta(days=7)
"""For how long a refresh token is good (S0-51)."""
GRACE = timedelta(seconds=10)
"""For how long a client whose answer was lost may ask again with the token before."""

PREFIX = "insr"
"""Tells whoever finds one in a log or a repository what it is."""


class RefreshToken(NamedTuple):
    """A refresh token taken apart: the how manieth of which session."""

    session: UUID
    generation: int
    hash: str


class RefreshTokens:
    """Makes and reads the refresh tokens of one audience.

    A token is its session, its generation and a MAC over both (52 bytes). So it can
    be made again from the session's row: a client that asks twice gets the same
    successor without a plain token being kept anywhere, and a token of any earlier
    generation tells which session was stolen from.
    """

    def __init__(self, key: bytes, audience: str, prefix: str = PREFIX) -> None:
        self._key, self._prefix = derive(key, f"token:refresh:{audience}"), prefix
        self._shape = re.compile(rf"{prefix}_([A-Za-z0-9_-]{{70}})", re.ASCII)

    def make(self, session: UUID, generation: int) -> str:
        """The token of that generation of the session, always the same."""
        named = session.bytes + generation.to_bytes(4)
        mac = hmac.digest(self._key, named, "sha256")
        text = base64.urlsafe_b64encode(named + mac).decode().rstrip("=")
        return f"{self._prefix}_{text}"

    def hash(self, token: str) -> str:
        """What the database knows of a token."""
        return hashlib.sha256(token.encode()).hexdigest()

    def read(self, token: str) -> RefreshToken:
        """Take a token of ours apart; raises ``Unauthenticated`` for any other."""
        found = self._shape.fullmatch(token)
        if found is None:
            raise Unauthenticated
        raw = base64.urlsafe_b64decode(found[1] + "==")
        session, generation = UUID(bytes=raw[:16]), int.from_bytes(raw[16:20])
        if not hmac.compare_digest(token, self.make(session, generation)):
            raise Unauthenticated
        return RefreshToken(session, generation, self.hash(token))
