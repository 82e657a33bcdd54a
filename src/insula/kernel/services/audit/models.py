"""Heads: the ends of tenants' chains, kept where no home can reach them."""

from uuid import UUID

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.control import ControlModel
from insula.kernel.database.walls import APPEND_ONLY


class AuditHead(ControlModel):
    """The last link of a tenant's chain as it was when somebody looked.

    A chain that was cut or made anew in its home does not have this link any more.
    """

    __tablename__ = "audit_heads"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        {"info": {APPEND_ONLY: True}},
    )

    tenant_id: Mapped[UUID]
    number: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
