"""The unit of work: what an action reads, changes and adds commits together.

Rows are instances of the mapped classes without an ORM session: SQLAlchemy's own
instrumentation tells what changed. That costs a twentieth of what a session does.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, Unpack
from uuid import UUID

import msgspec
from pydantic import BaseModel
from sqlalchemy import (
    ColumnElement,
    Select,
    false,
    func,
    select,
    true,
)
from sqlalchemy.orm.attributes import instance_dict, instance_state, manager_of_class

from insula.kernel.access.context import Context
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.sequences import Sequence as NumberSequence
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.events.journal import AuditEntry
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import NotFound, Stale
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.resource.asking import Asked, Terms, requested
from insula.kernel.resource.binding import bind
from insula.kernel.resource.custom.fields import CUSTOM
from insula.kernel.resource.declaration import CREATED_BY, Command, Event
from insula.kernel.resource.following import Saved, follow
from insula.kernel.resource.freezing import frozen
from insula.kernel.resource.machines import move, moved
from insula.kernel.resource.scoping import Scope, companions
from insula.kernel.resource.writers import Writers
from insula.kernel.resource.writing import Writer

BATCH = 200

M = TypeVar("M", bound=TenantRow)
T = TypeVar("T", bound=TenantModel)


class Activity(BaseModel):
    """Something that was done to a row: what a feed shows of the audit log."""

    at: datetime
    action: str
    resource: str
    resource_id: UUID | None
    actor_id: UUID | None


class WorkContext(Context):
    """A context inside a transaction: what app code works with."""

    __slots__ = ("_added", "_events", "_jobs", "_loaded", "_transaction", "_writers")

    def __init__(
        self,
        context: Context,
        transaction: Transaction,
        writers: Writers,
    ) -> None:
        super().__init__(
            context.actor,
            tenant=context.tenant,
            session=context.session,
            request_id=context.request_id,
            client=context.client,
        )
        self._transaction, self._writers = transaction, writers
        self._added: list[TenantRow] = []
        self._loaded: dict[UUID, TenantRow] = {}
        self._events: list[Event] = []
        self._jobs: list[NewJob] = []

    @property
    def now(self) -> datetime:
        """The present moment in UTC."""
        return now()

    @property
    def transaction(self) -> Transaction:
        """In which all of this commits; for what no declared row can say."""
        return self._transaction

    async def get(self, model: type[M], row_id: UUID) -> M:
        """One row by its id; raises ``NotFound``."""
        known = self._loaded.get(row_id)
        if isinstance(known, model):
            return known
        rows = await self._transaction.fetch(self._writer(model).get, row_id)
        if not rows:
            raise NotFound
        return self._load(model, rows[0])

    async def lock_rows(self, model: type[M], ids: Iterable[UUID]) -> list[M]:
        """Rows by their ids, locked in key order so that no two callers deadlock."""
        rows = await self._transaction.fetch(self._writer(model).lock, sorted(ids))
        return [self._load(model, row) for row in rows]

    async def lock(self, model: type[M], row_id: UUID) -> M:
        """One row by its id, locked until the end; raises ``NotFound``."""
        found = await self.lock_rows(model, [row_id])
        if not found:
            raise NotFound
        return found[0]

    async def lock_within(self, model: type[M], row_id: UUID, scope: Scope | None) -> M:
        """One row by its id, locked, if it is in scope; raises ``NotFound``."""
        if scope is None:
            return await self.lock(model, row_id)
        statement = self._writer(model).locking(scope)
        rows = await self._transaction.fetch(statement, [row_id], *scope.args)
        if not rows:
            raise NotFound
        return self._load(model, rows[0])

    async def visible(self, model: type[M]) -> ColumnElement[bool]:
        """A condition for rows that the caller may read: views and reports need it.

        ``select`` and the like answer whatever is asked, because actions work on more
        than their callers may see.
        """
        writer = self._writer(model)
        if self.actor.reach(f"{writer.name}.read") is None:
            return false()
        scope = writer.scoping.of(self.actor, "read")
        if scope is None:
            return true()
        people = await companions(self._transaction, scope)
        return writer.scoping.condition(model.__table__, scope, people)

    async def select(
        self,
        model: type[M],
        *conditions: ColumnElement[bool],
        order_by: ColumnElement[Any] | None = None,
        limit: int = 1000,
    ) -> list[M]:
        """Rows that meet the conditions, at most ``limit``."""
        table = model.__table__
        facets = self._writer(model).facets
        query = select(*(table.c[facet.name] for facet in facets)).where(*conditions)
        order = table.c.id if order_by is None else order_by
        query = self._live(query, model).order_by(order).limit(limit)
        return [self._load(model, row) for row in await self._run(query, model)]

    async def each(
        self, model: type[M], *conditions: ColumnElement[bool]
    ) -> AsyncIterator[M]:
        """All rows that meet the conditions, by id, fetched page by page."""
        page = await self.select(model, *conditions)
        while page:
            for row in page:
                yield row
            following = model.__table__.c.id > page[-1].id
            page = await self.select(model, *conditions, following)

    async def activities(self, app: str, limit: int = 10) -> list[Activity]:
        """What was done last to rows of an app, the newest first."""
        log = AuditEntry.__table__.c
        shown = log.created_at, log.action, log.resource, log.resource_id, log.actor_id
        query = select(*shown).where(func.starts_with(log.resource, f"{app}."))
        rows = await self._run(query.order_by(log.id.desc()).limit(limit), AuditEntry)
        return [
            Activity(**dict(zip(Activity.model_fields, row, strict=True)))
            for row in rows
        ]

    @staticmethod
    def _live(query: Select[Any], model: type[TenantRow]) -> Select[Any]:
        deleted_at = model.__table__.c.get("deleted_at")
        return query if deleted_at is None else query.where(deleted_at.is_(None))

    async def _run(self, query: Select[Any], model: type[TenantRow]) -> Sequence[Any]:
        statement, values = bind(query, model.__table__.c.tenant_id)
        return await self._transaction.fetch(statement, *values)

    async def exists(self, model: type[M], *conditions: ColumnElement[bool]) -> bool:
        """Whether any row meets the conditions."""
        return bool(await self.select(model, *conditions, limit=1))

    async def add(self, row: M) -> M:
        """Have a new row written when the action ends; its id is known at once."""
        writer = self._writer(type(row))
        if CREATED_BY in writer.shape.facets and getattr(row, CREATED_BY) is None:
            setattr(row, CREATED_BY, self.actor.id)
        for name, sequence in writer.sequences:
            setattr(row, name, await self.next_number(sequence))
        self._added.append(row)
        return row

    async def next_number(self, sequence: NumberSequence) -> int:
        """The next number of a sequence; a gapless one others now wait for."""
        return await sequence.next(self._transaction, self.session)

    async def add_missing(self, rows: Sequence[M]) -> list[M]:
        """Write new rows at once, but for those that clash; the ones that are new."""
        made: set[UUID] = set()
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            writer = self._writer(type(batch[0]))
            for row in batch:
                await self._find_slots(writer, row)
            values = [values_of(row, writer) for row in batch]
            statement, args = writer.create_many(values, self)
            found = {it["id"] for it in await self._transaction.fetch(statement, *args)}
            made |= found
            new = [Saved(it["id"], it) for it in values if it["id"] in found]
            await self.follow(writer, *new)
        return [row for row in rows if row.id in made]

    async def count(self, model: type[M], *conditions: ColumnElement[bool]) -> int:
        """How many rows meet the conditions."""
        query = self._live(select(func.count()).select_from(model.__table__), model)
        rows = await self._run(query.where(*conditions), model)
        return int(rows[0][0])

    def move(self, row: TenantModel, wanted: StrEnum, *sources: StrEnum) -> None:
        """Change the state of a row, along a move that its model declares.

        With ``sources`` it has to be in one of those.
        """
        before, announced = move(row, wanted, sources, self.actor)
        if announced:
            kind = self._writer(type(row)).type
            self._events.append(moved(kind, row.id, before, wanted))

    def emit(self, event: Event) -> None:
        """Tell that something happened; it leaves with the commit or not at all."""
        self._events.append(event)

    def enqueue(self, task: Asked, command: Command, **terms: Unpack[Terms]) -> UUID:
        """Have a task done after the commit, or not at all; answers the job's id."""
        if not isinstance(command, task.command):
            raise TypeError(f"{task.name} is not asked with {type(command).__name__}")
        job = requested(self, task, command, terms)
        self._jobs.append(job)
        return job.id

    async def request(self, name: str, /, **body: Any) -> Mapping[str, Any]:
        """Ask another app for something, here and now, with the caller's permissions.

        Raises ``NotInstalled`` where the tenant has not that app.
        """
        found: Mapping[str, Any] = await self._writers.desk.ask(self, name, body)
        return found

    def writer(self, model: type[TenantRow]) -> Writer:
        """What is known of a model's rows, and writes them."""
        return self._writer(model)

    async def _find_slots(self, writer: Writer, row: TenantRow) -> None:
        """Give a new row the keys by which its custom fields are found."""
        if writer.custom is not None:
            present = instance_dict(row)
            present.update(await writer.custom.kept(self, present[CUSTOM]))

    def _writer(self, model: type[TenantRow]) -> Writer:
        found = self._writers.get(model)
        if found is None:
            raise LookupError(f"{model.__name__} belongs to no registered resource")
        return found

    def _load(self, model: type[M], record: Any) -> M:
        known = self._loaded.get(record["id"])
        if isinstance(known, model):
            return known
        loaded = hydrate(model, self._writer(model), record)
        self._loaded[loaded.id] = loaded
        return loaded

    async def flush(self) -> None:
        """Write what was added and changed, each with its journal."""
        added, self._added = self._added, []
        for row in added:
            writer = self._writers[type(row)]
            await self._find_slots(writer, row)
            statement, args, _ = writer.create(values_of(row, writer), self)
            answered = await self._transaction.fetch(statement, *args)
            take(row, writer, answered)
            await self.follow(writer, Saved(row.id, values_of(row, writer)))
        for row in list(self._loaded.values()):
            await self._flush_changes(row)
        events, self._events = self._events, []
        for event in events:
            payload = msgspec.json.encode(event.model_dump(mode="json")).decode()
            origin = self.actor.id, self.request_id
            about = uuid7(), now(), event.name, event.version, event.about_id
            message = *about, payload, *origin
            await self._transaction.fetch(EMIT, *message)
        jobs, self._jobs = self._jobs, []
        await insert_jobs(self._transaction, jobs)

    async def follow(self, writer: Writer, *saved: Saved) -> None:
        """Write what follows from rows that were written; raises the first refusal."""
        if saved and writer.resource.following is not None:
            within = WorkContext(self, self._transaction, self._writers)
            await follow(within, writer.resource.following, saved)
            await within.flush()

    async def write(self, row: TenantRow) -> None:
        """Write the changes of one loaded row at once."""
        await self._flush_changes(row)

    async def _flush_changes(self, row: TenantRow) -> None:
        writer = self._writers[type(row)]
        changed = changes_of(row, writer)
        if not changed:
            return
        if writer.custom is not None and CUSTOM in changed:
            old = instance_state(row).committed_state[CUSTOM]
            changed |= await writer.custom.rewritten(self, old, changed[CUSTOM])
        version = getattr(row, "version", None)
        statement, args = writer.change(row.id, version, changed, self)
        found = await self._transaction.fetch(statement, *args)
        if not found or found[0]["id"] is None:
            raise await frozen(self._transaction, writer, row.id, changed) or Stale()
        await self.follow(writer, Saved(row.id, changed))
        instance_state(row)._commit_all(instance_dict(row))
        facet = writer.shape.facets
        for name in ("version", "updated_at", *writer.worked_out):
            instance_dict(row)[name] = facet[name].loaded(found[0][name])


