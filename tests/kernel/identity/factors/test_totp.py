"""Codes of authenticator apps: those of RFC 6238, and those that other software makes."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.identity.factors import totp
from insula.kernel.identity.factors.totp import Hash

SEED = b"12345678901234567890"
SEED_256, SEED_512 = (SEED * 2)[:32], (SEED * 4)[:64]

VECTORS: list[tuple[int, str, bytes, Hash]] = [
    (59, "94287082", SEED, "sha1"),
    (1111111109, "07081804", SEED, "sha1"),
    (1111111111, "14050471", SEED, "sha1"),
    (1234567890, "89005924", SEED, "sha1"),
    (2000000000, "69279037", SEED, "sha1"),
    (20000000000, "65353130", SEED, "sha1"),
    (59, "46119246", SEED_256, "sha256"),
    (1111111109, "68084774", SEED_256, "sha256"),
    (20000000000, "77737706", SEED_256, "sha256"),
    (59, "90693936", SEED_512, "sha512"),
    (1111111109, "25091201", SEED_512, "sha512"),
    (20000000000, "47863826", SEED_512, "sha512"),
]
"""RFC 6238, appendix B."""

MOMENTS = st.integers(min_value=totp.STEP, max_value=2**33).map(
    lambda it: datetime.fromtimestamp(it, UTC)
)
SECRETS = st.binary(min_size=16, max_size=64)


@pytest.mark.parametrize(("seconds", "code", "secret", "algorithm"), VECTORS)
def test_the_codes_are_those_of_the_standard(
    seconds: int, code: str, secret: bytes, algorithm: Hash
) -> None:
    """S4-10, promise 7: the vectors of RFC 6238."""
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code_of(secret, step, digits=8, algorithm=algorithm) == code


@given(secret=SECRETS, moment=MOMENTS)
def test_an_independent_generator_makes_the_same_codes(
    secret: bytes, moment: datetime
) -> None:
    """S4-10, promise 7: pyotp knows the secret by its spelling alone."""
    code = pyotp.TOTP(totp.spelled(secret)).at(moment)
    assert totp.code_of(secret, totp.step_at(moment)) == code
    assert totp.verify(secret, code, moment) is not None


@pytest.mark.parametrize("steps", range(-3, 4))
def test_a_clock_may_be_wrong_by_one_step(steps: int) -> None:
    """S4-10, promise 7: a code is good in its own step and its neighbours'."""
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    present = totp.step_at(at)
    found = totp.verify(SEED, totp.code_of(SEED, present + steps), at)
    assert found == (present + steps if abs(steps) <= 1 else None)


def test_a_step_is_accepted_once_and_none_before_it_any_more() -> None:
    """Promise 7: whoever sees a code has no use for it."""
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    present = totp.step_at(at)
    before, now, after = (totp.code_of(SEED, present + it) for it in (-1, 0, 1))
    assert totp.verify(SEED, before, at) == present - 1
    assert totp.verify(SEED, now, at, present - 1) == present
    assert totp.verify(SEED, now, at, present) is None
    assert totp.verify(SEED, before, at, present) is None
    assert totp.verify(SEED, after, at, present) == present + 1
    later = at + timedelta(seconds=totp.STEP)
    assert totp.verify(SEED, now, later, present) is None


@pytest.mark.parametrize(
    "text", ["", "1", "12345", "1234567", "abcdef", "٠١٢٣٤٥", "-1"]
)
def test_what_is_no_code_is_wrong(text: str) -> None:
    """Promise 15."""
    assert totp.verify(SEED, text, datetime(2026, 11, 21, tzinfo=UTC)) is None


def test_blanks_in_a_code_do_not_count() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    code = totp.code_of(SEED, totp.step_at(at))
    assert totp.verify(SEED, f" {code[:3]} {code[3:]}\n", at) is not None


def test_an_app_reads_the_account_and_the_secret_from_the_uri() -> None:
    """S4-10: as pyotp reads it, and with names that hold signs of their own."""
    secret = totp.new_secret()
    uri = totp.enrolment_uri(secret, account="ada+1@acme.test", issuer="Acme: R&D/Ä?")
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.digits, read.interval) == (totp.spelled(secret), 6, 30)
    assert (read.name, read.issuer) == ("ada+1@acme.test", "Acme  R&D/Ä?")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Acme  R&D/Ä?:ada+1@acme.test"
    assert parse_qs(parts.query)["issuer"] == ["Acme  R&D/Ä?"]


def test_each_secret_is_new_and_long_enough() -> None:
    made = {totp.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(it) for it in made} == {20}
