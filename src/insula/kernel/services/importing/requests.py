"""Requests: what callers say of an import, and whose it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Operation
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.foundation.languages import Languages
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine, UnknownResource
from insula.kernel.resource.imports.importing import Importer
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.operation import import_operation
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.service import Files
from insula.kernel.services.importing.models import ImportRun, ImportState
from insula.kernel.tenancy.tenant import Tenant

Admit = Callable[[Operation, Tenant | None, Actor], None]
"""Lets an actor through to an operation, or raises why not."""
MOST_FIXES = 100
LONGEST_CELL = 131_072


class ImportChange(Command):
    """How the columns become fields; it takes the place of what was said before."""

    options: Annotated[
        Instructions, Field(examples=[{"map": {"name": "Name"}, "match": "id"}])
    ]


class RowFix(Command):
    """A row that was refused, by its line, and what its cells are to be, by column."""

    row: Annotated[int, Field(ge=1, lt=2**63)]
    cells: dict[str, Annotated[str, Field(max_length=LONGEST_CELL)]]


class RowFixes(Command):
    """Rows that are put right."""

    rows: Annotated[
        list[RowFix],
        Field(
            min_length=1,
            max_length=MOST_FIXES,
            examples=[[{"row": 2, "cells": {"Name": "Pump"}}]],
        ),
    ]


class ImportCommand(Command):
    """Which import a job is for."""

    import_id: UUID


class ImportBusy(Conflict):
    """The import is {state}: that is not possible now."""

    code = "IMPORT_WRONG_STATE"


class ResourceGone(Conflict):
    """What this was to be imported into is not there any more."""

    code = "IMPORT_RESOURCE_GONE"


@dataclass(frozen=True, slots=True)
class Desk:
    """What everything about imports is done with."""

    engine: Callable[[], Engine]
    files: Files
    languages: Languages
    admit: Admit

    def importer(self, ctx: Context, resource: str) -> Importer:
        """What imports into a resource, if the actor may; raises ``ResourceGone``."""
        try:
            importer = self.engine().importer(resource)
        except UnknownResource:
            raise ResourceGone from None
        operation = import_operation(importer, self.languages)
        self.admit(operation, ctx.tenant, ctx.actor)
        return importer

    async def own(
        self, work: WorkContext, import_id: UUID, *states: ImportState
    ) -> ImportRun:
        """An import of the actor's own, locked, in one of these states.

        Nobody else has it, whatever their role: its rows are what one person brought.
        """
        run = await work.lock(ImportRun, import_id)
        if run.owner_id is None or run.owner_id != work.actor.id:
            raise NotFound
        if states and run.state not in states:
            raise ImportBusy(state=run.state.value)
        return run
