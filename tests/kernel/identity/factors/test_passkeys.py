"""Passkeys: what a device signs for this host and these pages, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.factors import passkeys
from insula.kernel.identity.factors.passkeys import (
    KnownPasskey,
    NewPasskey,
    PasskeyRefused,
    Person,
    Proof,
    Site,
)

from .authenticator import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    VERIFIED,
    Authenticator,
    decoded,
    encoded,
)

SITE = Site("acme.test", "Acme", ("https://acme.test", "https://acme.test:8443"))
CHALLENGE, OTHER = b"what is to be signed here", b"what was to be signed before"
ADA = Person(uuid7(), "ada@acme.test", "Ada")

Answer = dict[str, Any]


def register(device: Authenticator, challenge: bytes = CHALLENGE) -> Answer:
    """What the device answers that is asked to make a passkey."""
    return device.create(passkeys.creation_options(SITE, ADA, challenge))


def known_of(made: NewPasskey) -> KnownPasskey:
    """What a table keeps of it."""
    return KnownPasskey(made.credential_id, made.public_key, made.sign_count)


def use(device: Authenticator, challenge: bytes = CHALLENGE) -> Answer:
    """What the device answers that is asked to use its last passkey."""
    return device.get(passkeys.request_options(SITE, challenge))


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(SITE.origins[0])


@pytest.fixture
def known(device: Authenticator) -> KnownPasskey:
    return known_of(passkeys.made(SITE, CHALLENGE, register(device)))


def test_a_passkey_is_made_and_used(device: Authenticator) -> None:
    made = passkeys.made(SITE, CHALLENGE, register(device))
    assert made.credential_id == encoded(device.keys[0].id)
    assert (made.sign_count, made.backed_up) == (0, False)
    assert passkeys.challenge_in(use(device)) == CHALLENGE
    proof = passkeys.proved(SITE, CHALLENGE, use(device), known_of(made))
    assert proof == Proof(sign_count=2, person=True, backed_up=False)


def test_the_options_name_the_site_and_the_person(known: KnownPasskey) -> None:
    """Those that are known already are named, so that no device gets a second one."""
    key = known.credential_id
    made = passkeys.creation_options(SITE, ADA, CHALLENGE, [key])
    assert made["rp"] == {"id": "acme.test", "name": "Acme"}
    assert decoded(made["user"]["id"]) == ADA.handle.bytes
    assert [it["id"] for it in made["excludeCredentials"]] == [key]
    assert made["attestation"] == "none"
    assert decoded(made["challenge"]) == CHALLENGE
    alone = passkeys.request_options(SITE, CHALLENGE)
    assert (alone["rpId"], alone["userVerification"]) == ("acme.test", "required")
    assert alone["allowCredentials"] == []
    second = passkeys.request_options(SITE, CHALLENGE, [key])
    assert second["userVerification"] == "preferred"
    assert [it["id"] for it in second["allowCredentials"]] == [key]


@pytest.mark.parametrize(
    "origin",
    [
        "https://globex.test",
        "http://acme.test",
        "https://www.acme.test",
        "https://acme.test.evil.test",
        "https://acme.test/",
        "https://ACME.test",
        "https://acme.test:443",
    ],
)
def test_a_page_elsewhere_can_use_nothing(origin: str, known: KnownPasskey) -> None:
    """The origin is compared exactly: no suffix, no other scheme, no other port."""
    elsewhere = Authenticator(origin)
    with pytest.raises(PasskeyRefused):
        passkeys.made(SITE, CHALLENGE, register(elsewhere))
    with pytest.raises(PasskeyRefused):
        passkeys.proved(SITE, CHALLENGE, use(elsewhere), known)


def _of_other_host(device: Authenticator) -> Answer:
    device.keys[-1].host = "globex.test"
    return use(device)


def _of_other_challenge(device: Authenticator) -> Answer:
    return use(device, OTHER)


def _by_other_key(device: Authenticator) -> Answer:
    own = device.keys[-1]
    register(device)
    device.keys[-1].id = own.id
    return use(device)


def _of_nobody(device: Authenticator) -> Answer:
    device.flags = 0
    return use(device)


def _changed(device: Authenticator) -> Answer:
    answer = use(device)
    data = bytearray(decoded(answer["response"]["authenticatorData"]))
    data[-1] += 1
    answer["response"]["authenticatorData"] = encoded(bytes(data))
    return answer


def _of_a_creation(device: Authenticator) -> Answer:
    """A signature over what only a creation says, told as a use."""
    answer = use(device)
    client = json.loads(decoded(answer["response"]["clientDataJSON"]))
    said = json.dumps({**client, "type": "webauthn.create"}).encode()
    answer["response"]["clientDataJSON"] = encoded(said)
    return answer


@pytest.mark.parametrize(
    "forge",
    [
        _of_other_host,
        _of_other_challenge,
        _by_other_key,
        _of_nobody,
        _changed,
        _of_a_creation,
    ],
)
def test_what_proves_nothing_is_refused(
    device: Authenticator, known: KnownPasskey, forge: Callable[[Authenticator], Answer]
) -> None:
    passkeys.proved(SITE, CHALLENGE, use(device), known)
    with pytest.raises(PasskeyRefused):
        passkeys.proved(SITE, CHALLENGE, forge(device), known)


def test_an_id_that_no_device_makes_is_refused(device: Authenticator) -> None:
    """Promise 15: it would not fit where ids are kept."""
    device.id_length = 1_024
    with pytest.raises(PasskeyRefused):
        passkeys.made(SITE, CHALLENGE, register(device))
    device.id_length = 1_023
    passkeys.made(SITE, CHALLENGE, register(device))


def test_a_copy_is_found_out_by_its_count(
    device: Authenticator, known: KnownPasskey
) -> None:
    """The original counted on; who has an old copy shows a count that was seen."""
    first = passkeys.proved(SITE, CHALLENGE, use(device), known)
    seen = known._replace(sign_count=first.sign_count)
    passkeys.proved(SITE, CHALLENGE, use(device), seen)
    for number in (seen.sign_count, seen.sign_count - 1):
        device.keys[-1].count, device.counts = number, False
        with pytest.raises(PasskeyRefused):
            passkeys.proved(SITE, CHALLENGE, use(device), seen)


def test_a_device_that_does_not_count_is_believed(device: Authenticator) -> None:
    """Passkeys that are synchronised have no count: it is always zero."""
    device.counts = False
    device.flags |= ELIGIBLE | BACKED_UP
    made = passkeys.made(SITE, CHALLENGE, register(device))
    assert made.backed_up
    for _ in range(2):
        proof = passkeys.proved(SITE, CHALLENGE, use(device), known_of(made))
        assert (proof.sign_count, proof.backed_up) == (0, True)


def test_it_is_told_whether_the_device_knew_its_user(
    device: Authenticator, known: KnownPasskey
) -> None:
    """Only then is a passkey two factors."""
    device.flags = PRESENT
    assert not passkeys.proved(SITE, CHALLENGE, use(device), known).person
    device.flags = PRESENT | VERIFIED
    assert passkeys.proved(SITE, CHALLENGE, use(device), known).person


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.text(max_size=9), it),
    max_leaves=8,
)
TEXT = st.binary(max_size=200).map(encoded) | st.text(max_size=40)


@given(answer=JSON | TEXT, parts=st.lists(TEXT, min_size=6, max_size=6))
def test_nothing_that_a_client_sends_is_a_fault_of_ours(
    answer: Any, parts: list[str]
) -> None:
    """Promise 15: whatever comes is refused, in one way."""
    names = ("clientDataJSON", "authenticatorData", "signature", "attestationObject")
    shaped = {"id": parts[4], "rawId": parts[4], "type": "public-key"}
    shaped |= {"response": dict(zip(names, parts, strict=False))}  # type: ignore[dict-item]  # on purpose
    known = KnownPasskey(parts[4], encoded(b"\xa0"), 0)
    given_ = [shaped, {"response": answer}, {"id": answer}]
    for each in given_:
        for look in (
            lambda it: passkeys.challenge_in(it),
            lambda it: passkeys.made(SITE, CHALLENGE, it),
            lambda it: passkeys.proved(SITE, CHALLENGE, it, known),
        ):
            with pytest.raises(PasskeyRefused):
                look(each)


@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_no_changed_byte_of_an_attestation_is_a_fault_of_ours(
    at: int, byte: int
) -> None:
    """Promise 15: CBOR that is almost right is the harder case."""
    answer = register(Authenticator(SITE.origins[0]))
    raw = bytearray(decoded(answer["response"]["attestationObject"]))
    raw[at % len(raw)] = byte
    answer["response"]["attestationObject"] = encoded(bytes(raw))
    try:
        passkeys.made(SITE, CHALLENGE, answer)
    except PasskeyRefused:
        return
