"""Access tokens: only our own text, under our own key, for its hour, is believed."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.secret import derive
from insula.kernel.identity import tokens
from insula.kernel.identity.tokens import LONGEST, Claims, TokenAudience, Tokens

KEY = b"k" * 32
TOKENS = Tokens(KEY, "https://insula.test")
PRIVATE = OKPKey.derive_key(derive(KEY, "token:ed25519"))
CLAIMS = TOKENS.claims(TokenAudience.tenant, uuid7(), uuid7(), uuid7())
GOOD = TOKENS.issue(CLAIMS)
HEADER: dict[str, Any] = {
    "alg": "Ed25519",
    "kid": PRIVATE.thumbprint(),
    "typ": "at+jwt",
}


def _segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _payload(**changes: object) -> bytes:
    claims = {**msgspec.to_builtins(CLAIMS), **changes}
    return json.dumps({k: v for k, v in claims.items() if v is not None}).encode()


def _signed(
    payload: bytes, header: dict[str, Any] | None = None, key: OKPKey = PRIVATE
) -> str:
    return jws.serialize_compact(
        header or dict(HEADER), payload, key, algorithms=["Ed25519"]
    )


def refused(token: str) -> bool:
    with pytest.raises(Unauthenticated):
        TOKENS.read(token)
    return True


def test_a_token_says_what_was_put_into_it() -> None:
    assert TOKENS.read(GOOD) == CLAIMS
    assert CLAIMS.exp - CLAIMS.iat == 3600  # S0-50
    assert json.loads(_payload())["tenant_id"] == str(CLAIMS.tenant_id)  # S0-38
    assert TOKENS.read(_signed(_payload())) == CLAIMS


def test_every_process_with_the_root_key_reads_the_tokens_of_the_others() -> None:
    assert Tokens(KEY, "https://insula.test").read(GOOD) == CLAIMS
    with pytest.raises(Unauthenticated):
        Tokens(b"x" * 32, "https://insula.test").read(GOOD)


def test_a_token_without_a_signature_is_refused() -> None:
    for alg in ("none", "None", "NONE", ""):
        header = _segment({**HEADER, "alg": alg})
        assert refused(f"{header}.{_segment(_payload())}.")
        assert refused(f"{header}.{_segment(_payload())}.{'A' * 86}")
    assert refused(GOOD.rpartition(".")[0] + ".")


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    public = PRIVATE.as_dict(private=False)
    raw = base64.urlsafe_b64decode(str(public["x"]) + "=")
    for secret in (raw, json.dumps(public).encode(), PRIVATE.as_pem(private=False)):
        header = {**HEADER, "alg": "HS256"}
        text = f"{_segment(header)}.{_segment(_payload())}"
        mac = hmac.digest(secret, text.encode(), hashlib.sha256)
        assert refused(f"{text}.{_segment(mac)}")
        own_header = f"{_segment(HEADER)}.{_segment(_payload())}"
        mac = hmac.digest(secret, own_header.encode(), hashlib.sha512)
        assert refused(f"{own_header}.{_segment(mac)}")


@pytest.mark.parametrize(
    "change",
    [
        {"typ": "JWT"},
        {"typ": "rt+jwt"},
        {"kid": "another"},
        {"kid": ""},
        {"alg": "EdDSA"},
        {"crit": ["b64"], "b64": False},
        {"jwk": {"kty": "OKP"}},
    ],
)
def test_a_token_with_another_header_is_refused(change: dict[str, Any]) -> None:
    text = f"{_segment({**HEADER, **change})}.{_segment(_payload())}"
    signature = PRIVATE.private_key.sign(text.encode())  # type: ignore[union-attr]  # has one
    assert refused(f"{text}.{_segment(signature)}")


def test_a_token_with_a_key_of_its_own_is_refused() -> None:
    own = OKPKey.generate_key("Ed25519")
    assert refused(_signed(_payload(), key=own))
    assert refused(_signed(_payload(), {**HEADER, "kid": own.thumbprint()}, own))


@pytest.mark.parametrize(
    "payload",
    [
        lambda: _payload(iss="https://elsewhere.test"),
        lambda: _payload(aud="refresh"),
        lambda: _payload(aud=["tenant"]),
        lambda: _payload(aud="operator"),
        lambda: _payload(tenant_id=None),
        lambda: _payload(exp=int(time.time()) - 1),
        lambda: _payload(exp=None),
        lambda: _payload(exp="4102444800"),
        lambda: _payload(sub=None),
        lambda: _payload(sid="not a uuid"),
        lambda: _payload(admin=True),
        lambda: b"[]",
        lambda: b"null",
        lambda: b"{",
        lambda: b"\xff\xfe",
    ],
)
def test_a_token_that_says_other_things_is_refused(
    payload: Callable[[], bytes],
) -> None:
    assert refused(_signed(payload()))


def test_a_token_is_good_until_its_last_second_and_no_longer() -> None:
    claims = msgspec.structs.replace(CLAIMS, exp=int(time.time()) + 5)
    assert TOKENS.read(TOKENS.issue(claims)) == claims
    late = msgspec.structs.replace(CLAIMS, exp=int(time.time()))
    assert refused(TOKENS.issue(late))


def test_a_token_changed_in_any_character_is_refused() -> None:
    signature = GOOD.rindex(".") + 1
    for place in range(0, len(GOOD) - 1, 7):
        other = "A" if GOOD[place] != "A" else "B"
        assert refused(GOOD[:place] + other + GOOD[place + 1 :])
    assert refused(GOOD + "A")
    assert refused(GOOD[:signature] + "*" + GOOD[signature:])
    assert refused(" " + GOOD)


def test_a_token_that_is_far_too_long_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "SHAPE", None)  # whoever looked would fail
    assert refused("a" * (LONGEST + 1))


@given(st.text(max_size=300) | st.builds(lambda s: f"{GOOD[:117]}{s}", st.text()))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    assert refused(text)


def test_an_operators_token_names_no_tenant() -> None:
    claims = TOKENS.claims(TokenAudience.operator, uuid7(), uuid7())
    assert TOKENS.read(TOKENS.issue(claims)).tenant_id is None
    mixed: Claims = msgspec.structs.replace(claims, tenant_id=uuid7())
    assert refused(TOKENS.issue(mixed))