EMIT = Statement(
    f"INSERT INTO {HOME}.outbox (tenant_id, id, created_at, name, version,"  # noqa: S608  # our names
    " resource_id, payload, actor_id, request_id)"
    " VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9)"
)


def hydrate(model: type[M], writer: Writer, record: Any) -> M:
    """An instance of the model from a record, with nothing marked as changed."""
    manager: Any = manager_of_class(model)
    instance: M = manager.new_instance()
    values = instance_dict(instance)
    for facet, value in zip(writer.facets, record, strict=True):
        values[facet.name] = facet.loaded(value)
    return instance


def held(model: type[M], values: Mapping[str, Any]) -> M:
    """An instance of the model for values that are worked on, not yet written."""
    manager: Any = manager_of_class(model)
    instance: M = manager.new_instance()
    instance_dict(instance).update(values)
    return instance


def take(row: TenantRow, writer: Writer, answered: Sequence[Any]) -> None:
    """Give a row that was made what PostgreSQL worked out for it."""
    for name in writer.derived:
        value = writer.shape.facets[name].loaded(answered[0][name])
        instance_dict(row)[name] = value


def values_of(row: TenantRow, writer: Writer) -> dict[str, Any]:
    """The values of an instance, defaults included, by field."""
    return {facet.name: getattr(row, facet.name) for facet in writer.facets}


def changes_of(row: TenantRow, writer: Writer) -> dict[str, Any]:
    """The fields of a loaded instance that now differ, with their new values."""
    before: Mapping[str, Any] = instance_state(row).committed_state
    present = instance_dict(row)
    return {
        name: present[name]
        for name, old in before.items()
        if name in writer.shape.facets and present[name] != old
    }
