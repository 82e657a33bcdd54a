"""SMTP against a real server: what is handed over, what is refused, and for how long."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from insula.kernel.mail.smtp import BadSmtpUrl, Smtp, SmtpServer
from insula.kernel.mail.transports import PermanentRefusal, TemporaryRefusal

from .samples import an_envelope
from .server import serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine that signs itself, with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(now - dt.timedelta(1)).add_extension(
        names, False
    )
    made = builder.not_valid_after(now + dt.timedelta(1)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, plain)
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_connection_carries_many_mails() -> None:
    async with serving() as inbox:
        smtp = Smtp(inbox.server())
        for _ in range(3):
            await smtp.send(an_envelope())
        await smtp.close()
    assert (len(inbox.mails), inbox.connections) == (3, 1)
    assert b"\r\nSubject: Your order\r\n" in inbox.mails[0]


async def test_the_line_is_encrypted_before_we_sign_in(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with serving(server_side(certificate), require_starttls=True) as inbox:
        login = {"user": "acme", "password": "right"}
        smtp = Smtp(inbox.server(tls="starttls", context=trusting, **login))
        await smtp.send(an_envelope())
        await smtp.close()
    assert inbox.logins == [b"acme:right"]
    assert inbox.secured == len(inbox.mails) == 1


async def test_a_server_that_cannot_prove_itself_gets_no_mail(
    certificate: Path,
) -> None:
    async with serving(server_side(certificate)) as inbox:
        smtp = Smtp(inbox.server(tls="starttls"))
        with pytest.raises(TemporaryRefusal, match="no connection"):
            await smtp.send(an_envelope())
    assert inbox.mails == []


async def test_a_server_without_encryption_gets_no_mail() -> None:
    """Nobody between us and it can talk us out of STARTTLS."""
    async with serving() as inbox:
        smtp = Smtp(inbox.server(tls="starttls"))
        with pytest.raises(TemporaryRefusal, match="no connection"):
            await smtp.send(an_envelope())
    assert inbox.mails == []


async def test_a_server_that_is_busy_takes_the_mail_later() -> None:
    async with serving() as inbox:
        smtp = Smtp(inbox.server())
        inbox.to_recipient = ["451 4.7.1 Greylisted, try again later"]
        with pytest.raises(TemporaryRefusal, match=r"451 4\.7\.1"):
            await smtp.send(an_envelope())
        await smtp.send(an_envelope())
        await smtp.close()
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("answer", "is_dead"),
    [
        ("550 5.1.1 User unknown", True),
        ("550 No such user here", True),
        ("553 5.1.2 Bad destination", True),
        ("550 5.7.1 Blocked by policy", False),
        ("552 5.2.2 Mailbox full", False),
        ("554 Transaction failed", False),
    ],
)
async def test_a_refusal_for_ever_says_whether_anybody_is_there(
    answer: str, is_dead: bool
) -> None:
    async with serving() as inbox:
        smtp = Smtp(inbox.server())
        inbox.to_recipient = [answer]
        with pytest.raises(PermanentRefusal) as refused:
            await smtp.send(an_envelope())
        assert refused.value.address_is_dead is is_dead
        await smtp.send(an_envelope())
        await smtp.close()
    assert (len(inbox.mails), inbox.connections) == (1, 1)


async def test_a_mail_that_is_refused_leaves_its_address_alone() -> None:
    async with serving() as inbox:
        smtp = Smtp(inbox.server())
        inbox.to_mail = ["554 5.6.0 We do not like what it says"]
        with pytest.raises(PermanentRefusal) as refused:
            await smtp.send(an_envelope())
        await smtp.close()
    assert not refused.value.address_is_dead


async def test_wrong_credentials_are_our_fault_and_are_not_repeated_in_words() -> None:
    async with serving(auth_require_tls=False) as inbox:
        port = inbox.port
        smtp = Smtp(SmtpServer("127.0.0.1", port, "none", "acme", "s3cret-w0rd"))
        with pytest.raises(TemporaryRefusal) as refused:
            await smtp.send(an_envelope())
    assert "s3cret" not in str(refused.value)


async def test_nobody_listens() -> None:
    async with serving() as inbox:
        pass
    with pytest.raises(TemporaryRefusal, match="no connection"):
        await Smtp(inbox.server()).send(an_envelope())


def test_the_address_of_a_server_is_read() -> None:
    at = SmtpServer.at
    assert at("smtp://mx.test") == SmtpServer("mx.test", 587, "starttls")
    assert at("smtps://mx.test") == SmtpServer("mx.test", 465, "implicit")
    assert at("smtp://u%40a:p%2Fw@mx.test:25?tls=none") == SmtpServer(
        "mx.test", 25, "none", "u@a", "p/w"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mx.test",
        "http://mx.test",
        "smtp://",
        "smtp://a:s3cret@h:x",
        "smtp://h?tls=x",
    ],
)
def test_a_malformed_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadSmtpUrl) as refused:
        SmtpServer.at(url)
    assert "s3cret" not in str(refused.value)
