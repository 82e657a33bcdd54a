"""Feeding: from events to the timelines of all rows that they concern.

In the relay's turn, with the transaction that numbers the events: an entry is there as
soon as anybody else hears of its event.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.database.attached import ATTACHED
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.events.stored import StoredEvent
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.jobs.request import NewJob
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.references import References

LARGEST = 4096
"""Bytes of an event's data; of a larger one the timeline tells that it happened."""
PURGED = "purged"
PAIR = 2

ADD = Statement(
    """INSERT INTO home__.timeline_entries (tenant_id, id, created_at, resource, row_id,
       event_id, name, subject, subject_id, field, actor_id, data)
SELECT $1::text::uuid, i.* FROM unnest($2::uuid[], $3::timestamptz[], $4::varchar[],
       $5::uuid[], $6::uuid[], $7::varchar[], $8::varchar[], $9::uuid[],
       $10::varchar[], $11::uuid[], $12::text[]::jsonb[])
       AS i(id, created_at, resource, row_id, event_id, name, subject, subject_id,
            field, actor_id, data)
ON CONFLICT (tenant_id, id) DO NOTHING"""
)


class Kind(NamedTuple):
    """What the events about rows of one resource concern beside those rows."""

    resource: Resource[Any]
    fields: Mapping[str, str]
    """By the fields that refer to rows with a timeline, the resources of these."""
    lookup: Statement | None
    """What the fields hold, for events that do not say it."""


class Concerned(NamedTuple):
    """A row on whose timeline an event belongs, and by which field it refers to it."""

    resource: str
    row_id: UUID
    field: str | None


class Feeder:
    """A subscriber of the relay that causes no jobs: it writes entries."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """By the types of rows whose events concern any timeline."""
        apis = self._engine().apis
        references = References(api.resource for api in apis)
        found = ((api.resource.type, _kind(api, references)) for api in apis)
        return {name: kind for name, kind in found if kind is not None}

    @cached_property
    def _with_timeline(self) -> frozenset[str]:
        apis = self._engine().apis
        return frozenset(it.resource.name for it in apis if it.resource.timeline)

    async def jobs_for(
        self, transaction: Transaction, tenant_id: UUID, events: Sequence[StoredEvent]
    ) -> Sequence[NewJob]:
        """Write the entries of these events; no job follows."""
        _ = tenant_id
        await self.feed(transaction, events)
        return ()

    async def feed(
        self, transaction: Transaction, events: Sequence[StoredEvent]
    ) -> None:
        """Write the entries of these events, but for those that are there already."""
        kinds = self.kinds
        known = [it for it in events if _type(it) in kinds and it.resource_id]
        gone = {it.resource_id for it in known if _verb(it) == PURGED}
        told = [it for it in known if it.resource_id not in gone]
        held = await self._held(transaction, told)
        columns = list(zip(*self._entries(told, held), strict=True))
        if columns:
            await transaction.fetch(ADD, *map(list, columns))

    async def _held(
        self, transaction: Transaction, events: Iterable[StoredEvent]
    ) -> Mapping[UUID, Mapping[str, Any]]:
        """What rows refer to of which events do not say it: a statement a resource."""
        wanted: dict[str, set[UUID]] = {}
        for event in events:
            kind, key = self.kinds[_type(event)], event.resource_id
            if kind.lookup is not None and kind.fields.keys() - event.data.keys():
                wanted.setdefault(_type(event), set()).add(key or event.id)
        found: dict[UUID, Mapping[str, Any]] = {}
        for name, ids in wanted.items():
            lookup = self.kinds[name].lookup
            if lookup is not None:
                rows = await transaction.fetch(lookup, sorted(ids))
                found |= {row["id"]: dict(row) for row in rows}
        return found

    def _entries(
        self,
        events: Iterable[StoredEvent],
        held: Mapping[UUID, Mapping[str, Any]],
    ) -> Iterator[tuple[Any, ...]]:
        for event in events:
            kind = self.kinds[_type(event)]
            data = msgspec.json.encode(event.data)
            if len(data) > LARGEST or kind.resource.table.info.get(ATTACHED):
                data = b"{}"  # what was said may be taken back: it is read where it is
            for it in self._concerned(event, kind, held):
                yield (
                    entry_id(event.id, it),
                    event.occurred_at,
                    it.resource,
                    it.row_id,
                    event.id,
                    event.name,
                    kind.resource.name,
                    event.resource_id,
                    it.field,
                    event.actor_id,
                    data.decode(),
                )

    def _concerned(
        self,
        event: StoredEvent,
        kind: Kind,
        held: Mapping[UUID, Mapping[str, Any]],
    ) -> Iterator[Concerned]:
        key, data = event.resource_id, event.data
        if key is None:
            return
        if kind.resource.timeline:
            yield Concerned(kind.resource.name, key, None)
        if kind.resource.table.info.get(ATTACHED):
            yield from self._attached(event)
        row = held.get(key, {})
        for field, target in kind.fields.items():
            said = data.get(field, row.get(field))
            for it in dict.fromkeys(_ids(said)):
                yield Concerned(target, it, field)

    def _attached(self, event: StoredEvent) -> Iterator[Concerned]:
        """The row to which something was attached; what becomes of it later is no news."""
        name, row_id = event.data.get("resource"), event.data.get("row_id")
        if _verb(event) == "created" and name in self._with_timeline:
            yield from (Concerned(str(name), it, None) for it in _ids(row_id))


def _kind(api: ResourceApi, references: References) -> Kind | None:
    resource = api.resource
    fields = {
        it.field: it.target.name for it in references.of(resource) if it.target.timeline
    }
    attached = resource.table.info.get(ATTACHED)
    if not (fields or resource.timeline or attached):
        return None
    listed = ", ".join(("id", *fields))
    lookup = Statement(
        f"SELECT {listed} FROM {HOME}.{resource.table.name}"  # noqa: S608  # our names
        " WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[])"
    )
    return Kind(resource, fields, lookup if fields else None)


def _type(event: StoredEvent) -> str:
    return event.name.rpartition(".")[0]


def _verb(event: StoredEvent) -> str:
    return event.name.rpartition(".")[2]


def _ids(said: object) -> Iterator[UUID]:
    """The ids that an event says of a field: one, or those before and after a change."""
    if isinstance(said, UUID):
        yield said
    elif isinstance(said, str):
        found = parse_uuid(said)
        if found is not None:
            yield found
    elif isinstance(said, list) and len(said) == PAIR:
        for it in said:
            yield from () if isinstance(it, list) else _ids(it)


def entry_id(event_id: UUID, concerned: Concerned) -> UUID:
    """The id of an entry: the event's time and place, then what tells its rows apart."""
    whole = f"{event_id}:{concerned.resource}:{concerned.row_id}:{concerned.field}"
    rest = bytearray(sha256(whole.encode()).digest()[:8])
    rest[0] = rest[0] & 0x3F | 0x80  # the variant of RFC 9562
    return UUID(bytes=event_id.bytes[:8] + bytes(rest))
