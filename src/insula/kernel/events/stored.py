"""Stored events: what has happened, as it is read again from the outbox."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Transaction
from insula.kernel.jobs.request import NewJob

FIELDS = (
    "id, name, version, sequence, created_at AS occurred_at, resource_id, actor_id,"
    " payload AS data"
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A fact: its name, the version of its schema, and its data.

    ``sequence`` counts a tenant's events without gaps, in the order in which they
    became visible; the relay gives it.
    """

    id: UUID
    name: str
    version: int
    sequence: int | None
    occurred_at: datetime
    resource_id: UUID | None
    actor_id: UUID | None
    data: Mapping[str, Any]

    @classmethod
    def of(cls, row: Record) -> "StoredEvent":
        """The event that a row of ``FIELDS`` holds."""
        return cls(**{**row, "data": msgspec.json.decode(row["data"])})


class Subscriber(Protocol):
    """Somebody for whom events cause jobs."""

    async def jobs_for(
        self, transaction: Transaction, tenant_id: UUID, events: Sequence[StoredEvent]
    ) -> Sequence[NewJob]:
        """The jobs that these events cause; called once for each, in its transaction."""


Attendant = Callable[[Transaction, UUID], Awaitable[bool]]
"""Other work of the relay's turn with a tenant; answers whether there is more of it."""
