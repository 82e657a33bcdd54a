"""The operations of imports: a wizard's steps, each of them for the import's owner alone."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from insula.kernel.access.operation import Operation, Parameter
from insula.kernel.foundation.errors import Denied, Invalid, NotFound, TooLarge
from insula.kernel.resource.imports.tables import UnreadableFile
from insula.kernel.services.files.contents import FileQuarantined
from insula.kernel.services.importing.correcting import Correcting
from insula.kernel.services.importing.deciding import Deciding
from insula.kernel.services.importing.requests import (
    Desk,
    ImportBusy,
    ImportChange,
    ResourceGone,
    RowFixes,
)
from insula.kernel.services.importing.uploading import Uploading
from insula.kernel.storage.scanning import ScannerAway
from insula.kernel.storage.stores import StorageAway

ROOT = "/api/v1/imports"
ONE = f"{ROOT}/{{id}}"
LATER = (NotFound, ImportBusy, ResourceGone, Denied, Invalid)
ROW: Mapping[str, Any] = {
    "type": "object",
    "title": "ImportRowView",
    "properties": {
        "row": {"type": "integer"},
        "cells": {"type": "object", "additionalProperties": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    name: {"type": "string"} for name in ("field", "code", "message")
                },
            },
        },
        "fixed": {"type": "boolean"},
    },
    "required": ["row", "cells", "errors", "fixed"],
}


def import_operations(desk: Desk, deciding: Deciding) -> tuple[Operation, ...]:
    """Every operation on imports.

    None has a permission of its own: an import is its owner's, and each step asks for
    what importing into its resource needs.
    """
    correcting = Correcting(desk)
    one = partial(_schema, desk)
    step = partial(_step, answer=one)
    return (
        Operation(
            name="imports.create",
            method="POST",
            path=ROOT,
            run=Uploading(desk).create,
            summary="Upload a file to be imported into a resource",
            upload=True,
            raw_body="*/*",
            limit="bulk",
            body_limit=desk.files.bounds.file,
            status=201,
            answer=one,
            parameters=(
                Parameter("resource", "Into which resource: `crm.deals`."),
                Parameter("name", "What the file is called."),
            ),
            errors=(
                *(Invalid, Denied, UnreadableFile, TooLarge),
                *(FileQuarantined, StorageAway, ScannerAway),
            ),
        ),
        step("imports.list", "GET", ROOT, deciding.list, "List your imports",
             writes=False, answer=lambda: {"type": "array", "items": one()}),
        step("imports.read", "GET", ONE, deciding.get, "Read one of your imports",
             writes=False, errors=(NotFound,)),
        step("imports.update", "PATCH", ONE, deciding.change,
             "Say how columns become fields", body=ImportChange, errors=LATER),
        step("imports.check", "POST", f"{ONE}/check", deciding.check,
             "Have every row checked", status=202, errors=LATER),
        step("imports.start", "POST", f"{ONE}/start", deciding.start,
             "Have the rows written", status=202, limit="bulk", errors=LATER),
        step("imports.cancel", "POST", f"{ONE}/cancel", deciding.cancel,
             "Give an import up", errors=LATER),
        *_rows(correcting),
    )  # fmt: skip


def _rows(correcting: Correcting) -> tuple[Operation, ...]:
    path = f"{ONE}/rows"

    def some() -> Mapping[str, Any]:
        return {"type": "array", "items": ROW}

    paging = (
        Parameter("failed", "`true`: refused rows alone.", {"type": "boolean"}),
        Parameter("cursor", "The line after which to begin.", {"type": "integer"}),
        Parameter("per_page", "Rows a page.", {"type": "integer"}),
    )
    return (
        _step("imports.rows", "GET", path, correcting.list,
              "List the rows that were refused or put right", answer=some,
              writes=False, parameters=paging, errors=(NotFound, Invalid)),
        _step("imports.fix", "PATCH", path, correcting.fix,
              "Put refused rows right", body=RowFixes, answer=some, errors=LATER),
        _step("imports.errors", "GET", f"{path.removesuffix('/rows')}/errors.csv",
              correcting.errors, "Fetch the refused rows as a file to put right",
              answer=dict, writes=False, content_type="text/csv",
              errors=(NotFound,)),
    )  # fmt: skip


def _step(  # the words of a declaration
    name: str,
    method: str,
    path: str,
    run: Any,
    summary: str,
    *,
    answer: Callable[[], Mapping[str, Any]],
    **more: Any,
) -> Operation:
    return Operation(
        name=name,
        method=method,
        path=path,
        run=run,
        summary=summary,
        answer=answer,
        **more,
    )


def _schema(desk: Desk) -> Mapping[str, Any]:
    row = dict(desk.engine().api("imports").row_schema())
    samples = {"type": "object", "description": "By column, some of what is in it."}
    row["properties"] = {**row["properties"], "samples": samples}
    return {**row, "title": "Import"}
