"""The tables of mail: what was sent, whom nothing is sent to, and who a tenant sends as."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Email,
    Holds,
    LongText,
    ShortText,
    column,
    state,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure
from insula.kernel.mail.address import BadAddress, checked, is_control


class MailState(StrEnum):
    """Where a mail is."""

    queued = "queued"
    sent = "sent"
    """A server took it; whether a person got it, nobody tells."""
    bounced = "bounced"
    """Nobody is at that address."""
    suppressed = "suppressed"
    """It was not sent: the address is one that nothing is sent to."""
    failed = "failed"


class SuppressionReason(StrEnum):
    """Why nothing is sent to an address."""

    bounce = "bounce"
    complaint = "complaint"
    unsubscribe = "unsubscribe"
    manual = "manual"


def checked_address(value: str) -> str:
    """An address that can be written to, its domain in lower case."""
    try:
        return checked(value)
    except BadAddress as problem:
        raise PydanticCustomError("email_invalid", "it is not an address") from problem


def checked_line(value: str) -> str:
    """Text that can stand in a header."""
    if any(is_control(character) for character in value):
        raise PydanticCustomError("line_invalid", "it must be one line")
    return value


MailAddress = Annotated[
    str,
    mapped_column(String(255)),
    Field(max_length=254, examples=["office@example.com"]),
    AfterValidator(checked_address),
]
Line = Annotated[
    str, mapped_column(String(255)), Field(max_length=100), AfterValidator(checked_line)
]


class Mail(TenantModel):
    """A mail that was asked for: to whom, which template, and what became of it.

    What it says is not kept: it is rendered when it is sent.
    """

    __tablename__ = "mails"
    __table_args__ = (
        Index("ix_mails_user_id", "tenant_id", "user_id"),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    recipient: Mapped[Email] = column(holds=Holds.email, read_only=True)
    user_id: Mapped[UUID | None] = column(default=None, read_only=True)
    template: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    language: Mapped[Code | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
    state: Mapped[MailState] = state(
        MailState.queued,
        {
            MailState.queued: (
                MailState.sent,
                MailState.bounced,
                MailState.suppressed,
                MailState.failed,
            ),
            MailState.sent: (MailState.bounced,),
        },
    )
    message_id: Mapped[ShortText | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
    attempts: Mapped[int] = column(default=0, read_only=True)
    error: Mapped[LongText | None] = column(
        default=None, holds=Holds.text, read_only=True
    )
    sent_at: Mapped[datetime | None] = column(default=None, read_only=True)


class MailSuppression(TenantModel):
    """An address to which nothing is sent.

    ``key`` tells the address again without saying it: when the person behind it is
    erased, nothing is sent there still.
    """

    __tablename__ = "mail_suppressions"

    address: Mapped[MailAddress] = column(holds=Holds.email, immutable=True)
    key: Mapped[Code] = column(holds=Holds.nothing, read_only=True, unique=True)
    reason: Mapped[SuppressionReason] = column(
        default=SuppressionReason.manual, immutable=True
    )
    detail: Mapped[LongText | None] = column(
        default=None, holds=Holds.text, immutable=True
    )


class MailSender(TenantModel):
    """An address of the tenant's own that mails are sent from, once it is verified.

    It is verified when the DNS of its domain holds ``record`` under ``record_name``:
    the public half of the key with which its mails are signed.
    """

    __tablename__ = "mail_senders"

    address: Mapped[MailAddress] = column(holds=Holds.text, immutable=True, unique=True)
    name: Mapped[Line] = column(holds=Holds.text)
    reply_to: Mapped[MailAddress | None] = column(default=None, holds=Holds.text)
    selector: Mapped[Code] = column(holds=Holds.nothing, read_only=True)
    sealed_key: Mapped[LongText] = column(holds=Holds.secret, read_only=True)
    record_name: Mapped[ShortText] = column(holds=Holds.nothing, read_only=True)
    record: Mapped[LongText] = column(holds=Holds.nothing, read_only=True)
    verified_at: Mapped[datetime | None] = column(default=None, read_only=True)
    checked_at: Mapped[datetime | None] = column(default=None, read_only=True)
    finding: Mapped[Code | None] = column(
        default=None, holds=Holds.nothing, read_only=True
    )
