"""The exporting service: lists of any length become files, fetched by a link that expires."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from pydantic import BaseModel, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Conflict, Denied, Invalid, NotFound
from insula.kernel.resource.api import row_id
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import SCHEMA
from insula.kernel.resource.exports.sheets import SheetFormat
from insula.kernel.resource.tasks import Errand
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.services.audit.noting import note
from insula.kernel.services.exporting.making import (
    DONE,
    REMEMBERED,
    Counter,
    ExportCommand,
    Making,
    NothingToExport,
    bury,
    prune,
)
from insula.kernel.services.exporting.models import Export, ExportState, exports
from insula.kernel.services.files.downloading import LINKED
from insula.kernel.services.files.models import File
from insula.kernel.storage.links import Link

MAKE = "exports.make"
LONGEST = 3600.0
"""Seconds that a million rows may take."""
LASTING = timedelta(hours=1)
ROOT = "/api/v1/exports"
ONE = f"{ROOT}/{{id}}"
MOST = 100


class NewExport(Command):
    """Which list is wanted, as what; ``query`` is the list's own, as in its address."""

    resource: Annotated[str, Field(max_length=64)]
    format: Annotated[SheetFormat, Field(strict=False)] = SheetFormat.csv
    query: Annotated[str, Field(max_length=4096)] = ""
    bom: bool = False


class NothingThere(Conflict):
    """There is nothing to fetch: the export is not done, or its time is over."""

    code = "EXPORT_NOT_READY"


class NotWaiting(Conflict):
    """The export is {state}: that is not possible now."""

    code = "EXPORT_WRONG_STATE"


class ExportLink(BaseModel):
    """Where an export can be fetched, for an hour."""

    url: str
    expires_at: datetime


class Exporting:
    """The service of one process."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    @cached_property
    def _make(self) -> Errand:
        making = Making(self._counter)
        return Errand(
            name=MAKE,
            command=ExportCommand,
            prepare=making.prepare,
            perform=making.perform,
            run=making.run,
            timeout=LONGEST,
            on_dead=bury,
        )

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="exports",
            title="Exports",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(exports,),
            notifications=(DONE,),
            tasks=(self._make,),
            schedules=(Schedule("prune", run=prune, cron="20 3 * * *"),),
        )

    def operations(self) -> tuple[Operation, ...]:
        """Every operation on exports; an export is its owner's alone.

        None has a permission of its own: making one asks for what reading the list
        needs, then and when it is written.
        """
        one = self._schema
        made: Callable[..., Operation] = partial(Operation, errors=(NotFound,))
        return (
            made(name="exports.create", method="POST", path=ROOT, run=self.create,
                 summary="Have a list of any length made into a file",
                 body=NewExport, status=202, limit="bulk", answer=one,
                 errors=(NothingToExport, Denied, Invalid)),
            made(name="exports.list", method="GET", path=ROOT, run=self.list,
                 summary="List your exports", writes=False,
                 answer=lambda: {"type": "array", "items": one()}),
            made(name="exports.read", method="GET", path=ONE, run=self.get,
                 summary="Read one of your exports", writes=False, answer=one),
            made(name="exports.cancel", method="POST", path=f"{ONE}/cancel",
                 run=self.cancel, summary="Give an export up, or its file away",
                 answer=one, errors=(NotFound, NotWaiting)),
            made(name="exports.link", method="POST", path=f"{ONE}/link",
                 run=self.link, summary="Make a link with which it can be fetched",
                 answer=partial(ExportLink.model_json_schema, mode="serialization",
                                ref_template=SCHEMA),
                 errors=(NotFound, NothingThere)),
        )  # fmt: skip

    def _schema(self) -> Mapping[str, Any]:
        return self._counter.engine().api("exports").row_schema()

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Have an export made in the background."""
        asked: NewExport = call.body
        self._counter.exporter(ctx, asked.resource)
        async with self._counter.engine().work(ctx) as work:
            export = Export(
                resource=asked.resource,
                format=asked.format,
                bom=asked.bom,
                query=dict(parse_qsl(asked.query, keep_blank_values=True)),
                owner_id=ctx.actor.id,
                expires_at=work.now + REMEMBERED,
            )
            await work.add(export)
            work.enqueue(self._make, ExportCommand(export_id=export.id))
        location = f"{call.path}/{export.id}"
        return Reply(self._shown(export), status=202, location=location)

    async def list(self, ctx: Context, _: Call) -> Reply:
        """One's own exports, the newest first."""
        mine, newest = Export.owner_id == ctx.actor.id, Export.__table__.c.id.desc()
        async with self._counter.engine().work(ctx) as work:
            found = await work.select(Export, mine, order_by=newest, limit=MOST)
        return Reply(
            msgspec.json.encode([msgspec.Raw(self._shown(it)) for it in found])
        )

    async def get(self, ctx: Context, call: Call) -> Reply:
        """One of them."""
        async with self._counter.engine().work(ctx) as work:
            return Reply(self._shown(await self._counter.own(work, row_id(call))))

    async def cancel(self, ctx: Context, call: Call) -> Reply:
        """Give it up; what is there of it cannot be fetched any more."""
        async with self._counter.engine().work(ctx) as work:
            export = await self._counter.own(work, row_id(call))
            if export.state not in (ExportState.queued, ExportState.done):
                raise NotWaiting(state=export.state.value)
            work.move(export, ExportState.cancelled)
            await self._expire(work, export)
            await work.flush()
            return Reply(self._shown(export))

    async def _expire(self, work: WorkContext, export: Export) -> None:
        """Have the file removed with what expires tonight; no link opens it from now."""
        if export.file_id is not None:
            file = await work.get(File, export.file_id)
            file.edition, file.expires_at = file.edition + 1, work.now
            export.file_id = None

    async def link(self, ctx: Context, call: Call) -> Reply:
        """A link to an export, for whoever may still read the list."""
        files = self._counter.files
        async with self._counter.engine().work(ctx) as work:
            export = await self._counter.own(work, row_id(call))
            if export.state is not ExportState.done or export.file_id is None:
                raise NothingThere
            self._counter.exporter(ctx, export.resource)
            file = await work.get(File, export.file_id)
            if file.expires_at is None or file.expires_at <= work.now:
                raise NothingThere
            link = Link(
                tenant_id=ctx.tenant.id,
                file_id=file.id,
                edition=file.edition,
                variant="",
                inline=False,
                expires_at=(files.clock() + LASTING).replace(microsecond=0),
            )
            await note(work.transaction, ctx, "exports.link", ("export", export.id))
        url = f"{LINKED}/{file.id}?token={files.links.token(link)}"
        view = ExportLink(url=url, expires_at=link.expires_at)
        return Reply(view.model_dump_json().encode())

    def _shown(self, export: Export) -> bytes:
        writer = self._counter.engine().api("exports").writer
        return writer.encode(values_of(export, writer))
