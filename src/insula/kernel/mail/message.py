"""Mails going out: a subject, a text that anybody can read, and perhaps HTML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.headerregistry import Address as Mailbox
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, quote
from typing import Any

from insula.kernel.foundation.errors import Invalid
from insula.kernel.mail.address import Address, BadHeader, is_control, one_line
from insula.kernel.mail.plain_text import text_of

LONGEST_SUBJECT = 255
LONGEST_TARGET = 900
"""Characters of a link in a header, which stands on one line (998 at most)."""


WHOLE = frozenset({"subject", "list-unsubscribe", "references", "in-reply-to"})
"""Headers that stay on one line when they are ASCII: the library would cut words."""


class Wire(EmailPolicy):
    """How a mail is written for its way: CRLF and seven bits.

    Encoded words are made by ``Header``: what the policy itself makes of long ones
    loses spaces, and it encodes links.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The lines of one header."""
        if isinstance(value, AddressHeader):
            words = ", ".join(_shown(it) for it in value.addresses)
        elif name.lower() in WHOLE:
            words = _words(name, str(value))
        else:
            return super().fold_binary(name, value)
        return f"{name}: {words}\r\n".encode()


def _words(name: str, text: str) -> str:
    """A text as it stands in a header: as it is, or as encoded words (RFC 2047)."""
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def _shown(mailbox: Mailbox) -> str:
    name, address = mailbox.display_name, f"<{mailbox.addr_spec}>"
    if name.isascii() and "=?" not in name:
        return f'"{quote(name)}" {address}' if name else address
    return f"{_words('Reply-To', name)}\r\n {address}"


WIRE = Wire(linesep=SMTP.linesep, cte_type="7bit")


class BadBody(Invalid):
    """A mail needs a subject and something to read."""

    code = "MAIL_EMPTY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one person, checked when it is made.

    ``message_id`` is without its angle brackets; ``unsubscribe`` is where one request
    ends such mails (RFC 8058). Without a ``text`` it is made from the HTML.
    """

    sender: Address
    to: Address
    subject: str
    message_id: str
    date: datetime
    text: str = ""
    html: str | None = None
    reply_to: Address | None = None
    unsubscribe: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could become a header of its own, and what says nothing."""
        one_line("Subject", self.subject)
        one_line("Message-ID", self.message_id)
        one_line("List-Unsubscribe", self.unsubscribe or "")
        for name, value in self.headers.items():
            if not name.isascii() or not name.replace("-", "").isalnum():
                raise BadHeader(name="of that name")
            one_line(name, value)
        if not self.text.strip() and self.html is not None:
            object.__setattr__(self, "text", text_of(self.html))
        if not self.subject.strip() or not self.text.strip():
            raise BadBody

    def build(self) -> bytes:
        """The mail as it travels; its text comes first, for whoever shows no HTML."""
        message = EmailMessage(policy=WIRE)
        for name, value in (*self._headers(), *self.headers.items()):
            message[name] = value
        message.set_content(_visible(self.text))
        if self.html is not None:
            message.add_alternative(_visible(self.html), subtype="html")
        return message.as_bytes()

    def _headers(self) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = [
            ("From", _mailbox(self.sender)),
            ("To", _mailbox(self.to)),
            ("Subject", self.subject[:LONGEST_SUBJECT]),
            ("Date", format_datetime(self.date)),
            ("Message-ID", f"<{self.message_id}>"),
            ("Auto-Submitted", "auto-generated"),
        ]
        if self.reply_to is not None:
            found.append(("Reply-To", _mailbox(self.reply_to)))
        if self.unsubscribe is not None:
            found.append(("List-Unsubscribe", f"<{self.unsubscribe[:LONGEST_TARGET]}>"))
            found.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        return found


def _mailbox(address: Address) -> Mailbox:
    return Mailbox(address.name, addr_spec=address.email)


def _visible(text: str) -> str:
    """A body without the characters that end or garble it on its way."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(it for it in lines if it in "\n\t" or not is_control(it)) + "\n"
