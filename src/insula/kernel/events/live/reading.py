"""Reading: a tenant's events in the order of their numbers, a bounded piece at a time."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, Session, Statement

LARGEST = 65_536
"""Bytes of an event's data; of a larger one it is told that it happened, not what."""

AFTER = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT o.sequence, o.name, o.id, o.version, o.created_at, o.resource_id, o.actor_id,
           CASE WHEN octet_length(o.payload::text) <= {LARGEST} THEN o.payload END
           AS payload
      FROM home__.outbox o
     WHERE o.tenant_id = ctx.tenant_id AND o.sequence IS NOT NULL
       AND o.sequence > $2::bigint ORDER BY o.sequence LIMIT $3::bigint) r"""  # noqa: S608  # our names
)
SPAN = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT COALESCE(min(o.sequence), 1) AS first, COALESCE(max(o.sequence), 0) AS last
      FROM home__.outbox o
     WHERE o.tenant_id = ctx.tenant_id AND o.sequence IS NOT NULL) r"""  # noqa: S608  # our names
)


NOTHING = msgspec.Raw(b"null")


Shown = Callable[[str, msgspec.Raw], msgspec.Raw]
"""What may be told of an event's data, by its name: no field that never leaves us."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """An event as listeners are told of it."""

    sequence: int
    name: str
    id: UUID
    version: int
    occurred_at: datetime
    resource_id: UUID | None
    actor_id: UUID | None
    data: msgspec.Raw


class LiveEvent(NamedTuple):
    """An event and its JSON, which is made once for all who listen."""

    sequence: int
    name: str
    resource_id: UUID | None
    text: bytes


class Span(NamedTuple):
    """The oldest and the newest number that there are; 1 and 0 without any event."""

    first: int
    last: int


class Reader:
    """Reads events, without what is never told."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    async def after(
        self, session: Session, sequence: int, limit: int
    ) -> Sequence[LiveEvent]:
        """The events that follow a number, at most ``limit``."""
        rows = await session.fetch(AFTER, sequence, limit)
        return [self._event(row) for row in rows]

    def _event(self, row: Record) -> LiveEvent:
        payload = row["payload"]
        told = Told(
            sequence=row["sequence"],
            name=row["name"],
            id=row["id"],
            version=row["version"],
            occurred_at=row["created_at"],
            resource_id=row["resource_id"],
            actor_id=row["actor_id"],
            data=NOTHING if payload is None else self._shown(row["name"], payload),
        )
        text = msgspec.json.encode(told)
        return LiveEvent(told.sequence, told.name, told.resource_id, text)


async def read_span(session: Session) -> Span:
    """Which events there are."""
    rows = await session.fetch(SPAN)
    return Span(*rows[0])
