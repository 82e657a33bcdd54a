"""The import operation: a CSV file in the body, a report with every row's fault back."""

import io
from collections.abc import Mapping

from pydantic import ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.foundation.errors import BadRequest, Denied, FieldError, Invalid
from insula.kernel.foundation.languages import Languages
from insula.kernel.foundation.words import Words
from insula.kernel.resource.imports.detecting import open_table
from insula.kernel.resource.imports.ids import TooManyRows
from insula.kernel.resource.imports.importing import Importer, ImportReport
from insula.kernel.resource.imports.mapping import Instructions
from insula.kernel.resource.imports.tables import UnreadableFile
from insula.kernel.resource.schemas import field_errors

LARGEST_FILE = 32 * 1_048_576
"""Bytes; a larger file is imported with the ``insula import`` command."""

MAPPING = Parameter(
    "mapping",
    "How columns become fields, as JSON: `map`, `set`, `defaults`, `key`, `match`,"
    " `mode`, `values`, `skip`, `ignore_unknown`, `time_zone`, `time_format`,"
    " `decimal_comma`, `major_units`, `encoding`, `delimiter`. Columns that it does not"
    " mention become the fields of the same name.",
)
KEY = Parameter(
    "key", "The targets that tell rows apart, separated by commas; over `mapping`'s."
)
DRY_RUN = Parameter(
    "dry_run", "`true` checks every row and writes nothing.", {"type": "boolean"}
)


class BadImportQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


def import_operation(importer: Importer, languages: Languages) -> Operation:
    """The operation that imports a file into a resource."""
    resource = importer.api.resource

    async def run(ctx: Context, call: Call) -> Reply:
        instructions, rehearsed = _instructions(call.query)
        file = open_table(io.BytesIO(call.raw), instructions)
        await importer.learn(ctx)
        work = importer.prepare(ctx, file, instructions)
        report = await (work.rehearse() if rehearsed else work.run())
        usual = ctx.actor.locale, ctx.tenant.policy.locale
        return Reply(report.json(languages.choose(call.headers, usual)))

    return Operation(
        name=f"{resource.name}.import",
        method="POST",
        path=f"{resource.address}/import",
        run=run,
        summary=f"Import {resource.plural.replace('_', ' ')} from a CSV, XLSX or JSON lines file",
        permission=f"{resource.name}.import",
        app=resource.app or None,
        scoped=bool(resource.owner or resource.team),
        raw_body="text/csv",
        limit="bulk",
        body_limit=LARGEST_FILE,
        answer=ImportReport.json_schema,
        parameters=(MAPPING, KEY, DRY_RUN),
        errors=(UnreadableFile, BadImportQuery, TooManyRows, Invalid, Denied),
    )


def _instructions(query: Mapping[str, str]) -> tuple[Instructions, bool]:
    unknown = query.keys() - {"mapping", "key", "dry_run"}
    if unknown:
        raise BadImportQuery(
            reason=Words("there is no parameter '{name}'", name=min(unknown)[:80])
        )
    rehearsed = query.get("dry_run", "false")
    if rehearsed not in ("true", "false"):
        raise BadImportQuery(reason=Words("dry_run is 'true' or 'false'"))
    said = instructions_from(query.get("mapping", "{}"))
    if "key" in query:
        said = said.model_copy(update={"key": tuple(query["key"].split(","))})
    return said, rehearsed == "true"


def instructions_from(text: str) -> Instructions:
    """Instructions written as JSON; raises ``Invalid``."""
    try:
        return Instructions.model_validate_json(text)
    except ValidationError as error:
        faults = (
            FieldError(f"mapping.{it.field}", it.code, it.message)
            for it in field_errors(error)
        )
        raise Invalid(*faults) from None
