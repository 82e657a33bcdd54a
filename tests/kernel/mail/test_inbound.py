"""Mail coming in: read as a person would, and never more expensive than its size."""

import time
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.mail.bounces import Verdict
from insula.kernel.mail.inbound import Limits, Unreadable, read_mail
from insula.kernel.mail.plain_text import text_of

from .samples import COMPLAINT, REPORT, SENT, a_mail

PIECES = st.sampled_from(
    [
        b"From: a@b.test\r\n",
        b"To: =?utf-8?q?x?= <c@d.test>, ;,\r\n",
        b"Subject: =?utf-8?b?////?= =?x?q?y?=\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/report; boundary*0*=utf-8''b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b'Content-Type: text/html; charset="\xff"\r\n',
        b"Content-Disposition: attachment; filename*=x'y'%ff\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: uuencode\r\n",
        b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n",
        b"Message-ID: <<>>\r\n",
        b"Action: failed\r\nFinal-Recipient: rfc822;\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"begin 666 x\r\n",
        b"<b>=3D\r\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=30), max_size=25))
def test_hostile_mail_is_read_or_unreadable_and_nothing_else(
    pieces: list[bytes],
) -> None:
    try:
        mail = read_mail(b"".join(pieces))
    except Unreadable:
        return
    assert "\n" not in mail.subject + mail.sender + "".join(mail.to)
    assert all("/" not in it.name for it in mail.attachments)


NESTED = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(NESTED % (at, at) for at in range(5_000)),
        b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * 5_000,
        b"From: a@b.test\r\n\r\n" + b"x" * 2_000_000,
        b"".join(NESTED % (at, at) for at in range(30)),
        b"Content-Type: text/plain; " + b"a*0=b;" * 150_000,
        b"X: y\r\nContent-Disposition: x;" + b"\r\n a;" * 150_000,
    ],
)
def test_what_goes_beyond_the_limits_is_unreadable(raw: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(Unreadable):
        read_mail(raw, Limits(size=1_000_000))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<",
        "</",
        "<a",
        "<a b='",
        "<a href='http://x'>",
        "</a>",
        "<script>",
        "&",
        "\n",
    ],
)
def test_html_costs_its_size_however_it_is_broken(piece: str) -> None:
    began = time.monotonic()
    text_of(piece * (500_000 // len(piece)))
    assert time.monotonic() - began < 5


def test_a_mail_of_ours_is_read_as_it_was_written() -> None:
    html = "<p>It is <i>on</i> its way.</p><script>alert(1)</script>"
    raw = a_mail(subject="Größe 東京 " * 9, html=html).build()
    mail = read_mail(raw)
    assert (mail.sender, mail.to) == ("office@acme.test", ("ada@people.test",))
    assert mail.subject == ("Größe 東京 " * 9).strip()
    assert mail.text.strip() == "It is on its way."
    assert (mail.message_id, mail.date, mail.automatic) == ("1@acme.test", SENT, True)
    assert (mail.attachments, mail.bounces) == ((), ())


def test_an_answer_of_a_person_with_a_file() -> None:
    message = EmailMessage()
    message["From"], message["To"] = "Ada <Ada@people.test>", "help@acme.test"
    message["In-Reply-To"], message["References"] = (
        "<1@acme.test>",
        "<0@a.b> <1@acme.test>",
    )
    message.set_content("<p>No,<br>thanks</p>", subtype="html")
    message.add_attachment(
        b"%PDF", maintype="application", subtype="pdf", filename="../../etc/a.pdf"
    )
    mail = read_mail(message.as_bytes())
    assert (mail.text, mail.automatic) == ("No,\nthanks", False)
    assert mail.in_reply_to == "1@acme.test"
    assert mail.references == ("0@a.b", "1@acme.test")
    (file,) = mail.attachments
    assert (file.name, file.content_type, file.size) == ("a.pdf", "application/pdf", 4)


def test_a_report_says_who_was_not_reached_and_why() -> None:
    """RFC 3464: dead is for ever, a full mailbox is not."""
    mail = read_mail(REPORT)
    dead, full = mail.bounces
    assert (dead.recipient, dead.verdict, dead.status) == (
        "Ada@people.test",
        Verdict.dead,
        "5.1.1",
    )
    assert "User unknown" in dead.reason
    assert (full.recipient, full.verdict) == ("full@people.test", Verdict.delayed)
    assert dead.message_id == full.message_id == "1@acme.test"
    assert mail.automatic


def test_a_complaint_is_told_from_a_bounce() -> None:
    """RFC 5965."""
    (bounce,) = read_mail(COMPLAINT).bounces
    assert (bounce.recipient, bounce.verdict) == ("ada@people.test", Verdict.complained)
    assert bounce.message_id == "2@acme.test"


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        ("Auto-Submitted: auto-replied", True),
        ("Auto-Submitted: no", False),
        ("Precedence: bulk", True),
        ("X-Autoreply: yes", True),
        ("Return-Path: <>", True),
        ("Return-Path: <ada@people.test>", False),
    ],
)
def test_programs_are_told_from_people(header: str, automatic: bool) -> None:
    raw = f"From: ada@people.test\r\n{header}\r\n\r\nHello"
    assert read_mail(raw.encode()).automatic is automatic
