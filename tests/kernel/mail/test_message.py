"""Mails going out: nothing that a caller says becomes a header of its own."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.errors import Invalid
from insula.kernel.mail.address import Address, BadAddress, BadHeader, key_of
from insula.kernel.mail.message import BadBody

from .samples import a_mail

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]


def read(raw: bytes) -> EmailMessage:
    """The mail as a reader's program sees it."""
    message: Any = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    """What the mail says in one form."""
    found = message.get_body((kind,))
    assert isinstance(found, EmailMessage)
    return str(found.get_content()).strip()


def test_a_mail_of_html_alone_has_a_text_for_every_reader() -> None:
    html = "<p>Hello <b>Ada</b>, see <a href='https://acme.test/1'>it</a>.</p>"
    message = read(a_mail(text="", html=html).build())
    assert part(message, "plain") == "Hello Ada, see it (https://acme.test/1)."
    assert part(message, "html") == html
    assert [it.get_content_type() for it in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


def test_names_and_subjects_of_all_alphabets_arrive_as_they_were_written() -> None:
    to = Address("m@bücher.example", 'مرحبا "Größe", <x@y.test> ' * 4)
    raw = a_mail(to=to, subject="Größe 東京 " * 12).build()
    plain = message_from_bytes(raw)
    shown = {it: str(make_header(decode_header(plain[it]))) for it in ("To", "Subject")}
    assert shown["To"] == f"{to.name.strip()} <m@xn--bcher-kva.example>"
    assert shown["Subject"].strip() == ("Größe 東京 " * 12).strip()


def test_a_long_link_to_unsubscribe_stays_in_one_piece() -> None:
    url = "https://acme.test/unsubscribe?token=" + "a" * 400
    raw = a_mail(unsubscribe=url).build()
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


@given(st.text(max_size=60), st.sampled_from(["name", "subject", "header", "email"]))
def test_nothing_that_is_said_becomes_a_header(said: str, place: str) -> None:
    """PITFALLS 37: a mail is refused, or has exactly the headers that it should."""
    more: dict[str, Any] = {"subject": f"S{said}"}
    expected = HEADERS
    try:
        if place == "name":
            more = {"to": Address("ada@people.test", said)}
        elif place == "email":
            more = {"to": Address(f"{said}@people.test")}
        elif place == "header":
            more = {"headers": {"X-Said": f"S{said}"}}
            expected = [*HEADERS[:6], "X-Said", *HEADERS[6:]]
        raw = a_mail(**more).build()
    except Invalid:
        return
    head = raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n")]
    assert [it for it in names if not it.startswith((" ", "\t"))] == sorted(
        expected, key=lambda name: names.index(name)
    )
    assert read(raw)["To"].addresses[0].domain == "people.test"
    assert len(read(raw)["To"].addresses) == 1


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\x85", "\u2028"])
def test_a_value_that_could_end_its_line_is_refused(end: str) -> None:
    said = f"x{end}Bcc: all@people.test"
    with pytest.raises(BadHeader):
        a_mail(subject=said)
    with pytest.raises(BadHeader):
        Address("ada@people.test", said)
    with pytest.raises(BadHeader):
        a_mail(headers={"X-A": said})
    with pytest.raises(BadHeader):
        a_mail(message_id=said)
    with pytest.raises(BadHeader):
        a_mail(unsubscribe=said)
    with pytest.raises(BadAddress):
        Address(f"ada{end}@people.test")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@people.test",
        "ada@",
        "ada@people..test",
        "ada@-people.test",
        "a da@people.test",
        "ada@people.test, eve@people.test",
        "<ada@people.test>",
        "ada..b@people.test",
        "ädä@people.test",
        '"a b"@people.test',
        "ada@[127.0.0.1]",
        "a" * 65 + "@people.test",
        "ada@" + "a." * 130 + "test",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(BadAddress):
        Address(email)


def test_two_spellings_of_an_address_are_one() -> None:
    assert key_of(" Ada@People.TEST") == key_of("ada@people.test")


def test_a_mail_says_something() -> None:
    with pytest.raises(BadBody):
        a_mail(text="  ")
    with pytest.raises(BadBody):
        a_mail(subject=" ")
