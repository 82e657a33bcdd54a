"""The key ring: who signs when, and for how long each key is believed."""

import pytest
from joserfc.jwk import OKPKey

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity import key_ring, tokens
from insula.kernel.identity.key_ring import LIFETIME, RingKey
from insula.kernel.identity.tokens import Claims, TokenAudience, Tokens

START = 1_800_000_000.0
ROOT = b"k" * 32


class Clock:
    """The time of a test, for whoever asks for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        for module in (key_ring, tokens):
            monkeypatch.setattr(module, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def key(since: float, *, drops_older: bool = False) -> RingKey:
    private = OKPKey.generate_key("Ed25519")
    public = OKPKey.import_key(private.as_dict(private=False))
    return RingKey(private.thumbprint(), public, private, since, drops_older)


def issued(made: Tokens) -> tuple[Claims, str]:
    claims = made.claims(TokenAudience.tenant, uuid7(), uuid7(), uuid7())
    return claims, made.issue(claims)


def kid_of(made: Tokens) -> str:
    return made.ring.signer().kid


def test_a_new_key_is_published_before_it_signs(clock: Clock) -> None:
    """R09: whoever verifies our tokens knows a key before the first token of it."""
    made = Tokens(ROOT, "insula.test")
    first, second = kid_of(made), key(START + 600)
    made.ring.hold([second])
    assert [it["kid"] for it in made.ring.published] == [first, second.kid]
    assert kid_of(made) == first
    clock.now += 599
    assert kid_of(made) == first
    clock.now += 1
    assert kid_of(made) == second.kid
    assert all("d" not in it for it in made.ring.published)


def test_the_old_key_is_believed_until_its_last_token_has_expired(
    clock: Clock,
) -> None:
    made = Tokens(ROOT, "insula.test")
    second = key(START + 600)
    made.ring.hold([second])
    clock.now += 599
    claims, last = issued(made)
    clock.now = claims.exp - 1
    assert made.read(last) == claims
    clock.now = START + 600 + LIFETIME
    assert [it["kid"] for it in made.ring.published] == [second.kid]
    with pytest.raises(Unauthenticated):
        made.read(last)
    claims, fresh = issued(made)
    assert made.read(fresh) == claims


def test_a_process_that_knows_the_new_key_already_is_understood_and_understands(
    clock: Clock,
) -> None:
    """Two processes, of which one changed over to the next key and one will."""
    one, other = Tokens(ROOT, "insula.test"), Tokens(ROOT, "insula.test")
    second = key(START)
    claims, before = issued(one)
    for made in (one, other):
        made.ring.hold([second])
    after = issued(other)
    assert one.read(after[1]) == after[0]
    assert other.read(before) == claims


def test_no_token_of_a_compromised_key_is_believed(clock: Clock) -> None:
    made = Tokens(ROOT, "insula.test")
    _, stolen = issued(made)
    made.ring.hold([key(START - 100), key(START, drops_older=True)])
    with pytest.raises(Unauthenticated):
        made.read(stolen)
    assert len(made.ring.published) == 1
    claims, fresh = issued(made)
    assert made.read(fresh) == claims


def test_a_key_of_nobody_signs_nothing_that_is_believed(clock: Clock) -> None:
    made, stranger = Tokens(ROOT, "insula.test"), Tokens(b"x" * 32, "insula.test")
    _, foreign = issued(stranger)
    with pytest.raises(Unauthenticated):
        made.read(foreign)
    clock.now += 1
