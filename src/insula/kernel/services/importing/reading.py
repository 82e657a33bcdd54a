"""Reading: a file of any kind becomes rows that a job can go on with at any of them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import FieldError, Problem
from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.detecting import open_table
from insula.kernel.resource.imports.ids import MOST_ROWS, TooManyRows
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.rows import RowError
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.arriving import Arrival
from insula.kernel.services.files.models import File
from insula.kernel.services.files.service import NewFile
from insula.kernel.services.importing.copying import chunks_of, local_copy
from insula.kernel.services.importing.errors import kept
from insula.kernel.services.importing.models import ImportRun, ImportState
from insula.kernel.services.importing.requests import Desk, ImportCommand
from insula.kernel.storage.disks import Disk
from insula.kernel.storage.places import Folder

SOME, MOST = 1_048_576, 16 * 1_048_576
"""Bytes that are read for some rows, and those that the longest row may have."""
CHUNK_ROWS = 5000
LINE = tuple[int, list[str], dict[str, Any] | None]

_decode = msgspec.json.Decoder(LINE).decode


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read, and as what."""

    ctx: Context
    storage_key: str
    said: Instructions


@dataclass(frozen=True, slots=True)
class Read:
    """The rows in the storage, and how many; or why there are none."""

    arrival: Arrival | None
    rows: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads files outside of any transaction, then has their rows checked.

    ``check`` has them checked when this commits.
    """

    desk: Desk
    check: Any

    async def prepare(self, ctx: WorkContext, command: ImportCommand) -> Plan | None:
        """Look whether it is still wanted."""
        run = await ctx.lock(ImportRun, command.import_id)
        if run.state is not ImportState.checking or run.source_id is None:
            return None
        source = await ctx.get(File, run.source_id)
        said = Instructions.model_validate(run.options)
        plain = Context(
            ctx.actor,
            tenant=ctx.tenant,
            session=ctx.session,
            request_id=ctx.request_id,
        )
        return Plan(plain, source.storage_key, said)

    async def perform(self, plan: Plan) -> Read:
        """Write the rows into a file of their own."""
        disk = self.desk.files.disk(plan.ctx.tenant.id)
        with tempfile.TemporaryFile() as target:
            async with local_copy(disk, plan.storage_key) as file:
                try:
                    rows = await asyncio.to_thread(_write, file, plan.said, target)
                except Problem as problem:
                    return Read(None, problem=problem)
            arrival = await self.desk.files.receive(
                plan.ctx, chunks_of(target), folder=Folder.imports
            )
        return Read(arrival, rows)

    async def run(self, ctx: WorkContext, command: ImportCommand, read: Read) -> None:
        """Keep the file of rows, and have them checked."""
        run = await ctx.lock(ImportRun, command.import_id)
        if run.state is not ImportState.checking:
            return
        if read.arrival is None:
            ctx.move(run, ImportState.failed)
            run.error = str(read.problem)
            return
        new = NewFile(f"{run.name}.rows", expires_at=run.expires_at)
        file = await self.desk.files.record(ctx, read.arrival, new)
        run.rows_id, run.rows = file.id, read.rows
        ctx.enqueue(self.check(), command, unique=f"imports:{run.id}:check")


def _write(file: BinaryIO, said: Instructions, target: IO[bytes]) -> int:
    """Every row as one line of JSON; raises ``UnreadableFile``, ``TooManyRows``."""
    encode, count = msgspec.json.Encoder().encode, 0
    for row in open_table(file, said):
        count += 1
        if count > MOST_ROWS:
            raise TooManyRows(limit=MOST_ROWS)
        fault = None if row.fault is None else kept([_error(row, row.fault)])[0]
        target.write(encode((row.line, row.cells, fault)) + b"\n")
    return count


def _error(row: Row, fault: FieldError) -> RowError:
    return RowError(row.line, fault.field, fault.code, fault.message)


async def rows_from(disk: Disk, file: File, start: int) -> tuple[list[Row], int]:
    """Some rows from a byte on, and the byte behind them; no rows at the end."""
    lines: list[bytes] = []
    for size in (SOME, MOST):
        end = min(start + size, file.size)
        if start >= end:
            break
        data = await _bytes(await disk.read(file.storage_key, start, end))
        lines = data.split(b"\n")[:-1][:CHUNK_ROWS]
        if lines:
            break
    behind = start + sum(len(line) + 1 for line in lines)
    return [_row(_decode(line)) for line in lines], behind


async def _bytes(chunks: AsyncIterator[bytes]) -> bytes:
    found = bytearray()
    async with aclosing(cast("Any", chunks)):
        async for chunk in chunks:
            found += chunk
    return bytes(found)


def _row(line: LINE) -> Row:
    number, cells, fault = line
    if fault is None:
        return Row(number, cells)
    told = fault.get("says")
    message = fault["message"] if told is None else Words(told, **fault["values"])
    return Row(number, cells, FieldError(fault["field"], fault["code"], message))


def cells_of(columns: Sequence[str], row: Row) -> Mapping[str, str]:
    """The cells of a row by column; those beyond the header by their place."""
    beyond = [f"column {at}" for at in range(len(columns) + 1, len(row.cells) + 1)]
    return dict(zip([*columns, *beyond], row.cells, strict=False))
