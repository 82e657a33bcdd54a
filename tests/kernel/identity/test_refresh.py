"""Refresh tokens: made again for whoever asks twice, fatal to whoever asks late."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.refresh import GRACE, LIFETIME, RefreshTokens
from insula.kernel.identity.sessions import Account, Fate, Held, fate

KEY = b"k" * 32
TOKENS = RefreshTokens(KEY, "tenant")
SESSION = uuid7()
NOW = now()
CLIENT = "203.0.113.7"
HELD = Held(
    account=Account(uuid7(), "ada@acme.test", "Ada", "hash"),
    generation=3,
    refresh_hash=TOKENS.hash(TOKENS.make(SESSION, 3)),
    rotated_at=NOW,
    client=CLIENT,
    expires_at=NOW + LIFETIME,
    revoked_at=None,
)


def fated(generation: int, held: Held = HELD, *, after: float = 0) -> Fate:
    token = TOKENS.read(TOKENS.make(SESSION, generation))
    return fate(held, token, NOW + timedelta(seconds=after), CLIENT)


def test_a_token_is_read_back_and_its_hash_alone_is_kept() -> None:
    text = TOKENS.make(SESSION, 7)
    token = TOKENS.read(text)
    assert (token.session, token.generation) == (SESSION, 7)
    assert len(token.hash) == 64
    assert token.hash not in text
    assert text == RefreshTokens(KEY, "tenant").make(SESSION, 7)
    assert timedelta(days=7) == LIFETIME  # S0-51


def test_no_two_sessions_generations_audiences_or_keys_share_a_token() -> None:
    made = {
        TOKENS.make(SESSION, 0),
        TOKENS.make(SESSION, 1),
        TOKENS.make(uuid7(), 0),
        RefreshTokens(KEY, "operator").make(SESSION, 0),
        RefreshTokens(b"x" * 32, "tenant").make(SESSION, 0),
    }
    assert len({text[-40:] for text in made}) == 5


@given(st.text(max_size=200) | st.from_regex(r"insr_[A-Za-z0-9_-]{70}", fullmatch=True))
def test_no_other_text_is_a_refresh_token(text: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(text)


def test_a_token_changed_in_any_character_is_none() -> None:
    text = TOKENS.make(SESSION, 0)
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(Unauthenticated):
            TOKENS.read(text[:place] + other + text[place + 1 :])


def test_the_present_token_is_rotated_until_it_expires() -> None:
    week = LIFETIME.total_seconds()
    assert fated(3) is Fate.rotate
    assert fated(3, after=week - 1) is Fate.rotate
    assert fated(3, after=week) is Fate.refuse


def test_the_one_before_gets_the_same_answer_within_the_grace() -> None:
    grace = GRACE.total_seconds()
    assert fated(2) is Fate.repeat
    assert fated(2, after=grace) is Fate.repeat
    assert fated(2, after=grace + 0.1) is Fate.reuse
    assert fated(2, after=-1) is Fate.repeat  # it waited for the lock


def test_the_grace_is_for_the_client_that_asked_first() -> None:
    assert fated(2, replace(HELD, client="198.51.100.66")) is Fate.reuse


def test_older_tokens_betray_a_theft() -> None:
    assert fated(1) is Fate.reuse
    assert fated(0) is Fate.reuse


def test_a_session_that_is_over_answers_nothing() -> None:
    gone = replace(HELD, revoked_at=NOW)
    disabled = replace(HELD, account=replace(HELD.account, disabled=True))
    for generation in range(5):
        assert fated(generation, gone) is Fate.refuse
        assert fated(generation, disabled) is Fate.refuse


def test_a_token_of_the_future_or_of_another_hash_is_refused() -> None:
    assert fated(4) is Fate.refuse
    assert fated(3, replace(HELD, refresh_hash="0" * 64)) is Fate.refuse
