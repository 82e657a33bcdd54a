"""A small workshop to import into: machines, the jobs on them, and their stops."""

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import MetaData

import insula.kernel.events.journal  # noqa: F401  # its tables
from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.bootstrap import opened, use_of
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.columns import (
    Code,
    Holds,
    Json,
    Mapped,
    ShortText,
    TextList,
    column,
    ref,
    state,
)
from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.model import TenantModel
from insula.kernel.database.pool import Pools
from insula.kernel.database.schema import ddl
from insula.kernel.database.session import HOME, Session, Statement
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.imports.csv_reading import CsvFile
from insula.kernel.resource.imports.importing import (
    NOBODY,
    Importer,
    ImportReport,
    Watch,
)
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.rules import Check, NoOverlap
from insula.kernel.resource.writers import Writers
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.tenant import Tenant

METADATA = MetaData()


class TrialModel(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = METADATA


class Machine(TrialModel):
    __tablename__ = "trial_machines"

    name: Mapped[ShortText] = column(holds=Holds.text)
    tag: Mapped[Code] = column(unique=True, holds=Holds.text)
    serial: Mapped[Code | None] = column(default=None, unique=True, holds=Holds.text)
    category: Mapped[Code | None] = column(default=None, holds=Holds.text)
    built_on: Mapped[date | None] = column(default=None, holds=Holds.nothing)
    custom: Mapped[Json] = column(default={}, holds=Holds.text)


class JobKind(StrEnum):
    preventive = "preventive"
    corrective = "corrective"


class JobState(StrEnum):
    open = "open"
    done = "done"


class Job(TrialModel):
    __tablename__ = "trial_jobs"

    title: Mapped[ShortText] = column(holds=Holds.text)
    kind: Mapped[JobKind] = column(default=JobKind.corrective)
    priority: Mapped[int] = column(default=3, min=1, max=5)
    machine_id: Mapped[UUID | None] = ref("trial.machines", default=None)
    labels: Mapped[TextList] = column(default=[], holds=Holds.text)
    due_at: Mapped[datetime | None] = column(default=None)
    done_at: Mapped[datetime | None] = column(default=None, read_only=True)
    state: Mapped[JobState] = state(JobState.open, {JobState.open: (JobState.done,)})


class Stop(TrialModel):
    __tablename__ = "trial_stops"

    machine_id: Mapped[UUID] = ref("trial.machines")
    started_at: Mapped[datetime] = column()
    ended_at: Mapped[datetime | None] = column(default=None)


machines = Resource(Machine, sort=(Machine.name,))
jobs = Resource(
    Job,
    rules=(
        Check(
            "done_has_time",
            (Job.state != JobState.done) | Job.done_at.is_not(None),
            field=Job.done_at,
            code="needs_time",
        ),
    ),
)
stops = Resource(
    Stop, rules=(NoOverlap(Stop.machine_id, start=Stop.started_at, end=Stop.ended_at),)
)


def trial_apis() -> Mapping[str, ResourceApi]:
    """The workshop's resources."""
    writers = Writers()
    return {
        resource.name: ResourceApi(resource, writers, b"secret", lambda _: None)
        for resource in (machines, jobs, stops)
    }


def csv_file(text: str | bytes) -> CsvFile:
    """A file with this text in it."""
    raw = text if isinstance(text, bytes) else text.encode()
    return CsvFile(io.BytesIO(raw))


@dataclass
class Workshop:
    """A tenant's workshop, and what can be done in it."""

    pools: Pools
    home: Home
    tenant_id: UUID = field(default_factory=uuid7)
    changed: list[UUID] = field(default_factory=list)
    apis: Mapping[str, ResourceApi] = field(default_factory=trial_apis)

    def importer(self, resource: str) -> Importer:
        return Importer(self.apis[resource], self.apis.__getitem__, self.changed.append)

    def context(self, *grants: str) -> Context:
        """Somebody of the tenant with these grants."""
        tenant = Tenant(
            self.tenant_id, "acme", "Acme", State.active, "", self.home, None, {}
        )
        actor = Actor(ActorKind.system, None, tenant=tenant.id, grants=grants)
        session = Session(self.pools, self.home, tenant.id)
        return Context(actor, tenant=tenant, session=session)

    async def load(
        self, resource: str, text: str, watch: Watch = NOBODY, **said: Any
    ) -> ImportReport:
        """Import a text."""
        work = self.importer(resource).prepare(
            self.context("*"), csv_file(text), Instructions(**said)
        )
        return await work.run(watch)

    async def rehearse(self, resource: str, text: str, **said: Any) -> ImportReport:
        """Import a text, but only for show."""
        work = self.importer(resource).prepare(
            self.context("*"), csv_file(text), Instructions(**said)
        )
        return await work.rehearse()

    async def rows(self, table: str) -> Sequence[Mapping[str, Any]]:
        """All rows of one table, in the order of their ids."""
        query = f"SELECT * FROM {HOME}.{table} WHERE tenant_id = $1::uuid ORDER BY id"
        return await self.fetch(query)

    async def fetch(self, query: str) -> Sequence[Mapping[str, Any]]:
        async with self.context().session.transaction() as transaction:
            rows: Sequence[Any] = await transaction.fetch(Statement(query))
            return rows


@asynccontextmanager
async def opened_workshop(cluster: Cluster) -> AsyncIterator[Workshop]:
    """A workshop in a schema of its own."""
    schema = f"trial_{uuid7().hex}"
    for name in ("audit_log", "outbox"):
        if name not in METADATA.tables:
            TENANT_METADATA.tables[name].to_metadata(METADATA)
    tables = list(METADATA.tables.values())
    owner = cluster.owner(cluster.pool)
    async with opened(owner) as connection, connection.transaction():
        await connection.execute(
            f"CREATE SCHEMA {schema};{use_of(schema, cluster.roles)};"
            f"SET LOCAL search_path = {schema}, ext;{ddl(cluster.roles, tables)}"
        )
    pools = Pools()
    login = cluster.app(cluster.pool)
    try:
        yield Workshop(pools, Home(uuid7(), Isolation.schema, schema, login))
    finally:
        await pools.close()
        async with opened(owner) as connection:
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")
