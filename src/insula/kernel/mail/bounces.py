"""Bounces: what servers and readers say of mails of ours that came back (RFC 3464, 5965)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum

from insula.kernel.mail.address import BadAddress, checked
from insula.kernel.mail.headers import header_of, identifiers, is_kind, is_message

STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
PASSING = frozenset({"5.2.2", "5.3.1", "5.4.7", "5.7.1", "5.7.26"})
"""Said to be for ever, but the box is full today, or it was the mail that displeased."""
MOST = 50
BULK = frozenset({"bulk", "junk", "list", "auto_reply"})


class Verdict(StrEnum):
    """What a report says of an address."""

    dead = "dead"
    """Nobody is there, now and later."""
    delayed = "delayed"
    """It did not arrive this time."""
    complained = "complained"
    """A person called the mail unwanted."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of one recipient of one of our mails."""

    recipient: str
    verdict: Verdict
    status: str
    reason: str
    message_id: str | None
    """Of our mail, as far as the report repeats it."""


def is_automatic(message: Message) -> bool:
    """Whether a program wrote it (RFC 3834 and what came before)."""
    submitted = header_of(message, "auto-submitted").lower()
    return (
        (bool(submitted) and not submitted.startswith("no"))
        or header_of(message, "precedence").lower() in BULK
        or bool(header_of(message, "x-autoreply") or header_of(message, "list-id"))
        or header_of(message, "x-auto-response-suppress").lower() == "all"
        or header_of(message, "return-path").strip() == "<>"
    )


def bounces_of(message: Message, parts: Sequence[Message]) -> tuple[Bounce, ...]:
    """What a report tells; nothing for a mail that is no report."""
    if not is_kind(message, "multipart/report"):
        return ()
    ours = _ours(parts)
    found: list[Bounce] = []
    for part in parts:
        if is_kind(part, "message/delivery-status"):
            found += _delivery(part, ours)
        elif is_kind(part, "message/feedback-report"):
            found += _feedback(part, ours)
    return tuple(found[:MOST])


def _ours(parts: Sequence[Message]) -> str | None:
    """The id of the mail that came back, from its own headers behind the report."""
    for part in reversed(parts):
        if is_kind(part, "text/rfc822-headers"):
            found = identifiers(_fields(part), "message-id")
        elif is_kind(part, "message/rfc822"):
            found = identifiers(_inner(part), "message-id")
        else:
            found = []
        if found:
            return found[0]
    return None


def _fields(part: Message) -> Message:
    """A part's text as header fields."""
    text = part.get_payload()
    fields = Message()
    for line in str(text).replace("\n ", " ").replace("\n\t", " ").splitlines()[:MOST]:
        name, colon, value = line.partition(":")
        if colon and name.isascii() and name.strip():
            fields[name.strip()] = value.strip()
    return fields


def _delivery(part: Message, ours: str | None) -> Iterator[Bounce]:
    blocks = part.get_payload()
    for block in blocks[: MOST + 1] if isinstance(blocks, list) else ():
        if not is_message(block):
            continue
        action = header_of(block, "action").lower()
        recipient = _recipient(block, "original-recipient", "final-recipient")
        if recipient is None or action not in ("failed", "delayed"):
            continue
        status = _status(block)
        gone = action == "failed" and status.startswith("5") and status not in PASSING
        verdict = Verdict.dead if gone else Verdict.delayed
        reason = header_of(block, "diagnostic-code")[:500]
        yield Bounce(recipient, verdict, status, reason, ours)


def _feedback(part: Message, ours: str | None) -> Iterator[Bounce]:
    fields = _inner(part)
    recipient = _recipient(fields, "original-rcpt-to", "removal-recipient")
    if recipient is not None and header_of(fields, "feedback-type").lower() == "abuse":
        yield Bounce(recipient, Verdict.complained, "", "feedback report", ours)


def _inner(part: Message) -> Message:
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    return first if is_message(first) else _fields(part)


def _status(block: Message) -> str:
    for name in ("status", "diagnostic-code"):
        if found := STATUS.search(header_of(block, name)):
            return found[0]
    return ""


def _recipient(block: Message, *names: str) -> str | None:
    for name in names:
        _, _, address = header_of(block, name).rpartition(";")
        try:
            return checked(address.strip(" <>"))
        except BadAddress:
            continue
    return None
