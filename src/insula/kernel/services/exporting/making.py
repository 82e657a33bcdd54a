"""Making: the job that writes an export, and tells its owner that it is there."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Operation
from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import Conflict, NotFound, Problem
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine, UnknownResource
from insula.kernel.resource.exports.exporting import MOST_ROWS, Exporter, Wanted
from insula.kernel.resource.exports.operation import export_operation
from insula.kernel.resource.notification import NotificationKind
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.exporting.models import Export, ExportState
from insula.kernel.services.files.arriving import Arrival
from insula.kernel.services.files.service import Files, NewFile
from insula.kernel.services.importing.copying import chunks_of
from insula.kernel.services.notifications.notifying import Message, notify
from insula.kernel.storage.places import Folder
from insula.kernel.tenancy.tenant import Tenant

Admit = Callable[[Operation, Tenant | None, Actor], None]
"""Lets an actor through to an operation, or raises why not."""
KEPT = timedelta(days=7)
"""How long the file can be fetched."""
REMEMBERED = timedelta(days=30)

DONE = NotificationKind(
    "exports.done",
    {"en": "An export is ready", "de": "Ein Export ist fertig", "ar": "التصدير جاهز"},
)
EXPIRED = Statement(
    """DELETE FROM home__.exports WHERE tenant_id = $1::text::uuid AND id IN (
    SELECT id FROM home__.exports WHERE tenant_id = $1::text::uuid
       AND expires_at < $2::timestamptz LIMIT 1000)"""
)


class ExportCommand(Command):
    """Which export a job is for."""

    export_id: UUID


class NothingToExport(Conflict):
    """There is no list of this name."""

    code = "EXPORT_RESOURCE_GONE"


@dataclass(frozen=True, slots=True)
class Counter:
    """What everything about exports is done with."""

    engine: Callable[[], Engine]
    files: Files
    admit: Admit

    def exporter(self, ctx: Context, resource: str) -> Exporter:
        """What exports a resource, if the actor may; raises ``NothingToExport``."""
        try:
            exporter = self.engine().exporter(resource)
        except UnknownResource:
            raise NothingToExport from None
        if "list" in exporter.api.resource.without:
            raise NothingToExport
        self.admit(export_operation(exporter), ctx.tenant, ctx.actor)
        return exporter

    async def own(self, work: WorkContext, export_id: UUID) -> Export:
        """An export of the actor's own, locked; raises ``NotFound`` for any other."""
        export = await work.lock(Export, export_id)
        if export.owner_id is None or export.owner_id != work.actor.id:
            raise NotFound
        return export


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, for whom."""

    ctx: Context
    resource: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Made:
    """A file that lies in the storage; or why there is none."""

    arrival: Arrival | None
    rows: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """Writes exports outside of any transaction but the one that reads."""

    counter: Counter

    async def prepare(self, ctx: WorkContext, command: ExportCommand) -> Plan | None:
        """Look whether it is still wanted."""
        export = await ctx.lock(Export, command.export_id)
        if export.state is not ExportState.queued:
            return None
        plain = Context(
            ctx.actor,
            tenant=ctx.tenant,
            session=ctx.session,
            request_id=ctx.request_id,
        )
        wanted = Wanted(export.format, dict(export.query), export.bom)
        return Plan(plain, export.resource, wanted)

    async def perform(self, plan: Plan) -> Made:
        """Write the file, and store it."""
        ctx, files = plan.ctx, self.counter.files
        with tempfile.TemporaryFile() as target:
            try:
                exporter = self.counter.exporter(ctx, plan.resource)
                rows = await exporter.write(ctx, plan.wanted, target, most=MOST_ROWS)
            except Problem as problem:
                return Made(None, problem=problem)
            arrival = await files.receive(ctx, chunks_of(target), folder=Folder.exports)
        return Made(arrival, rows)

    async def run(self, ctx: WorkContext, command: ExportCommand, made: Made) -> None:
        """Make a file of it, and tell its owner."""
        export = await ctx.lock(Export, command.export_id)
        if export.state is not ExportState.queued:
            return
        if made.arrival is None:
            ctx.move(export, ExportState.failed)
            export.error = str(made.problem)
            return
        plural = export.resource.rpartition(".")[2]
        name = f"{plural}-{ctx.now:%Y-%m-%d}.{export.format}"
        new = NewFile(name, expires_at=ctx.now + KEPT)
        file = await self.counter.files.record(ctx, made.arrival, new)
        export.file_id, export.rows, export.size = file.id, made.rows, file.size
        ctx.move(export, ExportState.done)
        await tell(ctx, export)


async def tell(work: WorkContext, export: Export) -> None:
    """Tell the owner that there is something to fetch, when this commits."""
    if export.owner_id is not None:
        link = f"/exports/{export.id}"
        message = Message(title=DONE.titles, body=export.resource, link=link)
        await notify(work, [export.owner_id], DONE, message)


async def bury(work: WorkContext, command: ExportCommand, reason: str) -> None:
    """An export whose job is given up has failed, and says why."""
    export = await work.lock(Export, command.export_id)
    if export.state is ExportState.queued:
        work.move(export, ExportState.failed)
        export.error = reason


async def prune(work: WorkContext) -> None:
    """Forget exports whose time is over; their files go by themselves."""
    await work.transaction.fetch(EXPIRED, work.now)
