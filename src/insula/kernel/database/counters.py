"""Counters: how far each of a tenant's sequences has come."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, holding
from insula.kernel.database.model import TenantRow


class Counter(TenantRow):
    """The last number that was given of one sequence."""

    __tablename__ = "counters"
    __table_args__ = (Index("uq_counters_name", "tenant_id", "name", unique=True),)

    name: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    value: Mapped[int] = mapped_column()
