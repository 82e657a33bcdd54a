"""``insula migrations``: for authors, the next migration from what the models say now."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from insula.cli.command import AsJson, guarded
from insula.cli.output import Output
from insula.kernel.database.authoring import NothingChanged, autogenerate
from insula.kernel.database.bootstrap import prepare
from insula.kernel.database.cluster import TENANT_SCHEMA, cluster_of
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.embedded import open_server
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.series import CONTROL
from insula.server.platform import series_of

app = typer.Typer(help="Write migrations from the models.")


class SeriesUnknown(NotFound):
    """There is no series “{name}”; there are: {known}."""

    code = "SERIES_UNKNOWN"


class NoChange(Conflict):
    """The models of “{name}” are what its last migration makes."""

    code = "NOTHING_CHANGED"


@dataclass(frozen=True, slots=True)
class Written:
    """The file that was written; read and tidy it before you commit it."""

    path: str


@app.callback()
def root() -> None:
    """Write migrations from the models."""


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="`control`, `kernel` or an app.")],
    message: Annotated[str, typer.Argument(help="What the migration does.")],
    as_json: AsJson = False,
) -> None:
    """Write the next migration of a series, drafted on a throw-away server."""
    output = Output(as_json=as_json)

    def work() -> Written:
        with tempfile.TemporaryDirectory(prefix="insula-draft-") as folder:
            Path(folder).chmod(0o755)
            return Written(asyncio.run(_draft(name, message, Path(folder) / "data")))

    output.one(guarded(output, work))


async def _draft(name: str, message: str, data_dir: Path) -> str:
    with open_server(data_dir) as server:
        cluster = cluster_of(server, prefix="draft", key=bytes(32))
        await prepare(cluster)
        login, schema = cluster.owner(cluster.template), TENANT_SCHEMA
        series = list(series_of(registered_apps()))
        names = [one.name for one in series]
        if name == CONTROL.name:
            login, schema = cluster.owner(cluster.control), CONTROL_SCHEMA
            series = [CONTROL]
        elif name not in names:
            raise SeriesUnknown(name=name, known=", ".join((CONTROL.name, *names)))
        else:  # what comes before it may be referred to
            series = series[: names.index(name) + 1]
        try:
            return await autogenerate(login, schema, series, cluster.roles, message)
        except NothingChanged:
            raise NoChange(name=name) from None
