"""``insula doctor``: what is right and wrong with the database, and what to do."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

import typer

from insula.cli.command import AsJson, guarded, settings_of
from insula.cli.output import Output
from insula.kernel.database.doctor import Finding, Level, findings
from insula.kernel.foundation.settings import Settings
from insula.server.platform import find_cluster

app = typer.Typer(help="Look the database over.")

MARKS = {Level.ok: "ok", Level.warning: "warning", Level.refuse: "REFUSED"}


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, as it is shown."""

    level: str
    subject: str
    message: str
    remedy: str


@app.command()
def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Say what is found; exits with 1 if the platform would refuse to start."""
    output = Output(as_json=as_json)
    found = guarded(output, lambda: _look(settings_of(context)))
    lines = [Line(MARKS[it.level], it.subject, it.message, _remedy(it)) for it in found]
    output.many(lines, ("level", "subject", "message", "remedy"))
    raise typer.Exit(int(any(it.level is Level.refuse for it in found)))


def _look(settings: Settings) -> list[Finding]:
    with ExitStack() as held:
        cluster = find_cluster(settings, held)
        return asyncio.run(findings(cluster, connections=settings.connections))


def _remedy(finding: Finding) -> str:
    return "" if finding.level is Level.ok else finding.remedy
