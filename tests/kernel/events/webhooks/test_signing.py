"""Signatures: the official library accepts ours, and we accept its own."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from insula.kernel.events.webhooks.signing import (
    SignatureInvalid,
    TimestampInvalid,
    new_key_pair,
    new_secret,
    sign,
    verify,
)
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Unauthenticated

BODY = '{"type":"maintenance.asset.created","data":{"name":"Pümpe"}}'.encode()
MINUTES_5 = timedelta(minutes=5)


def test_the_official_library_verifies_what_we_sign() -> None:
    """S4-34: HMAC-SHA256 in the form of Standard Webhooks."""
    secret = new_secret()
    headers = sign("msg_1", now(), BODY, [secret])
    assert Webhook(secret).verify(BODY, headers)["type"] == "maintenance.asset.created"


def test_we_verify_what_the_official_library_signs() -> None:
    secret, at = new_secret(), datetime.now(UTC).replace(microsecond=0)
    signature = Webhook(secret).sign("msg_2", at, BODY.decode())
    headers = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1a,xxxx nonsense {signature}",
    }
    assert verify(headers, BODY, [new_secret(), secret], at=at) == "msg_2"


def test_with_two_live_secrets_either_verifies() -> None:
    """S4-34: a receiver may change its secret at any moment of a rotation."""
    old, new = new_secret(), new_secret()
    headers = sign("msg_3", now(), BODY, [new, old])
    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_the_asymmetric_signature_stands_beside_the_other() -> None:
    pair, secret = new_key_pair(), new_secret()
    headers = sign("msg_4", now(), BODY, [secret, pair.private])
    assert Webhook(secret).verify(BODY, headers)
    assert verify(headers, BODY, [pair.public], at=now()) == "msg_4"
    with pytest.raises(SignatureInvalid):
        verify(headers, BODY, [new_key_pair().public], at=now())


def test_a_key_pair_never_shows_its_private_half() -> None:
    assert "whsk_" not in repr(new_key_pair())


@pytest.mark.parametrize("shift", [-MINUTES_5, timedelta(0), MINUTES_5])
def test_five_minutes_either_way_are_tolerated(shift: timedelta) -> None:
    secret, at = new_secret(), now().replace(microsecond=0)
    headers = sign("msg_5", at + shift, BODY, [secret])
    assert verify(headers, BODY, [secret], at=at) == "msg_5"
    late = at + (shift or MINUTES_5) + (shift or timedelta(0)) + timedelta(seconds=1)
    if shift >= timedelta(0):
        with pytest.raises(TimestampInvalid):
            verify(sign("m", late, BODY, [secret]), BODY, [secret], at=at)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_7"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 257},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 40},
        {"webhook-timestamp": "٣"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,!!!"},
        {"webhook-signature": "v2,AAAA"},
    ],
)
def test_a_changed_header_is_refused(change: dict[str, str]) -> None:
    secret = new_secret()
    headers = sign("msg_6", now(), BODY, [secret]) | change
    with pytest.raises(Unauthenticated):
        verify(headers, BODY, [secret], at=now())


@given(st.binary(max_size=50), st.text(max_size=50), st.text(max_size=99))
def test_nothing_made_up_is_ever_accepted(body: bytes, key: str, made_up: str) -> None:
    headers = sign("msg_8", now(), body, [new_secret()])
    forged = base64.b64encode(key.encode()).decode()
    for signature in (made_up, f"v1,{forged}", f"v1a,{forged}", f"v1,{made_up}"):
        with pytest.raises(SignatureInvalid):
            verify(
                headers | {"webhook-signature": signature},
                body,
                [new_secret(), new_key_pair().public],
                at=now(),
            )
