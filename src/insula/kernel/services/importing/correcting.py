"""Correcting: the rows that stand in an import's way, read, put right, and handed back."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.languages import Catalog
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import row_id
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.spreadsheets import harmless
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.importing.errors import as_told
from insula.kernel.services.importing.models import ImportRun, ImportState
from insula.kernel.services.importing.requests import Desk, RowFix, RowFixes
from insula.kernel.services.importing.statements import PAGE, SOME, TALLY
from insula.kernel.services.importing.working import (
    fixed_row,
    keep_rows,
    load,
    names_of,
    undone,
)

MOST_PER_PAGE, PER_PAGE = 100, 50
READY = (ImportState.checked, ImportState.done, ImportState.failed)


class Correcting:
    """What can be done with the rows of an import."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, ctx: Context, call: Call) -> Reply:
        """Rows that were refused or put right, by their lines."""
        after, size, failed = _paging(call.query)
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call))
            terms = run.id, after, failed, size + 1
            rows = await work.transaction.fetch(PAGE, *terms)
        catalog = self._catalog(ctx, call)
        reply = Reply(_encoded(rows[:size], catalog), per_page=size)
        if len(rows) > size:
            reply.next_cursor = str(rows[size - 1]["number"])
        return reply

    async def fix(self, ctx: Context, call: Call) -> Reply:
        """Put rows right, and tell at once what is still wrong with them."""
        asked: RowFixes = call.body
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call), ImportState.checked)
            known = await self._known(work, run, asked.rows)
            rows = [self._fixed(run, known, at, it) for at, it in enumerate(asked.rows)]
            rows.sort(key=lambda row: row.line)
            async with undone(work.transaction):
                written = await load(self._desk, work, run, rows)
            refused = {row.line: errors for row, errors in written.refused}
            found = [(row, refused.get(row.line, [])) for row in rows]
            await keep_rows(work, run, found, fixed=True)
            before = sum(bool(_errors(it)) for it in known.values())
            passed = written.created, written.updated, written.existing
            counts = passed if before == len(rows) else (0, 0, 0)
            terms = *counts, len(refused) - before
            await work.transaction.fetch(TALLY, run.id, 0, *terms)
            kept = await work.transaction.fetch(SOME, run.id, sorted(known))
        return Reply(_encoded(kept, self._catalog(ctx, call)))

    async def _known(
        self, work: WorkContext, run: ImportRun, asked: Sequence[RowFix]
    ) -> dict[int, Any]:
        """The rows as they were kept; none that was not refused can be put right."""
        wanted = [it.row for it in asked]
        rows = await work.transaction.fetch(SOME, run.id, wanted)
        known = {row["number"]: row for row in rows}
        words = Words("No such row was refused, or it is named twice.")
        wrong = [
            FieldError(f"rows.{at}.row", "not_found", words)
            for at, number in enumerate(wanted)
            if number not in known or wanted.count(number) > 1
        ]
        if wrong:
            raise Invalid(*wrong)
        return known

    @staticmethod
    def _fixed(run: ImportRun, known: Mapping[int, Any], at: int, fix: RowFix) -> Row:
        strange = sorted(fix.cells.keys() - set(names_of(run)))
        if strange:
            words = Words("The file has no column '{name}'.", name=strange[0])
            raise Invalid(FieldError(f"rows.{at}.cells", "unknown_column", words))
        if "\x00" in "".join(fix.cells.values()):
            words = Words("The row contains a NUL character.")
            raise Invalid(FieldError(f"rows.{at}.cells", "nul", words))
        before = msgspec.json.decode(known[fix.row]["cells"])
        cells = {name: text.strip() for name, text in fix.cells.items()}
        return fixed_row(run, fix.row, {**before, **cells})

    async def errors(self, ctx: Context, call: Call) -> Reply:
        """The refused rows as a file that can be put right and imported."""
        async with self._desk.engine().work(ctx) as work:
            run = await self._desk.own(work, row_id(call))
            names = names_of(run)
        said = b'attachment; filename="errors.csv"'
        return Reply(
            stream=self._lines(ctx, run, names, self._catalog(ctx, call)),
            content_type="text/csv; charset=utf-8",
            headers=((b"content-disposition", said),),
        )

    async def _lines(
        self,
        ctx: Context,
        run: ImportRun,
        names: Sequence[str],
        catalog: Catalog | None,
    ) -> AsyncIterator[bytes]:
        header = ["import line", "import error", *map(harmless, names)]
        yield b"\xef\xbb\xbf" + _csv([header])
        after = 0
        while True:
            async with ctx.session.transaction() as transaction:
                rows = await transaction.fetch(PAGE, run.id, after, True, 500)
            if not rows:
                return
            yield _csv([_line(it, names, catalog) for it in rows])
            after = rows[-1]["number"]

    def _catalog(self, ctx: Context, call: Call) -> Catalog | None:
        usual = ctx.actor.locale, ctx.tenant.policy.locale
        return self._desk.languages.choose(call.headers, usual)


def _paging(query: Mapping[str, str]) -> tuple[int, int, bool]:
    """The line after which to begin, how many rows, and whether of the refused alone."""
    after, size = query.get("cursor", "0"), query.get("per_page", str(PER_PAGE))
    failed = query.get("failed", "false")
    wrong = [
        FieldError(name, "invalid", Words("It is no number that can be."))
        for name, text in (("cursor", after), ("per_page", size))
        if not (text.isascii() and text.isdigit() and len(text) < 15)
    ]
    if failed not in ("true", "false"):
        words = Words("It is 'true' or 'false'.")
        wrong.append(FieldError("failed", "invalid", words))
    if wrong:
        raise Invalid(*wrong)
    return int(after), min(max(int(size), 1), MOST_PER_PAGE), failed == "true"


def _errors(row: Any) -> list[Any]:
    found: list[Any] = msgspec.json.decode(row["errors"])
    return found


def _encoded(rows: Sequence[Any], catalog: Catalog | None) -> bytes:
    return msgspec.json.encode(
        [
            {
                "row": row["number"],
                "cells": row["cells"],
                "errors": as_told(_errors(row), catalog),
                "fixed": row["fixed"],
            }
            for row in rows
        ]
    )


def _line(row: Any, names: Sequence[str], catalog: Catalog | None) -> list[str]:
    cells = msgspec.json.decode(row["cells"])
    why = "; ".join(
        f"{it['field'] or 'row'}: {it['message']}"
        for it in as_told(_errors(row), catalog)
    )
    told = [harmless(cells.get(name, "")) for name in names]
    return [str(row["number"]), harmless(why), *told]


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8", "replace")
