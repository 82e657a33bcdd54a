"""The importing service: files become rows of any resource, in steps that people see."""

from functools import cached_property
from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.tasks import Chunked, Errand
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.importing.deciding import Deciding
from insula.kernel.services.importing.models import ImportRun, ImportState, imports
from insula.kernel.services.importing.operations import import_operations
from insula.kernel.services.importing.reading import Reading
from insula.kernel.services.importing.requests import Desk, ImportCommand
from insula.kernel.services.importing.statements import EXPIRED
from insula.kernel.services.importing.telling import DONE
from insula.kernel.services.importing.working import Working

READ, CHECK, WRITE = "imports.read", "imports.check", "imports.write"
LONGEST, CHUNK = 1800.0, 300.0
"""Seconds for reading a whole file, and for one chunk of its rows."""
LIVE = (ImportState.checking, ImportState.running)


class Importing:
    """The service of one process."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._working = desk, Working(desk)

    @cached_property
    def _read(self) -> Errand:
        reading = Reading(self._desk, lambda: self._check)
        return Errand(
            name=READ,
            command=ImportCommand,
            prepare=reading.prepare,
            perform=reading.perform,
            run=reading.run,
            timeout=LONGEST,
            on_dead=bury,
        )

    @cached_property
    def _check(self) -> Chunked:
        return Chunked(
            name=CHECK,
            command=ImportCommand,
            run=self._working.check,
            timeout=CHUNK,
            on_dead=bury,
        )

    @cached_property
    def _write(self) -> Chunked:
        return Chunked(
            name=WRITE,
            command=ImportCommand,
            run=self._working.write,
            timeout=CHUNK,
            on_dead=bury,
        )

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="imports",
            title="Imports",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(imports,),
            notifications=(DONE,),
            tasks=(self._read, self._check, self._write),
            schedules=(Schedule("prune", run=prune, cron="10 3 * * *"),),
        )

    def operations(self) -> tuple[Operation, ...]:
        """What callers can ask of imports."""
        deciding = Deciding(self._desk, lambda: self._read, lambda: self._write)
        return import_operations(self._desk, deciding)


async def bury(work: WorkContext, command: ImportCommand, reason: str) -> None:
    """An import whose job is given up has failed, and says why."""
    run = await work.lock(ImportRun, command.import_id)
    if run.state in LIVE:
        work.move(run, ImportState.failed)
        run.error = reason


async def prune(work: WorkContext) -> None:
    """Forget imports whose time is over, with their rows; their files go by themselves."""
    await work.transaction.fetch(EXPIRED, work.now)
