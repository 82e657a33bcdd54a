"""Importing: a file becomes rows of a resource, exactly once however often it is run.

An import writes in batches, each in a transaction of its own. Run like this it keeps no
record of how far it came: the identity of every row follows from its content (``ids``),
so that an import which was killed is resumed by running it again, and a second run
makes nothing. Rows that are there already are changed only where the caller says by
what they match.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Denied
from insula.kernel.foundation.languages import Catalog, told
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.custom import learn
from insula.kernel.resource.imports.ids import Identity, ImportIds
from insula.kernel.resource.imports.lookups import Find
from insula.kernel.resource.imports.mapping import Instructions, Mapper, Mode
from insula.kernel.resource.imports.rows import BATCH, Drafter, RowError
from insula.kernel.resource.imports.tables import Row, Table
from insula.kernel.resource.imports.writing import (
    DraftWriter,
    Execute,
    Written,
    rehearsing,
    writing,
)

KEPT_ERRORS = 1000


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do if it is a ``dry_run``.

    ``rows`` is the sum of ``created``, ``updated``, ``existing`` and ``failed``.
    ``differing`` are those of the existing rows that now say something else than the
    file. Of the errors the first thousand are kept. ``columns`` says from which columns
    each target came.
    """

    format: str
    encoding: str
    delimiter: str
    columns: dict[str, list[str]]
    ignored: list[str]
    dry_run: bool = False
    rows: int = 0
    created: int = 0
    updated: int = 0
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

    async def learn(self, ctx: Context) -> None:
        """Learn of the fields that the tenant added, before an import is prepared."""
        await learn(ctx, self.api.writer)

    def prepare(
        self, ctx: Context, file: Table, instructions: Instructions
    ) -> "Import":
        """One import of one file; raises ``Invalid`` for a mapping that misfits it."""
        return Import(self, ctx, file, instructions)


class Loading:
    """What makes rows of the resource of a file's rows, batch by batch.

    Raises ``Invalid`` for instructions that misfit the columns, and ``MayNotWrite``.
    """

    def __init__(
        self,
        importer: Importer,
        ctx: Context,
        instructions: Instructions,
        columns: Sequence[str],
        identity: Identity,
    ) -> None:
        api = importer.api
        check_writing(ctx, api, instructions)
        self._ctx, self._api, self._said = ctx, api, instructions
        self.entries = Mapper(ctx, api, importer.find).entries(instructions, columns)
        self._drafter = Drafter(ctx, api, instructions, self.entries, identity)

    async def load(self, rows: Sequence[Row], execute: Execute) -> Written:
        """Write a batch; in ``existing`` are those that repeat an earlier row."""
        drafts = await self._drafter.drafts(rows)
        writer = DraftWriter(self._ctx, self._api, self._said, execute)
        written = await writer.write(drafts.made)
        written.existing += drafts.repeated
        written.refused = sorted(drafts.refused + written.refused, key=_line)
        return written


class MayNotWrite(Denied):
    """This needs the permission {permission}."""

    code = "FORBIDDEN"


def check_writing(ctx: Context, api: ResourceApi, said: Instructions) -> None:
    """Refuse what single writes would not be allowed either."""
    needed = ["create"] if said.mode is not Mode.update or not said.match else []
    if said.match is not None and said.mode is not Mode.create:
        needed += ["read", "update"]
    for action in needed:
        permission = f"{api.resource.name}.{action}"
        if ctx.actor.reach(permission) is None:
            raise MayNotWrite(permission=permission)


class Import:
    """One import, ready to run once."""

    def __init__(
        self, importer: Importer, ctx: Context, file: Table, instructions: Instructions
    ) -> None:
        name = importer.api.resource.name
        ids = ImportIds(ctx.tenant.id, name, instructions.key)
        self._importer, self._ctx, self._file = importer, ctx, file
        self._loading = Loading(importer, ctx, instructions, file.columns, ids)
        used = {it.target: sorted(it.source.columns) for it in self._loading.entries}
        every = {name for names in used.values() for name in names}
        ignored = [name for name in file.columns if name not in every]
        said = file.kind, file.encoding, file.delimiter
        self.report = ImportReport(*said, used, ignored)

    async def run(self, watch: Watch = NOBODY) -> ImportReport:
        """Import the file."""
        try:
            return await self._go(writing(self._ctx.session), watch)
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
        report, rows = self.report, iter(self._file)
        while batch := list(islice(rows, BATCH)):
            written = await self._loading.load(batch, execute)
            for row, errors in written.refused:
                watch.refused(row, errors)
                report.errors += errors[: KEPT_ERRORS - len(report.errors)]
            report.rows += len(batch)
            report.created += written.created
            report.updated += written.updated
            report.existing += written.existing
            report.differing += written.differing
            report.failed += len(written.refused)
            watch.progress(report, self._file.position, self._file.size)
        return report


def _line(refused: tuple[Row, list[RowError]]) -> int:
    return refused[0].line
