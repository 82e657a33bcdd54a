"""Passwords: hashed a few at a time, checked in equal time, and none that anybody guesses.

Argon2id is what new hashes are made with; bcrypt hashes from elsewhere are accepted, and
replaced when their owner signs in (R13). ``use_hasher`` turns this round.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Literal, ParamSpec, TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from insula.kernel.foundation.errors import FieldError, Invalid, Unavailable
from insula.kernel.foundation.words import Words
from insula.kernel.identity.guessing import guesses_for

P = ParamSpec("P")
R = TypeVar("R")

SHORTEST, SHORTEST_OF_TWO, LONGEST = 15, 8, 256
"""Characters of a password that is all the proof there is, of one that comes with a
second factor, and of the longest. What they are is nobody's business (NIST SP 800-63B)."""
LEAST_OWN = 5
"""Letters and digits that it has beyond what everybody knows of its owner."""
LEAST_GUESSES = 1e6
"""Guesses that come before it; sign-ins are throttled long before so many."""
MOST_WAITING = 200
"""Passwords of this process that may wait to be hashed: about twenty seconds' work."""

Hashing = Literal["argon2id", "bcrypt"]


class PasswordWeak(Invalid):
    """The password is too easy to guess."""

    code = "PASSWORD_WEAK"


class HashingBusy(Unavailable):
    """Too many passwords are being set at this moment: try again shortly."""

    code = "HASHING_BUSY"


class WholeBcrypt(BcryptHasher):
    """Bcrypt over the whole password, of which it would take 72 bytes and no NUL.

    What it cannot take is condensed first, keyed so that no other site's digest of the
    same password opens anything here.
    """

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """The hash of a password."""
        return super().hash(_condensed(password), salt=salt)

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # of the base
        """Whether it is the password of a hash."""
        try:
            return super().verify(_condensed(password), hash)
        except ValueError:  # a hash that only looks like one
            return False


def _condensed(password: str | bytes) -> bytes:
    raw = password.encode() if isinstance(password, str) else password
    if len(raw) <= 72 and b"\0" not in raw:
        return raw
    return b64encode(hmac.digest(b"insula:bcrypt", raw, hashlib.sha256))


_ARGON2ID, _BCRYPT = Argon2Hasher(), WholeBcrypt()
_WAYS: dict[Hashing, PasswordHash] = {
    "argon2id": PasswordHash((_ARGON2ID, _BCRYPT)),
    "bcrypt": PasswordHash((_BCRYPT, _ARGON2ID)),
}

THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
"""A hash takes 64 MiB and a core: a flood of sign-ins waits and starves no one."""


class _Process:
    """How this process hashes, and how many passwords wait for it."""

    hashing: Hashing = "argon2id"
    waiting = 0


def use_hasher(hashing: Hashing) -> None:
    """Have this process make new hashes so, for the setting ``INSULA_HASHER``.

    Hashes of the other kind stay good until their owner signs in next.
    """
    _Process.hashing = hashing


async def hash_password(text: str) -> str:
    """The hash of a password, with a salt of its own; raises ``HashingBusy``."""
    if _Process.waiting >= MOST_WAITING:
        raise HashingBusy
    _Process.waiting += 1
    try:
        return await _in_thread(_WAYS[_Process.hashing].hash, text)
    finally:
        _Process.waiting -= 1


async def verify_password(text: str, known: str | None) -> tuple[bool, str | None]:
    """Whether the password is right, and a better hash if the known one has aged.

    Without a known hash, for somebody who does not exist, it takes as long and says no.
    """
    return await _in_thread(_verify, text, known)


def _verify(text: str, known: str | None) -> tuple[bool, str | None]:
    hashing = _Process.hashing
    nobody, way = _nobody(hashing), _WAYS[hashing]
    try:
        right, better = way.verify_and_update(text, known or nobody)
    except UnknownHashError:
        right, better = way.verify(text, nobody), None
    return right and bool(known), better


@cache
def _nobody(hashing: Hashing) -> str:
    return _WAYS[hashing].hash(secrets.token_urlsafe())


async def _in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(THREADS, lambda: work(*args, **kwargs))


def check_password(
    text: str, context: Iterable[str] = (), *, second_factor: bool = False
) -> None:
    """Refuse a password that is short, common, or made of what is known of its owner.

    ``context`` are the owner's e-mail address and name and the tenant's slug and name.
    """
    shortest = SHORTEST_OF_TWO if second_factor else SHORTEST
    reason = _weakness(text, tuple(context), shortest)
    if reason is not None:
        raise PasswordWeak(FieldError("password", "weak", reason))


def _weakness(text: str, context: tuple[str, ...], shortest: int) -> str | None:
    if len(text) < shortest:
        return Words(
            "The password must have at least {min_length} characters.",
            min_length=shortest,
        )
    if len(text) > LONGEST:
        return Words(
            "The password may have at most {max_length} characters.", max_length=LONGEST
        )
    rest = text.lower()
    for word in _words(context):
        rest = rest.replace(word, "")
    if sum(map(str.isalnum, rest)) < min(LEAST_OWN, sum(map(str.isalnum, text))):
        return Words(
            "The password says little more than the name, the e-mail or the slug."
        )
    if guesses_for(text) < LEAST_GUESSES:
        return Words("The password is among the first that anybody would try.")
    return None


def _words(context: Iterable[str]) -> list[str]:
    found = {part for text in context for part in re.split(r"[\W_]+", text.lower())}
    whole = {text.lower() for text in context}
    return sorted((it for it in found | whole if len(it) > 2), key=len, reverse=True)
