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
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import ClassVar, Literal, ParamSpec, TypeVar

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


@dataclass(frozen=True, slots=True)
class Cost:
    """What a hash with Argon2id takes: passes over KiB of memory, in so many lanes."""

    passes: int
    memory: int
    lanes: int


STANDARD = Cost(passes=3, memory=65_536, lanes=4)
"""That of every installation (RFC 9106, second choice); hashes below it are replaced."""
LEAST = Cost(passes=1, memory=8, lanes=1)
"""For tests of what happens around a password, whose hashes guard nothing."""


@cache
def _ways(cost: Cost) -> dict[Hashing, PasswordHash]:
    bcrypt, argon = (
        WholeBcrypt(),
        Argon2Hasher(
            time_cost=cost.passes, memory_cost=cost.memory, parallelism=cost.lanes
        ),
    )
    return {
        "argon2id": PasswordHash((argon, bcrypt)),
        "bcrypt": PasswordHash((bcrypt, argon)),
    }


THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
"""A hash takes 64 MiB and a core: a flood of sign-ins waits and starves no one."""


KIND = re.compile(r"\$2.\$\d\d|\$argon2\w+\$v=\d+\$[^$]+")
"""How a hash says what it takes to check it, before the salt."""
MOST_KINDS, LONGEST_PACE = 16, 5.0


class _Process:
    """How this process hashes, and how many passwords wait for it."""

    hashing: Hashing = "argon2id"
    cost = STANDARD
    waiting = 0
    paces: ClassVar[dict[str, float]] = {}
    """What a check took of late, in seconds, for each kind of hash that it met."""


def use_hasher(hashing: Hashing) -> None:
    """Have this process make new hashes so, for the setting ``INSULA_HASHER``.

    Hashes of the other kind stay good until their owner signs in next.
    """
    _Process.hashing = hashing


def use_cost(cost: Cost) -> None:
    """Have this process hash at another cost; no setting leads here, tests alone do."""
    _Process.cost = cost
    _Process.paces.clear()


async def hash_password(text: str) -> str:
    """The hash of a password, with a salt of its own; raises ``HashingBusy``."""
    if _Process.waiting >= MOST_WAITING:
        raise HashingBusy
    _Process.waiting += 1
    try:
        return await _in_thread(_way().hash, text)
    finally:
        _Process.waiting -= 1


async def verify_password(text: str, known: str | None) -> tuple[bool, str | None]:
    """Whether the password is right, and a better hash if the known one has aged.

    Without a known hash, for somebody who does not exist, it takes as long and says no.
    A wrong password takes as long as it does for the slowest kind of hash that this
    process met, so that nobody learns whose hash is of another kind; waiting is free.
    """
    right, better, took = await _in_thread(_timed, text, known)
    slowest = max(_Process.paces.values(), default=0.0)
    rest = min(slowest, LONGEST_PACE) - took
    if not right and rest > 0:
        await asyncio.sleep(rest)
    return right, better


def _timed(text: str, known: str | None) -> tuple[bool, str | None, float]:
    began, paces = perf_counter(), _Process.paces
    right, better = _verify(text, known)
    took = perf_counter() - began
    found = KIND.match(known or _nobody(_Process.hashing, _Process.cost))
    kind = "" if found is None else found[0]
    if len(paces) >= MOST_KINDS and kind not in paces:
        kind = ""
    if better is None:  # else a new hash was made on top
        paces[kind] = 0.8 * paces.get(kind, took) + 0.2 * took
    return right, better, took


def _verify(text: str, known: str | None) -> tuple[bool, str | None]:
    nobody, way = _nobody(_Process.hashing, _Process.cost), _way()
    try:
        right, better = way.verify_and_update(text, known or nobody)
    except UnknownHashError:
        right, better = way.verify(text, nobody), None
    return right and bool(known), better


def _way() -> PasswordHash:
    return _ways(_Process.cost)[_Process.hashing]


@cache
def _nobody(hashing: Hashing, cost: Cost) -> str:
    return _ways(cost)[hashing].hash(secrets.token_urlsafe())


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
