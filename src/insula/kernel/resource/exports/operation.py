"""The export operation: the list as a file, as far as it is answered at once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from tempfile import SpooledTemporaryFile
from typing import IO

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.foundation.words import Words
from insula.kernel.resource.exports.exporting import (
    ONE_GO,
    OWN,
    Exporter,
    TooManyAtOnce,
    Wanted,
)
from insula.kernel.resource.exports.sheets import (
    MEDIA,
    NotForSpreadsheets,
    SheetFormat,
)
from insula.kernel.resource.querying.problems import BadQuery

PAGES = frozenset({"per_page", "page", "cursor"})
"""What a list understands and a file has no use for."""
CHUNK, IN_MEMORY = 65_536, 4 * 1_048_576
FORMAT = Parameter(
    "format", "What the file is.", {"type": "string", "enum": list(SheetFormat)}
)
BOM = Parameter(
    "bom",
    "`true` begins a CSV with the mark by which spreadsheets know UTF-8.",
    {"type": "boolean"},
)


def export_operation(exporter: Exporter) -> Operation:
    """The operation that answers a resource's list as a file.

    Who may read a list may export it: the same rows can be had page by page, and a
    permission for the one alone would protect nothing. How often is limited as of all
    that is done in bulk.
    """
    api = exporter.api
    resource = api.resource

    rows = (it for it in api.list_parameters() if it.name not in PAGES)

    async def run(ctx: Context, call: Call) -> Reply:
        wanted = wanted_of(call.query)
        target: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed by who reads it
        try:
            await exporter.write(ctx, wanted, target, most=ONE_GO)
        except BaseException:
            target.close()
            raise
        name = f"{resource.plural}.{wanted.format}"
        said = f'attachment; filename="{name}"'.encode()
        return Reply(
            stream=chunks_of(target),
            content_type=MEDIA[wanted.format],
            headers=((b"content-disposition", said),),
        )

    return Operation(
        name=f"{resource.name}.export",
        method="GET",
        path=f"{resource.address}/export",
        run=run,
        summary=f"Export {resource.plural.replace('_', ' ')} as a file",
        permission=f"{resource.name}.read",
        app=resource.app or None,
        scoped=bool(resource.owner or resource.team),
        limit="bulk",
        writes=False,
        content_type=", ".join(MEDIA.values()),
        parameters=(FORMAT, BOM, *rows),
        errors=(BadQuery, TooManyAtOnce, NotForSpreadsheets),
    )


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What a query wants; the list checks what is its own. Raises ``BadQuery``."""
    kind, bom = query.get("format", "csv"), query.get("bom", "false")
    if kind not in set(SheetFormat):
        offered = ", ".join(SheetFormat)
        raise BadQuery(reason=Words("format is one of {offered}", offered=offered))
    if bom not in ("true", "false"):
        raise BadQuery(reason=Words("bom is 'true' or 'false'"))
    rest = {name: value for name, value in query.items() if name not in OWN}
    return Wanted(SheetFormat(kind), rest, bom == "true")


async def chunks_of(source: IO[bytes]) -> AsyncIterator[bytes]:
    """What was written, from its beginning; it is closed at the end."""
    async with AsyncExitStack() as stack:
        stack.callback(source.close)
        source.seek(0)
        while chunk := await asyncio.to_thread(source.read, CHUNK):
            yield chunk
