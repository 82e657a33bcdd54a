"""Request rates: how many requests a tenant had in each hour, kept in its own home."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from insula.kernel.database.columns import column
from insula.kernel.database.model import TenantRow


class RequestRate(TenantRow):
    """The requests of one hour, from all server processes together (S4-50).

    ``errors`` are faults of ours (5xx), ``limited`` were refused for their number
    (429), ``refused`` for anything else of the caller's (other 4xx). ``milliseconds``
    is what all took together, ``slow`` how many took more than half a second.
    """

    __tablename__ = "request_rates"
    __table_args__ = (Index("uq_request_rates_hour", "tenant_id", "hour", unique=True),)

    hour: Mapped[datetime] = column(read_only=True)
    requests: Mapped[int] = column(default=0, min=0, read_only=True)
    errors: Mapped[int] = column(default=0, min=0, read_only=True)
    limited: Mapped[int] = column(default=0, min=0, read_only=True)
    refused: Mapped[int] = column(default=0, min=0, read_only=True)
    milliseconds: Mapped[int] = column(default=0, min=0, read_only=True)
    slow: Mapped[int] = column(default=0, min=0, read_only=True)
