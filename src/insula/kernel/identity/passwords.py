"""Passwords: hashed with Argon2id, a few at a time, and checked in equal time."""

import asyncio
import re
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from insula.kernel.foundation.errors import FieldError, Invalid

P = ParamSpec("P")
R = TypeVar("R")

SHORTEST, LONGEST = 8, 256
LEAST_VARIED = 4
"""Different characters that a password must have."""
LEAST_OWN = 5
"""Characters that it must have beyond what everybody knows of its owner."""

COMMON_ONES = """
    00000000 11111111 12345678 123456789 1234567890 123123123 1q2w3e4r 1qaz2wsx
    aa123456 abc12345 abcd1234 admin123 administrator asdfghjkl baseball changeme
    computer football iloveyou jennifer letmein1 michelle monkey123 p@ssw0rd passw0rd
    password password1 password12 password123 princess q1w2e3r4 qwerty123 qwertyuiop
    secret123 starwars sunshine superman trustno1 welcome1 welcome123 whatever
"""
COMMON = frozenset(COMMON_ONES.split())

HASHER = PasswordHash((Argon2Hasher(),))

THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
"""A hash takes 64 MiB and a core: a flood of sign-ins waits and starves no one."""


class PasswordWeak(Invalid):
    """The password is too easy to guess."""

    code = "PASSWORD_WEAK"


async def hash_password(text: str) -> str:
    """The Argon2id hash of a password, with a salt of its own."""
    return await _in_thread(HASHER.hash, text)


async def verify_password(text: str, known: str | None) -> tuple[bool, str | None]:
    """Whether the password is right, and a better hash if the known one has aged.

    Without a known hash, for somebody who does not exist, it takes as long and says no.
    """
    return await _in_thread(_verify, text, known)


def _verify(text: str, known: str | None) -> tuple[bool, str | None]:
    nobody = _nobody()
    try:
        right, better = HASHER.verify_and_update(text, known or nobody)
    except UnknownHashError:
        right, better = HASHER.verify(text, nobody), None
    return right and bool(known), better


@cache
def _nobody() -> str:
    return HASHER.hash(secrets.token_urlsafe())


async def _in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(THREADS, lambda: work(*args, **kwargs))


def check_password(text: str, context: Iterable[str] = ()) -> None:
    """Refuse a password that is short, common, or made of what is known of its owner.

    ``context`` are the owner's e-mail address and name and the tenant's slug and name.
    """
    reason = _weakness(text, context)
    if reason is not None:
        raise PasswordWeak(FieldError("password", "weak", reason))


def _weakness(text: str, context: Iterable[str]) -> str | None:
    if len(text) < SHORTEST:
        return f"The password must have at least {SHORTEST} characters."
    if len(text) > LONGEST:
        return f"The password may have at most {LONGEST} characters."
    lowered = text.lower()
    if lowered in COMMON or len(set(lowered)) < LEAST_VARIED:
        return "The password is among the first that anybody would try."
    rest = lowered
    for word in _words(context):
        rest = rest.replace(word, "")
    if len(rest) < LEAST_OWN:
        return "The password says little more than the name, the e-mail or the slug."
    return None


def _words(context: Iterable[str]) -> list[str]:
    found = {part for text in context for part in re.split(r"[\W_]+", text.lower())}
    whole = {text.lower() for text in context}
    return sorted((it for it in found | whole if len(it) > 2), key=len, reverse=True)
