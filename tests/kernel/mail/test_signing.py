"""DKIM: what we sign is verified by an independent reading of the standard."""

import dkim  # type: ignore[import-untyped]  # no stubs
import pytest

from insula.kernel.mail.signing import SigningKey, is_published, make_key, sign

from .samples import a_mail


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """The key of Acme's domain."""
    return SigningKey("acme.test", "insula", make_key())


def verified(content: bytes, key: SigningKey) -> bool:
    """Whether a receiver that finds our record in the DNS believes the mail."""

    def dns(name: bytes, timeout: float) -> bytes:
        assert name.rstrip(b".").decode() == key.record_name
        return key.record.encode()

    return bool(dkim.verify(content, dnsfunc=dns))


def test_a_receiver_believes_what_we_signed(key: SigningKey) -> None:
    raw = a_mail(subject="Größe " * 30, html="<p>Über</p>" * 50).build()
    signed = sign(raw, key)
    assert signed.endswith(raw)
    assert verified(signed, key)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"on its way", b"on my way"),
        (b"Subject: Your order", b"Subject: Your bill"),
        (b"From: ", b"Reply-To: eve@evil.test\r\nFrom: "),
        (b"Date: ", b"List-Unsubscribe: <https://evil.test>\r\nDate: "),
    ],
)
def test_a_receiver_sees_what_was_changed_or_added(
    key: SigningKey, was: bytes, becomes: bytes
) -> None:
    signed = sign(a_mail().build(), key)
    head, body = signed[: len(signed) // 2], signed[len(signed) // 2 :]
    changed = (head + body).replace(was, becomes)
    assert changed != signed
    assert not verified(changed, key)


def test_a_record_is_found_again_in_the_form_that_the_dns_gives_it(
    key: SigningKey,
) -> None:
    record = key.record
    assert is_published(record, record)
    assert is_published(record, record.replace("; ", ";").replace("p=M", "p= M"))
    other = SigningKey("acme.test", "insula", make_key()).record
    for found in (other, "", "v=DKIM1; k=rsa; p=", "v=spf1 -all"):
        assert not is_published(record, found)
