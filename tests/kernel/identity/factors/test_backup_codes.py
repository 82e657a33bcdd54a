"""Backup codes: plenty to guess, easy to type, and nothing in a copy of the database."""

import re

from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.factors.backup_codes import (
    ALPHABET,
    COUNT,
    BackupCodes,
    new_codes,
)

KEY = b"the root key of nobody's house.."
CODES = BackupCodes(KEY)


def test_ten_codes_are_made_that_nobody_guesses() -> None:
    """S4-11."""
    made = [code for _ in range(100) for code in new_codes()]
    assert len(set(made)) == len(made) == 100 * COUNT == 1000
    shape = re.compile(f"[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}")
    assert all(shape.fullmatch(it) for it in made)
    assert len(ALPHABET) == 32, "50 bits in ten characters"


def test_how_a_code_is_typed_does_not_matter() -> None:
    """S4-11: neither case, nor blanks, nor what looks alike on paper."""
    owner = uuid7()
    digest = CODES.digest(owner, "01vab-cdefg")
    for typed in ("01VAB-CDEFG", " 01vab cdefg ", "OIUabcdefg", "0Lvab-CDEFG"):
        assert CODES.digest(owner, typed) == digest
    assert CODES.digest(owner, "01vab-cdef") != digest


def test_what_is_kept_is_bound_to_the_owner_and_the_installation() -> None:
    """Promise 12: without the root key, a copy of the database opens nothing."""
    owner, code = uuid7(), new_codes()[0]
    kept = CODES.digest(owner, code)
    assert re.fullmatch("[0-9a-f]{64}", kept)
    assert kept == BackupCodes(KEY).digest(owner, code)
    assert kept != CODES.digest(uuid7(), code)
    assert kept != BackupCodes(KEY[::-1]).digest(owner, code)
    assert code.replace("-", "") not in kept
