"""The job service: what every tenant has of jobs, whatever its apps."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.jobs.control import jobs, prune
from insula.kernel.services.jobs.reacting import Reactions

RECUR = "schedules.run"


class Recur(Command):
    """Which schedule is due: ``app.schedule``."""

    schedule: str


def schedules_of(apps: Iterable[App]) -> Mapping[str, tuple[App, Schedule]]:
    """Every schedule by its full name, and whose it is."""
    return {f"{app.name}.{it.name}": (app, it) for app in apps for it in app.schedules}


def _has(ctx: WorkContext, app: App) -> bool:
    """Whether the tenant has the app still: it may have gone while the job waited."""
    return app.always or ctx.tenant.apps.get(app.name) == "active"


def job_service(apps: Callable[[], Iterable[App]], reactions: Reactions) -> App:
    """The service, over the schedules and reactions of all apps."""

    async def run(ctx: WorkContext, command: Recur) -> None:
        found = schedules_of(apps()).get(command.schedule)
        if found is not None and _has(ctx, found[0]):
            await found[1].run(ctx)

    return App(
        name="jobs",
        title="Jobs",
        version="1.0.0",
        folder=Path(__file__).parent,
        always=True,
        resources=(jobs,),
        tasks=(
            Task(name=RECUR, command=Recur, run=run, timeout=600),
            reactions.react,
            reactions.replay,
        ),
        schedules=(Schedule("prune", run=prune, cron="30 2 * * *"),),
    )
