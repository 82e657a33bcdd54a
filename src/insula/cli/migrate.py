"""``insula migrate``: brings every home to the version of the code."""

import time
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from insula.cli.command import AsJson, perform
from insula.cli.output import Output
from insula.kernel.tenancy.migrator import Progress, Report, migrate_all
from insula.server.platform import Platform

app = typer.Typer(help="Bring every home to the version of the code.")


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a run did."""

    migrated: int
    failed: dict[str, str]
    seconds: float


@app.command()
def migrate(
    context: typer.Context,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, help="Homes at a time; INSULA_MIGRATE_PARALLEL, if not."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Migrate what is not current; killed, run it again and it goes on."""
    output = Output(as_json=as_json)
    began = time.monotonic()
    with Bar(console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("homes", total=None)

        def show(progress: Progress) -> None:
            bar.update(task, total=progress.total, completed=progress.done)

        async def work(platform: Platform) -> Report:
            wide = parallel or platform.settings.migrate_parallel
            return await migrate_all(platform.homes, parallel=wide, progress=show)

        report = perform(context, output, work)
    failed = {f"{it.login.database}.{it.schema}": why for it, why in report.failed}
    seconds = round(time.monotonic() - began, 3)
    output.one(Migrated(report.migrated, failed, seconds))
    raise typer.Exit(int(bool(failed)))
