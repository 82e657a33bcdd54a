"""Headers of mail coming in: decoded, on one line, and never longer than is useful."""

import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message
from typing import Any, TypeGuard

from insula.kernel.mail.address import spoken

LONGEST = 4096
MOST = 50
"""Headers of one name, and ids of one header, that are looked at."""
MESSAGE_ID = re.compile(r"<([^<>\s]{3,250})>")


def headers_of(message: Message, name: str) -> Iterator[str]:
    """The values of every header of that name, decoded."""
    for value in (message.get_all(name) or [])[:MOST]:
        yield _decoded(str(value)[:LONGEST])


def header_of(message: Message, name: str) -> str:
    """The first value of a header, or ""."""
    return next(headers_of(message, name), "")


def _decoded(value: str) -> str:
    """A value with its encoded words read (RFC 2047); as it is where they are broken."""
    plain = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" not in plain:
        return spoken(plain)
    try:
        pieces = decode_header(" ".join(plain.split()))
        return spoken("".join(_word(*piece) for piece in pieces))
    except (ValueError, LookupError):
        return spoken(plain)


def _word(text: bytes | str, charset: str | None) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode(charset or "utf-8", "replace")
    except LookupError:
        return text.decode("utf-8", "replace")


def identifiers(message: Message, name: str) -> list[str]:
    """The ids of messages that a header names, without their brackets."""
    return MESSAGE_ID.findall(header_of(message, name))[:MOST]


def is_kind(part: Message, kind: str) -> bool:
    """Whether the part says that it is of a type."""
    return part.get_content_type() == kind


def is_message(part: Any) -> TypeGuard[Message]:
    """Whether the parser made a message of it, not a text."""
    return isinstance(part, Message)
