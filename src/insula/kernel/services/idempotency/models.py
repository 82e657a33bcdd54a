"""Idempotency keys: what was answered to a request, for when it is sent again."""

from uuid import UUID

from sqlalchemy import Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, holding
from insula.kernel.database.model import TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure


class IdempotencyKey(TenantRow):
    """One answer, kept in the transaction of what it is the answer to.

    ``scope`` is a digest of who asked what under which key. What was asked and answered
    is sealed: it may hold secrets, and does hold people.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("uq_idempotency_keys_scope", "tenant_id", "scope", unique=True),
        Index("ix_idempotency_keys_created_at", "tenant_id", "created_at"),
        Index("ix_idempotency_keys_actor_id", "tenant_id", "actor_id"),
        {"info": {PERSON: About("actor_id", Erasure.delete)}},
    )

    actor_id: Mapped[UUID | None] = mapped_column(Uuid, default=None)
    scope: Mapped[str] = mapped_column(String(64), info=holding(Holds.nothing))
    answer: Mapped[str] = mapped_column(Text, info=holding(Holds.secret))
