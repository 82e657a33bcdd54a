"""Importing: a file becomes rows of a resource, exactly once however often it is run.

An import writes in batches, each in a transaction of its own. It keeps no record of how
far it came: the identity of every row follows from its content (``import_ids``), so
that an import which was killed is resumed by running it again, and a second run makes
nothing. Rows that are there already are never changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.foundation.languages import Catalog, told
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.csv_reading import CsvFile, Row
from insula.kernel.resource.imports.mapping import Find, Instructions, Mapper
from insula.kernel.resource.imports.rows import BATCH, Drafter, RowError
from insula.kernel.resource.imports.writing import DraftWriter, Execute, rehearsing

KEPT_ERRORS = 1000


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do if it is a ``dry_run``.

    ``rows`` is the sum of ``created``, ``existing`` and ``failed``. ``differing`` are
    those of the existing rows that now say something else than the file. Of the
    errors the first thousand are kept. ``columns`` says from which columns each
    target came.
    """

    encoding: str
    delimiter: str
    columns: dict[str, list[str]]
    ignored: list[str]
    dry_run: bool = False
    rows: int = 0
    created: int = 0
    existing: int = 0
    differing: int = 0
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)

    def json(self, catalog: Catalog | None = None) -> bytes:
        """The report as the API answers with it, in the catalog's language."""
        errors = [replace(it, message=told(it.message, catalog)) for it in self.errors]
        return msgspec.json.encode(replace(self, errors=errors))

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema of ``json()``."""
        _, parts = msgspec.json.schema_components(
            [ImportReport], ref_template="#/components/schemas/{name}"
        )
        return {**parts.pop("ImportReport"), "title": "ImportReport", "$defs": parts}


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told while an import runs.

    ``progress`` hears after each batch what was done, and how many bytes of how many
    were read; ``refused`` hears of every row that was not imported, with its cells.
    """

    progress: Callable[[ImportReport, int, int], None] = lambda *_: None
    refused: Callable[[Row, Sequence[RowError]], None] = lambda *_: None


NOBODY = Watch()


class Importer:
    """Imports files into one resource.

    ``find`` knows the other resources, for references; ``changed`` is told the
    tenant whose rows have changed.
    """

    def __init__(
        self, api: ResourceApi, find: Find, changed: Callable[[UUID], None]
    ) -> None:
        self.api, self.find, self.changed = api, find, changed

    def prepare(
        self, ctx: Context, file: CsvFile, instructions: Instructions
    ) -> "Import":
        """One import of one file; raises ``Invalid`` for a mapping that misfits it."""
        return Import(self, ctx, file, instructions)


class Import:
    """One import, ready to run once."""

    def __init__(
        self,
        importer: Importer,
        ctx: Context,
        file: CsvFile,
        instructions: Instructions,
    ) -> None:
        api = importer.api
        entries = Mapper(ctx, api, importer.find).entries(instructions, file.columns)
        self._importer, self._ctx, self._file = importer, ctx, file
        self._drafter = Drafter(ctx, api, instructions, entries)
        self._key = instructions.key
        used = {entry.target: sorted(entry.source.columns) for entry in entries}
        every = {name for names in used.values() for name in names}
        ignored = [name for name in file.columns if name not in every]
        self.report = ImportReport(file.encoding, file.delimiter, used, ignored)

    async def run(self, watch: Watch = NOBODY) -> ImportReport:
        """Import the file."""
        try:
            return await self._go(self._ctx.session.fetch, watch)
        finally:
            self._importer.changed(self._ctx.tenant.id)

    async def rehearse(self, watch: Watch = NOBODY) -> ImportReport:
        """Do all that ``run`` does, with the same report, and undo every batch.

        What is undone cannot be in the way of a later batch: a value that must be
        unique and comes twice in a file, without being the key, is found only if
        both are in one batch.
        """
        self.report.dry_run = True
        return await self._go(rehearsing(self._ctx.session), watch)

    async def _go(self, execute: Execute, watch: Watch) -> ImportReport:
        writer = DraftWriter(self._ctx, self._importer.api, self._key, execute)
        report, rows = self.report, iter(self._file)
        while batch := list(islice(rows, BATCH)):
            drafts = await self._drafter.drafts(batch)
            written = await writer.write(drafts.made)
            refused = sorted(drafts.refused + written.refused, key=_line)
            for row, errors in refused:
                watch.refused(row, errors)
                report.errors += errors[: KEPT_ERRORS - len(report.errors)]
            report.rows += len(batch)
            report.created += written.created
            report.existing += drafts.repeated + written.existing
            report.differing += written.differing
            report.failed += len(refused)
            watch.progress(report, self._file.position, self._file.size)
        return report


def _line(refused: tuple[Row, list[RowError]]) -> int:
    return refused[0].line
