"""The operators' door: a password opens it half, a second factor the other half (S1-53)."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from time import time
from uuid import UUID

import msgspec

from insula.kernel.foundation.sealing import SealBroken, Sealer
from insula.kernel.identity.factors.problems import (
    EnrolmentRequired,
    FactorRefused,
    SecondFactorRequired,
)
from insula.kernel.identity.factors.strength import strong
from insula.kernel.identity.gates import Entry
from insula.kernel.identity.sessions import Account
from insula.kernel.identity.tokens import TokenAudience

LIFETIME = 600
"""Seconds between the password and the code: time to set up an app."""
NOBODY = UUID(int=0)
PLACE = "operators.challenge"
PREFIX = "insm_"
METHODS = ("totp", "backup_code")


class Purpose(StrEnum):
    """What is still to be done at the door."""

    verify = "verify"
    """Give a code of the second factor."""
    enrol = "enrol"
    """Enrol a second factor: there is none yet."""


class Challenge(msgspec.Struct, frozen=True):
    """Who has come how far, in what way, and until when that counts."""

    operator: UUID
    purpose: Purpose
    methods: tuple[str, ...]
    bound: str
    until: int
    nonce: str = ""


class Challenges:
    """Seals what has been proved so far, so that nothing is kept for who never returns.

    A challenge can be shown twice, its codes cannot; another password ends it.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def make(self, account: Account, purpose: Purpose, methods: Collection[str]) -> str:
        """The text with which the next step is asked for."""
        challenge = Challenge(
            operator=account.id,
            purpose=purpose,
            methods=tuple(methods),
            bound=_bound(account),
            until=int(time()) + LIFETIME,
            nonce=secrets.token_hex(4),
        )
        raw = msgspec.json.encode(challenge)
        return PREFIX + self._sealer.seal(NOBODY, PLACE, raw)

    def read(self, text: str) -> Challenge:
        """What a text of ours says; raises ``FactorRefused``."""
        try:
            raw = self._sealer.open(NOBODY, PLACE, text.removeprefix(PREFIX))
            found = msgspec.json.decode(raw, type=Challenge)
        except (SealBroken, msgspec.DecodeError, UnicodeError):
            raise FactorRefused from None
        if found.until <= time():
            raise FactorRefused
        return found

    def check(self, challenge: Challenge, account: Account | None) -> Account:
        """The account of a challenge, if it is as it was; raises ``FactorRefused``."""
        if account is None or account.disabled or challenge.bound != _bound(account):
            raise FactorRefused
        return account


@dataclass(frozen=True, slots=True)
class OperatorGate:
    """Stops an operator who came with a password alone, and says how to go on.

    Whoever has a second factor is always asked for it; ``required`` lets nobody in who
    has none.
    """

    challenges: Challenges
    required: bool

    async def __call__(self, entry: Entry) -> None:
        """Pass, or raise ``SecondFactorRequired`` or ``EnrolmentRequired``."""
        account, methods = entry.account, entry.methods
        if entry.realm.audience is not TokenAudience.operator or strong(methods):
            return
        if account.second_factor:
            text = self.challenges.make(account, Purpose.verify, methods)
            raise SecondFactorRequired(challenge=text, methods=METHODS)
        if self.required:
            text = self.challenges.make(account, Purpose.enrol, methods)
            raise EnrolmentRequired(challenge=text, methods=METHODS[:1])


def _bound(account: Account) -> str:
    return hashlib.sha256((account.password or "").encode()).hexdigest()
