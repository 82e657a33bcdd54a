"""Uploading: a file is taken in, looked at, and kept until somebody says how to read it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.custom import learn, names_of_added
from insula.kernel.resource.imports.tables import UnreadableFile
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.services.files.arriving import Arrival
from insula.kernel.services.files.contents import FileQuarantined
from insula.kernel.services.files.models import FileState
from insula.kernel.services.files.names import clean_name
from insula.kernel.services.files.service import NewFile
from insula.kernel.services.importing.copying import local_copy
from insula.kernel.services.importing.describing import (
    Description,
    describe,
    first_options,
    proposed,
)
from insula.kernel.services.importing.models import ImportRun
from insula.kernel.services.importing.requests import Desk, ResourceGone
from insula.kernel.services.importing.statements import KEEP
from insula.kernel.storage.places import Folder

KEPT = timedelta(days=30)
"""How long an import is kept, with its file and its rows."""
PARAMETERS = frozenset({"resource", "name"})


class Uploading:
    """Takes the body as it comes; the resource and a name are in the query."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Store the body, and tell what it is and how it would be read."""
        resource = _resource(call)
        try:
            api = self._desk.importer(ctx, resource).api
        except ResourceGone:
            words = Words("There is no resource of this name.")
            raise Invalid(FieldError("resource", "unknown", words)) from None
        files = self._desk.files
        arrival = await files.receive(
            ctx, call.chunks, folder=Folder.imports, limit=files.bounds.file
        )
        try:
            found = await self._look(ctx, arrival)
        except (UnreadableFile, FileQuarantined):
            await files.discard(ctx, arrival)
            raise
        await learn(ctx, api.writer)
        added = names_of_added(ctx, api.writer)
        async with self._desk.engine().work(ctx) as work:
            new = NewFile(
                clean_name(call.query.get("name", "import")),
                expires_at=work.now + KEPT,
            )
            file = await files.record(work, arrival, new)
            run = ImportRun(
                resource=resource,
                name=new.name,
                format=found.kind,
                encoding=found.encoding,
                delimiter=found.delimiter or None,
                size=arrival.size,
                columns=proposed(api, found.columns, added),
                options=first_options(api, found.columns, added),
                source_id=file.id,
                owner_id=ctx.actor.id,
                expires_at=work.now + KEPT,
            )
            await work.add(run)
            await work.flush()
            await keep_samples(work, run.id, found)
        location = f"{call.path}/{run.id}"
        data = shown(self._desk, run, found.samples)
        return Reply(data, status=201, location=location)

    async def _look(self, ctx: Context, arrival: Arrival) -> Description:
        if arrival.state is not FileState.ready:
            raise FileQuarantined
        disk = self._desk.files.disk(ctx.tenant.id)
        async with local_copy(disk, arrival.storage_key) as file:
            return await asyncio.to_thread(describe, file)


def _resource(call: Call) -> str:
    if unknown := set(call.query) - PARAMETERS:
        words = Words("It is not known.")
        raise Invalid(*(FieldError(name, "unknown", words) for name in sorted(unknown)))
    if not call.query.get("resource"):
        words = Words("Say into which resource: crm.deals.")
        raise Invalid(FieldError("resource", "required", words))
    return call.query["resource"]


async def keep_samples(work: WorkContext, run_id: UUID, found: Description) -> None:
    """Keep the samples beside the import, so that they go with it."""
    cells = msgspec.json.encode(found.samples).decode()
    terms = work.now, run_id, False, [uuid7()], [0], [cells], ["[]"]
    await work.transaction.fetch(KEEP, *terms)


def shown(desk: Desk, run: ImportRun, samples: object) -> bytes:
    """An import as its owner sees it."""
    writer = desk.engine().api("imports").writer
    row = msgspec.json.decode(writer.encode(values_of(run, writer)))
    return msgspec.json.encode({**row, "samples": samples})
