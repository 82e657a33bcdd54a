"""``insula export``: writes a resource of a tenant to a file, as its list would be."""

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

import typer

from insula.cli.command import AsJson, perform
from insula.cli.importing import NoSuchResource
from insula.cli.output import Output
from insula.kernel.http.admission import admit
from insula.kernel.resource.engine import UnknownResource
from insula.kernel.resource.exports.exporting import MOST_ROWS, Exporter, Wanted
from insula.kernel.resource.exports.operation import export_operation
from insula.kernel.resource.exports.sheets import SheetFormat
from insula.server.platform import Platform
from insula.server.scheduler import system_context

app = typer.Typer()


@app.command("export")
def export(  # noqa: PLR0913  # one for every option
    context: typer.Context,
    resource: Annotated[str, typer.Argument(help="Such as maintenance.assets.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write it.")],
    tenant: Annotated[str, typer.Option(help="The tenant's slug or id.")],
    query: Annotated[
        str, typer.Option(help="The list's own: 'filter=state==down&sort=name'.")
    ] = "",
    as_: Annotated[
        SheetFormat | None,
        typer.Option("--format", help="By the file's name unless said."),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin a CSV so that spreadsheets know UTF-8.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the rows of a resource to a file that can be imported again."""
    output = Output(as_json=as_json)
    kind = as_ or _by_name(file)
    wanted = Wanted(kind, dict(parse_qsl(query, keep_blank_values=True)), bom)
    part = file.with_name(f"{file.name}.part")

    async def work(platform: Platform) -> int:
        found = await platform.provisioning.find(tenant)
        ctx = await system_context(platform, found.id)
        exporter = _exporter(platform, resource)
        admit(export_operation(exporter), ctx.tenant, ctx.actor)
        with part.open("wb") as target:
            return await exporter.write(ctx, wanted, target, most=MOST_ROWS)

    try:
        rows = perform(context, output, work)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    if as_json:
        output.one({"rows": rows, "file": str(file)})
    else:
        typer.echo(f"{rows} rows in {file}")


def _by_name(file: Path) -> SheetFormat:
    suffix = file.suffix.removeprefix(".")
    return SheetFormat(suffix) if suffix in set(SheetFormat) else SheetFormat.csv


def _exporter(platform: Platform, resource: str) -> Exporter:
    try:
        return platform.engine.exporter(resource)
    except UnknownResource:
        raise NoSuchResource(name=resource) from None
