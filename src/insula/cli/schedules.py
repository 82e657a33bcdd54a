"""``insula schedules``: the apps' recurring work, and running it now."""

from dataclasses import dataclass
from typing import Annotated

import typer

from insula.cli.command import AsJson, perform
from insula.cli.output import Output
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.app import Schedule
from insula.kernel.services.jobs.manifest import schedules_of
from insula.server.platform import Platform
from insula.server.scheduler import run_schedule

app = typer.Typer(help="See the apps' recurring work, and run it now.")


class ScheduleUnknown(NotFound):
    """There is no schedule “{name}”; there are: {known}."""

    code = "SCHEDULE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Line:
    """A schedule, and how often it runs."""

    name: str
    every: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that is done."""

    name: str
    tenant: str


def _schedules(platform: Platform) -> dict[str, Schedule]:
    known = schedules_of(platform.engine.apps.values())
    return {name: schedule for name, (_, schedule) in known.items()}


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List what runs by itself."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> list[Line]:
        known = _schedules(platform).items()
        return [Line(name, it.rhythm) for name, it in known]

    output.many(perform(context, output, work), ("name", "every"))


@app.command()
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As `schedules list` names it.")],
    tenant: Annotated[str, typer.Option(help="The tenant's slug or id.")],
    as_json: AsJson = False,
) -> None:
    """Do a schedule's work for a tenant now; again does no harm."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Ran:
        known = _schedules(platform)
        if name not in known:
            raise ScheduleUnknown(name=name, known=", ".join(known) or "none")
        view = await platform.provisioning.find(tenant)
        await run_schedule(platform, known[name], view.id)
        return Ran(name, view.slug)

    output.one(perform(context, output, work))
