"""Mail coming in: a message of anybody, made into a value that is safe to look at.

The structure is read by the standard library, after bounds that keep hostile mail
from costing more than its size; what is read is text alone, never HTML.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from insula.kernel.foundation.errors import Invalid
from insula.kernel.mail.address import BadAddress, checked
from insula.kernel.mail.bounces import Bounce, bounces_of, is_automatic
from insula.kernel.mail.headers import (
    header_of,
    headers_of,
    identifiers,
    is_kind,
    is_message,
)
from insula.kernel.mail.plain_text import text_of

MOST_ADDRESSES = 100
LONGEST_FIELD = 8192
FIELD = re.compile(
    rb"(?:\A|[\r\n])content-(?:type|disposition)[^\r\n]*"
    rb"(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*",
    re.IGNORECASE,
)
REPORTS = frozenset({"message/delivery-status", "message/feedback-report"})
HOSTILE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MessageError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the standard library raises, somewhere, for mail that no program ever wrote."""


class Unreadable(Invalid):
    """This is no mail that can be read."""

    code = "MAIL_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a mail is looked at; what goes beyond is ``Unreadable``."""

    size: int = 25 * 1_048_576
    parts: int = 200
    depth: int = 20
    text: int = 1_048_576
    """Characters of text; longer ones are cut."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail; its name and type are the sender's claims."""

    name: str
    content_type: str
    content: bytes

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMail:
    """A mail as it came in.

    ``sender`` is "" where the mail names none that is valid. ``text`` is what a person
    reads, taken from the HTML where the mail brings no text; ``html`` is the HTML as
    it was sent and must never be shown outside a sandbox.
    """

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    date: datetime | None
    automatic: bool
    """Made by a program: it must not be answered by one."""
    bounces: tuple[Bounce, ...]
    attachments: tuple[Attachment, ...]


def read_mail(raw: bytes, limits: Limits | None = None) -> InboundMail:
    """The mail that these bytes are; raises ``Unreadable``, and nothing else."""
    bounds = limits or Limits()
    if len(raw) > bounds.size or _may_nest(raw) > bounds.parts or _is_wordy(raw):
        raise Unreadable
    try:
        message = message_from_bytes(raw)
        parts = list(_leaves(message, bounds))
        return _read(message, parts, bounds)
    except HOSTILE:
        raise Unreadable from None


def _may_nest(raw: bytes) -> int:
    """How many parts may have parts: each costs a look at every line below it."""
    low = raw.lower()
    return low.count(b"boundary") + low.count(b"message/")


def _is_wordy(raw: bytes) -> bool:
    """Whether a header has so many parameters that reading them takes seconds.

    The library's time grows with the square of their number (1 MB of them: 14 s).
    """
    return any(len(found[0]) > LONGEST_FIELD for found in FIELD.finditer(raw))


def _leaves(message: Message, bounds: Limits) -> Iterator[Message]:
    """The parts that have no parts, in their order; a mail within a mail is one."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    seen = 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        if seen > bounds.parts or depth > bounds.depth:
            raise Unreadable
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            waiting += [(it, depth + 1) for it in reversed(inner) if is_message(it)]
        else:
            yield part


def _read(message: Message, parts: Sequence[Message], bounds: Limits) -> InboundMail:
    plain = _body(parts, "text/plain", bounds)
    html = _body(parts, "text/html", bounds)
    bounces = bounces_of(message, parts)
    return InboundMail(
        sender=next(iter(_addresses(message, "from")), ""),
        to=tuple(_addresses(message, "to", "cc", "delivered-to")),
        subject=header_of(message, "subject"),
        text=plain if plain is not None else text_of(html or ""),
        html=html,
        message_id=next(iter(identifiers(message, "message-id")), None),
        in_reply_to=next(iter(identifiers(message, "in-reply-to")), None),
        references=tuple(identifiers(message, "references")),
        date=_date(message),
        automatic=bool(bounces) or is_automatic(message),
        bounces=bounces,
        attachments=tuple(_attachments(parts)),
    )


def _addresses(message: Message, *names: str) -> Iterator[str]:
    values = [value for name in names for value in headers_of(message, name)]
    known: set[str] = set()
    for _, email in getaddresses(values)[:MOST_ADDRESSES]:
        try:
            found = checked(email)
        except BadAddress:
            continue
        if found not in known:
            known.add(found)
            yield found


def _date(message: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(header_of(message, "date"))
    except HOSTILE:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _body(parts: Sequence[Message], kind: str, bounds: Limits) -> str | None:
    """The first part of a kind that is no attachment, as text."""
    for part in parts:
        if is_kind(part, kind) and not _is_attached(part):
            return _text(part)[: bounds.text]
    return None


def _text(part: Message) -> str:
    content = _content(part)
    charset = str(part.get_param("charset") or "utf-8")
    try:
        found = content.decode(charset, "replace")
    except (LookupError, ValueError):
        found = content.decode("utf-8", "replace")
    lines = found.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(it for it in lines if it in "\n\t" or ord(it) >= 32)


def _content(part: Message) -> bytes:
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        return first.as_bytes() if is_message(first) else b""
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _is_attached(part: Message) -> bool:
    shown = header_of(part, "content-disposition").partition(";")[0]
    return shown.strip().lower() == "attachment" or part.get_filename() is not None


def _attachments(parts: Sequence[Message]) -> Iterator[Attachment]:
    for part in parts:
        shown = is_kind(part, "text/plain") or is_kind(part, "text/html")
        if part.get_content_type() in REPORTS or (shown and not _is_attached(part)):
            continue
        yield Attachment(_file_name(part), part.get_content_type(), _content(part))


def _file_name(part: Message) -> str:
    """The claimed name without its folders; it is never a place to write to."""
    claimed = str(part.get_filename() or "")
    name = claimed.replace("\\", "/").rpartition("/")[2]
    return "".join(it for it in name if ord(it) >= 32)[:255] or "unnamed"
