"""Passwords: Argon2id, equal time for nobody, and no password that anybody guesses."""

import time

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from insula.kernel.identity.passwords import (
    PasswordWeak,
    check_password,
    hash_password,
    verify_password,
)

pytestmark = pytest.mark.anyio


async def test_the_right_password_opens_and_a_wrong_one_does_not() -> None:
    known = await hash_password("s3cret-Passw0rd")
    assert known.startswith("$argon2id$")
    assert await verify_password("s3cret-Passw0rd", known) == (True, None)
    assert await verify_password("s3cret-passw0rd", known) == (False, None)


async def test_nobody_has_no_password_that_opens() -> None:
    assert await verify_password("anything", None) == (False, None)
    assert await verify_password("anything", "") == (False, None)
    assert await verify_password("anything", "no hash of ours") == (False, None)


async def test_an_aged_hash_is_replaced_by_a_better_one() -> None:
    old = Argon2Hasher(time_cost=1, memory_cost=8192).hash("s3cret-Passw0rd")
    right, better = await verify_password("s3cret-Passw0rd", old)
    assert right
    assert better is not None
    assert await verify_password("s3cret-Passw0rd", better) == (True, None)


async def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    known = await hash_password("s3cret-Passw0rd")
    spent = {known: 0.0, None: 0.0}
    for _ in range(5):
        for candidate in spent:
            began = time.process_time()
            await verify_password("wrong", candidate)
            spent[candidate] += time.process_time() - began
    assert 0.5 < spent[known] / spent[None] < 2


@pytest.mark.parametrize("text", ["s3cret-Passw0rd", "correct horse", "é" * 4 + "abcd"])
def test_an_ordinary_good_password_is_taken(text: str) -> None:
    check_password(text, ("acme", "owner@acme.test"))


@pytest.mark.parametrize(
    "text",
    [
        *("", "short-1", "x" * 257, "password", "Passw0rd", "aaaaaaaa", "abababab"),
        *("owner@acme.test", "acme-acme", "Acme2026", "owner-acme-1"),
    ],
)
def test_what_anybody_would_try_first_is_refused(text: str) -> None:
    with pytest.raises(PasswordWeak) as caught:
        check_password(text, ("acme", "owner@acme.test"))
    assert caught.value.fields[0].field == "password"
