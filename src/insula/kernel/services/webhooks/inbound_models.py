"""Inbound webhooks: who may send them to the operators, and what has come."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.control import ControlModel


class InboundSource(ControlModel):
    """Somebody whose signed messages are acted upon; the secrets are sealed."""

    __tablename__ = "inbound_sources"
    name: Mapped[str] = mapped_column(String(100), unique=True)
    secret: Mapped[str] = mapped_column(Text)
    old_secret: Mapped[str | None] = mapped_column(Text)
    old_until: Mapped[datetime | None]


class InboundMessage(ControlModel):
    """A message that began something, so that it begins it once.

    It is written in the very transaction that begins it; ``completed_at`` is when it
    was seen to be done.
    """

    __tablename__ = "inbound_messages"
    __table_args__ = (UniqueConstraint("source_id", "message_id"),)
    source_id: Mapped[UUID] = mapped_column(
        ForeignKey(InboundSource.id, ondelete="CASCADE")
    )
    message_id: Mapped[str] = mapped_column(String(256))
    digest: Mapped[str] = mapped_column(String(64))
    tenant_id: Mapped[UUID]
    completed_at: Mapped[datetime | None]
