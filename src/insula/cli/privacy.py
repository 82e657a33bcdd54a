"""``insula personal-data`` and ``insula tenants export``: what is held, and all of it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from insula.cli.command import AsJson, perform
from insula.cli.output import Output
from insula.kernel.database.migrations import declared
from insula.kernel.database.personal import Registry
from insula.kernel.resource.engine import registered_apps
from insula.kernel.services.privacy.archiving import Archiving
from insula.kernel.services.privacy.reference import page
from insula.server.platform import Platform, series_of

app = typer.Typer()


@app.command()
def personal_data() -> None:
    """Print what every table holds of people, as the reference shows it."""
    tables = declared(series_of(registered_apps()))
    typer.echo(page(Registry.of(tables)), nl=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """An archive that was written."""

    file: str
    tables: int
    rows: int
    bytes: int
    sealed: bool


def export(
    context: typer.Context,
    tenant: Annotated[
        str, typer.Argument(metavar="SLUG", help="The tenant's slug or id.")
    ],
    file: Annotated[
        Path, typer.Argument(dir_okay=False, help="The ZIP file to write.")
    ],
    sealed: Annotated[
        bool,
        typer.Option(
            "--sealed",
            help="Encrypt what is personal under keys that die with an erasure.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write all that a tenant has into an archive of JSON lines."""
    output = Output(as_json=as_json)
    work = partial(_export, tenant, file, sealed=sealed)
    output.one(perform(context, output, work))


async def _export(
    tenant: str, file: Path, platform: Platform, *, sealed: bool
) -> Exported:
    found = await platform.provisioning.find(tenant)
    home = (await platform.directory.with_id(found.id)).home
    archiving = Archiving(
        Registry.of(declared(platform.homes.series)),
        platform.control,
        platform.sealer,
        platform.files.storage,
    )
    with file.open("xb") as target:
        made = await archiving.write(target, home, found.id, found.slug, sealed=sealed)
        size = target.tell()
    rows = sum(part.rows for part in made.parts)
    tables = sum(part.name.startswith("data/") for part in made.parts)
    return Exported(str(file), tables, rows, size, sealed)
