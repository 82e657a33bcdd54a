"""``insula import``: loads a file into a resource of a tenant."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
from pydantic import ValidationError

from insula.cli.command import AsJson, perform
from insula.cli.import_display import progress_bar, refusals, show
from insula.cli.output import Output
from insula.kernel.foundation.errors import (
    BadRequest,
    Invalid,
    NotFound,
    Problem,
    Unavailable,
)
from insula.kernel.http.admission import admit
from insula.kernel.resource.engine import UnknownResource
from insula.kernel.resource.imports.detecting import open_table
from insula.kernel.resource.imports.importing import Import, ImportReport, Watch
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.operation import import_operation
from insula.kernel.resource.imports.tables import Table
from insula.kernel.resource.schemas import field_errors
from insula.server.platform import Platform
from insula.server.scheduler import system_context

app = typer.Typer()


class NoSuchResource(NotFound):
    """There is no resource {name}."""

    code = "RESOURCE_UNKNOWN"


class BadMappingFile(BadRequest):
    """The mapping cannot be read: {reason}."""

    code = "INVALID_MAPPING"


class Interrupted(Unavailable):
    """The import stopped after {rows} rows ({reason}): run it again to go on."""

    code = "IMPORT_INTERRUPTED"


File = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, readable=True, help="CSV, XLSX or JSON lines."
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="TARGET=SOURCE",
        help="A field, and the column it comes from; or 'text with {columns}',"
        " '@unique_field:column' for a reference, 'json:column'.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="TARGET=TEXT", help="A field, and its text in every row."
    ),
]
Key = Annotated[
    list[str] | None, typer.Option(metavar="TARGET", help="What tells rows apart.")
]
Match = Annotated[
    str | None,
    typer.Option(
        metavar="TARGET", help="The id or unique field by which rows are changed."
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="All this as TOML or JSON: map, set, key, time_zone, …; options win.",
    ),
]
IgnoreUnknown = Annotated[
    bool, typer.Option("--ignore-unknown", help="Leave out what no field takes.")
]
TimeZone = Annotated[
    str | None, typer.Option(help="Of moments without an offset; else UTC.")
]
TimeFormat = Annotated[
    str | None, typer.Option(help="Of moments that are not ISO 8601, as %d.%m.%Y.")
]
Encoding = Annotated[str | None, typer.Option(help="Found out unless given.")]
Delimiter = Annotated[str | None, typer.Option(help="Found out unless given.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check every row, write nothing.")
]
Errors = Annotated[
    Path | None, typer.Option(dir_okay=False, help="Write refused rows to this CSV.")
]


@app.command("import")
def import_(  # noqa: PLR0913  # one for every option
    context: typer.Context,
    resource: Annotated[str, typer.Argument(help="Such as maintenance.assets.")],
    file: File,
    tenant: Annotated[str, typer.Option(help="The tenant's slug or id.")],
    map_: Map = None,
    set_: Set = None,
    key: Key = None,
    match: Match = None,
    mapping: MappingFile = None,
    ignore_unknown: IgnoreUnknown = False,
    time_zone: TimeZone = None,
    time_format: TimeFormat = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    dry_run: DryRun = False,
    errors: Errors = None,
    as_json: AsJson = False,
) -> None:
    """Load a file into a resource; run again, it goes on where it was ended.

    Exits with 1 when rows were refused, with 2 when the file or the mapping was.
    """
    said = {
        "map": _pairs(map_),
        "set": _pairs(set_),
        "key": key,
        "match": match,
        "ignore_unknown": ignore_unknown,
        "time_zone": time_zone,
        "time_format": time_format,
        "encoding": encoding,
        "delimiter": delimiter,
    }
    output = Output(as_json=as_json)
    load = Load(tenant, resource, file, errors, dry_run, mapping, said)
    report = load.perform(context, output)
    if as_json:
        output.one(report)
    else:
        show(report)
    raise typer.Exit(1 if report.failed else 0)


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be loaded, from where to where."""

    tenant: str
    resource: str
    file: Path
    errors: Path | None
    dry_run: bool
    mapping: Path | None
    said: Mapping[str, Any]

    def perform(self, context: typer.Context, output: Output) -> ImportReport:
        """Load it; whatever keeps it from starting ends the command."""
        errors = self.errors
        if errors is not None and errors.exists() and errors.samefile(self.file):
            raise typer.BadParameter("--errors would overwrite the file itself")
        with _usage(output), self.file.open("rb") as opened:
            instructions = instructions_from(self.mapping, self.said)
            file = open_table(opened, instructions)

            async def work(platform: Platform) -> ImportReport:
                with _usage(output):
                    job = await self._prepare(platform, file, instructions)
                with (
                    refusals(errors, file.columns) as refuse,
                    progress_bar(self.file) as tell,
                ):
                    return await self._finish(job, Watch(tell, refuse))

            return perform(context, output, work)

    async def _prepare(
        self, platform: Platform, file: Table, instructions: Instructions
    ) -> Import:
        """The import, if the tenant has the app and the mapping fits the file."""
        found = await platform.provisioning.find(self.tenant)
        ctx = await system_context(platform, found.id)
        try:
            importer = platform.engine.importer(self.resource)
        except UnknownResource:
            raise NoSuchResource(name=self.resource) from None
        admit(import_operation(importer, platform.languages), ctx.tenant, ctx.actor)
        await importer.learn(ctx)
        return importer.prepare(ctx, file, instructions)

    async def _finish(self, job: Import, watch: Watch) -> ImportReport:
        try:
            return await (job.rehearse(watch) if self.dry_run else job.run(watch))
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = type(error).__name__
            raise Interrupted(rows=job.report.rows, reason=reason) from error


@contextmanager
def _usage(output: Output) -> Iterator[None]:
    """What is wrong with the command, and not with a row, ends it with 2."""
    try:
        yield
    except Problem as problem:
        output.problem(problem)
        raise typer.Exit(2) from None


def _pairs(texts: Sequence[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    for target, sign, _ in pairs:
        if not (target and sign):
            raise typer.BadParameter(f"'{target}' is not written as TARGET=SOURCE")
    return {target: source for target, _, source in pairs}


def instructions_from(mapping: Path | None, said: Mapping[str, Any]) -> Instructions:
    """What the mapping file says, and over it what the options say."""
    given = {name: value for name, value in said.items() if value}
    try:
        base = Instructions.model_validate({} if mapping is None else _read(mapping))
        for name, known in (("map", base.map), ("set", base.set)):
            given[name] = {**known, **given.get(name, {})}
        return Instructions.model_validate({**base.model_dump(), **given})
    except ValidationError as error:
        raise Invalid(*field_errors(error)) from None


def _read(mapping: Path) -> dict[str, Any]:
    try:
        if mapping.suffix == ".json":
            return msgspec.json.decode(mapping.read_bytes(), type=dict[str, Any])
        return tomllib.loads(mapping.read_text())
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadMappingFile(reason=str(error)) from None
