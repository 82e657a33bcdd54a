"""The files service: what every tenant has of files, whatever its apps."""

from pathlib import Path

from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Errand
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.resource import files as resource
from insula.kernel.services.files.service import Files
from insula.kernel.services.files.upkeep import Upkeep

TEND = "files.tend"
LONGEST = 3600.0
"""Seconds: a bucket of millions of files takes its time to be listed."""


class Tend(Command):
    """Empty the trash of a tenant, sweep its storage and count again."""


def files_service(files: Files) -> App:
    """The service, over the files of all tenants."""

    async def prepare(ctx: WorkContext, _: Tend) -> Upkeep:
        return Upkeep(ctx.session, files.disk(ctx.tenant.id), files.clock())

    async def perform(upkeep: Upkeep) -> None:
        await upkeep.run()

    async def done(_: WorkContext, __: Tend, ___: None) -> None:
        """All of it is done already, in transactions of its own."""

    tend = Errand(
        name=TEND,
        command=Tend,
        prepare=prepare,
        perform=perform,
        run=done,
        timeout=LONGEST,
    )

    async def begin(work: WorkContext) -> None:
        work.enqueue(tend, Tend(), unique=TEND)

    return App(
        name="files",
        title="Files",
        version="1.0.0",
        folder=Path(__file__).parent,
        always=True,
        resources=(resource,),
        tasks=(tend,),
        schedules=(Schedule(name="tend", run=begin, cron="0 3 * * *"),),
    )
