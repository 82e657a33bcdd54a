"""Deciding: how an import is to be read, and when it is checked, begun and given up."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.resource.api import row_id
from insula.kernel.resource.imports.custom import learn, names_of_added
from insula.kernel.resource.imports.ids import RowIds
from insula.kernel.resource.imports.importing import Loading
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.models import File
from insula.kernel.services.importing.copying import local_copy
from insula.kernel.services.importing.describing import (
    Description,
    describe,
    proposed,
)
from insula.kernel.services.importing.models import ImportRun, ImportState
from insula.kernel.services.importing.requests import (
    Desk,
    ImportChange,
    ImportCommand,
)
from insula.kernel.services.importing.statements import FORGET_ROWS, SOME
from insula.kernel.services.importing.uploading import keep_samples, shown
from insula.kernel.services.importing.working import names_of

S = ImportState
MOST = 100
OPEN = (S.uploaded, S.checked, S.failed)


class Deciding:
    """What its owner does with an import; ``read`` and ``write`` are the tasks."""

    def __init__(
        self, desk: Desk, read: Callable[[], Any], write: Callable[[], Any]
    ) -> None:
        self._desk, self._read, self._write = desk, read, write

    async def list(self, ctx: Context, _: Call) -> Reply:
        """One's own imports, the newest first."""
        mine = ImportRun.owner_id == ctx.actor.id
        newest = ImportRun.__table__.c.id.desc()
        async with self._desk.engine().work(ctx) as work:
            runs = await work.select(ImportRun, mine, order_by=newest, limit=MOST)
        rows = [msgspec.Raw(shown(self._desk, run, {})) for run in runs]
        return Reply(msgspec.json.encode(rows))

    async def get(self, ctx: Context, call: Call) -> Reply:
        """One of them."""
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call))
            return await self._reply(work, run)

    async def change(self, ctx: Context, call: Call) -> Reply:
        """Say how the columns become fields; refused as long as it misfits them."""
        said: ImportChange = call.body
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call), *OPEN)
            if _reads_anew(said.options, run):
                found = await self._look_again(work, run, said.options)
                await keep_samples(work, run.id, found)
            await self._check(work, run, said.options)
            run.options = said.options.model_dump(mode="json", exclude_defaults=True)
            if run.state is not S.uploaded:
                work.move(run, S.uploaded)
            await work.transaction.fetch(FORGET_ROWS, run.id, True)
            run.rows_id, run.error = None, None
            return await self._reply(work, run)

    async def _check(
        self, work: WorkContext, run: ImportRun, said: Instructions
    ) -> None:
        importer = self._desk.importer(work, run.resource)
        await importer.learn(work)
        ids = RowIds(work.tenant.id, run.id)
        Loading(importer, work, said, names_of(run), ids)

    async def _look_again(
        self, work: WorkContext, run: ImportRun, said: Instructions
    ) -> Description:
        """Read the file's beginning in another encoding, or parted otherwise."""
        api = self._desk.importer(work, run.resource).api
        assert run.source_id is not None
        source = await work.get(File, run.source_id)
        disk = self._desk.files.disk(work.tenant.id)
        async with local_copy(disk, source.storage_key) as file:
            found = await asyncio.to_thread(describe, file, said)
        run.encoding, run.delimiter = found.encoding, found.delimiter or None
        await learn(work, api.writer)
        run.columns = proposed(api, found.columns, names_of_added(work, api.writer))
        return found

    async def check(self, ctx: Context, call: Call) -> Reply:
        """Have every row checked; nothing is written."""
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call), *OPEN)
            self._desk.importer(work, run.resource)
            said = Instructions.model_validate(run.options)
            await self._check(work, run, said)
            work.move(run, S.checking)
            run.error, command = None, ImportCommand(import_id=run.id)
            work.enqueue(self._read(), command, unique=f"imports:{run.id}:read")
            return await self._reply(work, run, status=202)

    async def start(self, ctx: Context, call: Call) -> Reply:
        """Have the rows written, as they were checked."""
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call), S.checked)
            self._desk.importer(work, run.resource)
            work.move(run, S.running)
            command = ImportCommand(import_id=run.id)
            work.enqueue(self._write(), command, unique=f"imports:{run.id}:write")
            return await self._reply(work, run, status=202)

    async def cancel(self, ctx: Context, call: Call) -> Reply:
        """Give an import up; rows that are written already stay."""
        async with self._desk.engine().work(ctx) as work:
            live = S.checking, S.running
            run = await self._desk.own(work, row_id(call), *OPEN, *live)
            work.move(run, S.cancelled)
            return await self._reply(work, run)

    async def _reply(
        self, work: WorkContext, run: ImportRun, *, status: int = 200
    ) -> Reply:
        await work.flush()
        kept = await work.transaction.fetch(SOME, run.id, [0])
        samples = msgspec.Raw(bytes(kept[0]["cells"])) if kept else {}
        return Reply(shown(self._desk, run, samples), status=status)


def _reads_anew(said: Instructions, run: ImportRun) -> bool:
    """Whether other instructions would find other columns in the file."""
    wanted = said.encoding, said.delimiter
    present = run.encoding, run.delimiter
    return run.format == "csv" and any(
        one is not None and one != other
        for one, other in zip(wanted, present, strict=True)
    )
