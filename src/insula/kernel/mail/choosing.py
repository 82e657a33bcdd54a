"""Choosing: how mail leaves this installation, and in whose name, by its settings."""

from email.utils import parseaddr

from insula.kernel.foundation.settings import Settings
from insula.kernel.mail.address import Address, BadAddress
from insula.kernel.mail.mailbox import FOLDER, Directory, Mailbox
from insula.kernel.mail.smtp import Smtp, SmtpServer
from insula.kernel.mail.transports import Null, Transport

PLATFORM = "Insula"


def open_transport(settings: Settings) -> Transport:
    """The way that the settings choose; raises ``ValueError`` for a malformed one."""
    way = settings.mail_way()
    if way == "directory":
        return Directory(settings.data_dir / FOLDER)
    if way == "smtp" and settings.smtp_url is not None:
        return Smtp(SmtpServer.at(settings.smtp_url.get_secret_value()))
    return Null()


def open_mailbox(settings: Settings) -> Mailbox:
    """The mailbox of development on this machine."""
    return Mailbox(settings.data_dir / FOLDER)


def platform_address(settings: Settings) -> Address:
    """Who mails come from that no tenant's own sender sends; raises ``ValueError``."""
    if settings.mail_from is None:
        return Address(f"no-reply@{settings.base_domain}", PLATFORM)
    name, email = parseaddr(settings.mail_from)
    try:
        return Address(email, name or PLATFORM)
    except BadAddress:
        raise ValueError(
            "INSULA_MAIL_FROM is an address such as no-reply@example.com, or"
            " Example <no-reply@example.com>"
        ) from None


def silence_of(settings: Settings) -> str | None:
    """What to tell the operator at the start when mail goes nowhere unasked, or None."""
    if settings.mail is not None or settings.mail_way() != "null":
        return None
    return (
        "No mail is sent: set INSULA_SMTP_URL to the mail server's address, or"
        " INSULA_MAIL=null if that is meant."
    )
