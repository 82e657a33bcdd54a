"""Working: the jobs that check an import's rows, and that write them, chunk by chunk.

What a chunk writes, what is noted of its rows and how far the job has come commit
together: killed anywhere, it goes on where it was, and does no row twice.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from insula.kernel.database.session import JointSession, Transaction
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.imports.ids import RowIds
from insula.kernel.resource.imports.importing import Loading
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.rows import BATCH, RowError
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.imports.writing import Written, writing
from insula.kernel.resource.tasks import Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.models import File
from insula.kernel.services.importing.errors import kept
from insula.kernel.services.importing.models import ImportRun, ImportState
from insula.kernel.services.importing.reading import cells_of, rows_from
from insula.kernel.services.importing.requests import Desk, ImportCommand
from insula.kernel.services.importing.statements import (
    FIXED,
    FORGET_ERRORS,
    FORGET_ROWS,
    KEEP,
    TALLY,
    ZERO,
)
from insula.kernel.services.importing.telling import tell_done


class _Undo(Exception):
    """Ends a part of a transaction that is not to stay."""


@asynccontextmanager
async def undone(transaction: Transaction) -> AsyncIterator[None]:
    """All that a block does is undone when it ends; PostgreSQL has checked it."""
    try:
        async with transaction.part():
            yield
            raise _Undo
    except _Undo:
        return


@dataclass(frozen=True, slots=True)
class Working:
    """The chunks of both jobs."""

    desk: Desk

    async def check(
        self, ctx: WorkContext, command: ImportCommand, progress: Progress
    ) -> bool:
        """Check some rows, writing none; answers whether they were the last."""
        run = await ctx.lock(ImportRun, command.import_id)
        if run.state is not ImportState.checking:
            return True
        rows, last = await self._begin(ctx, run, progress)
        if rows:
            async with undone(ctx.transaction):
                written = await load(self.desk, ctx, run, rows)
            await note(ctx, run, rows, written)
        if last:
            ctx.move(run, ImportState.checked)
        return last

    async def write(
        self, ctx: WorkContext, command: ImportCommand, progress: Progress
    ) -> bool:
        """Write some rows; answers whether they were the last."""
        run = await ctx.lock(ImportRun, command.import_id)
        if run.state is not ImportState.running:
            return True
        rows, last = await self._begin(ctx, run, progress)
        if rows:
            written = await load(self.desk, ctx, run, rows)
            await note(ctx, run, rows, written)
        if last:
            ctx.move(run, ImportState.done)
            await tell_done(ctx, run)
        return last

    async def _begin(
        self, ctx: WorkContext, run: ImportRun, progress: Progress
    ) -> tuple[list[Row], bool]:
        """The next rows, and whether they are the last.

        Before the first of them what was noted is forgotten.
        """
        if progress.cursor is None:
            await ctx.transaction.fetch(ZERO, run.id)
            await ctx.transaction.fetch(FORGET_ROWS, run.id, False)
            await ctx.transaction.fetch(FORGET_ERRORS, run.id)
        assert run.rows_id is not None  # it was read before it is checked
        file = await ctx.get(File, run.rows_id)
        start = int(progress.cursor or "0")
        disk = self.desk.files.disk(ctx.tenant.id)
        rows, behind = await rows_from(disk, file, start)
        progress.cursor, progress.total = str(behind), run.rows
        progress.done += len(rows)
        return await _with_fixes(ctx, run, rows), behind >= file.size


async def _with_fixes(
    ctx: WorkContext, run: ImportRun, rows: Sequence[Row]
) -> list[Row]:
    """The rows, those that somebody put right as they are now."""
    if not rows:
        return []
    span = rows[0].line, rows[-1].line
    found = await ctx.transaction.fetch(FIXED, run.id, *span)
    fixes = {it["number"]: msgspec.json.decode(it["cells"]) for it in found}
    return [
        fixed_row(run, row.line, fixes[row.line]) if row.line in fixes else row
        for row in rows
    ]


def fixed_row(run: ImportRun, line: int, cells: dict[str, str]) -> Row:
    """A row that somebody put right: as wide as the header, whatever it was."""
    return Row(line, [cells.get(name, "") for name in names_of(run)])


def names_of(run: ImportRun) -> list[str]:
    """What the file calls its columns."""
    return [it["name"] for it in run.columns.get("columns", ())]


async def load(
    desk: Desk, ctx: WorkContext, run: ImportRun, rows: Sequence[Row]
) -> Written:
    """Write rows in the transaction of the context, with the rights of its actor."""
    importer = desk.importer(ctx, run.resource)
    joint = JointSession(ctx.session, ctx.transaction)
    await importer.learn(ctx)
    said = Instructions.model_validate(run.options)
    ids = RowIds(ctx.tenant.id, run.id)
    loading = Loading(importer, ctx.within(joint), said, names_of(run), ids)
    whole = Written()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        whole.add(await loading.load(batch, writing(joint)))
    return whole


async def note(
    ctx: WorkContext, run: ImportRun, rows: Sequence[Row], written: Written
) -> None:
    """Count the rows, and keep those that were refused with their errors."""
    failed = len(written.refused)
    counts = written.created, written.updated, written.existing, failed
    await ctx.transaction.fetch(TALLY, run.id, len(rows), *counts)
    await keep_rows(ctx, run, written.refused, fixed=False)


async def keep_rows(
    ctx: WorkContext,
    run: ImportRun,
    rows: Sequence[tuple[Row, Sequence[RowError]]],
    *,
    fixed: bool,
) -> None:
    """Keep rows by their lines, with what is wrong with them."""
    if not rows:
        return
    names = names_of(run)
    columns: tuple[list[Any], ...] = (
        [uuid7() for _ in rows],
        [row.line for row, _ in rows],
        [_json(cells_of(names, row)) for row, _ in rows],
        [_json(kept(errors)) for _, errors in rows],
    )
    await ctx.transaction.fetch(KEEP, ctx.now, run.id, fixed, *columns)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
