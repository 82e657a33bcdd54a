"""The chain: what shows that nobody has touched the audit log since it was written."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, Index, LargeBinary, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, holding
from insula.kernel.database.model import TenantRow
from insula.kernel.database.walls import APPEND_ONLY


class LinkKind(StrEnum):
    """What one link of the chain tells."""

    entries = "entries"
    """These entries were there, and said this."""
    erasure = "erasure"
    """What these entries said of a person was taken out of them."""
    expiry = "expiry"
    """Every entry before ``last_id`` may be gone: the time of keeping it is over."""


class AuditLink(TenantRow):
    """One link of a tenant's chain; ``hash`` covers it and, with that, all before it.

    The arrays run in step with ``entries``. ``floor`` is where the next look for
    entries begins: whatever is older was in a link when this one was made. A salt dies
    with what it covered, and then its commitment tells nothing any more.
    """

    __tablename__ = "audit_chain"
    __table_args__ = (
        Index("uq_audit_chain_number", "tenant_id", "number", unique=True),
        Index("ix_audit_chain_last_id", "tenant_id", "last_id"),
        {"info": {APPEND_ONLY: True}},
    )

    number: Mapped[int]
    kind: Mapped[LinkKind]
    last_id: Mapped[UUID]
    floor: Mapped[UUID]
    entries: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid), info=holding(Holds.nothing)
    )
    salts: Mapped[list[bytes]] = mapped_column(
        ARRAY(LargeBinary), info=holding(Holds.nothing)
    )
    commitments: Mapped[list[bytes]] = mapped_column(
        ARRAY(LargeBinary), info=holding(Holds.nothing)
    )
    digests: Mapped[list[bytes]] = mapped_column(
        ARRAY(LargeBinary), info=holding(Holds.nothing)
    )
    hash: Mapped[bytes] = mapped_column(LargeBinary, info=holding(Holds.nothing))
