"""The operations of files: taking them in, handing them out, and making links to them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from insula.kernel.access.operation import Audience, Operation, Parameter
from insula.kernel.foundation.errors import Invalid, NotFound, TooLarge
from insula.kernel.resource.engine import SCHEMA, Engine
from insula.kernel.services.files.contents import FileQuarantined
from insula.kernel.services.files.downloading import (
    LINKED,
    Downloading,
    LinkOrder,
    LinkView,
)
from insula.kernel.services.files.emptying import Emptied, Emptying
from insula.kernel.services.files.quota import StorageFull
from insula.kernel.services.files.service import Files
from insula.kernel.services.files.uploading import Uploading
from insula.kernel.storage.images import VARIANTS
from insula.kernel.storage.scanning import ScannerAway
from insula.kernel.storage.sniffing import OCTETS
from insula.kernel.storage.stores import StorageAway

ROOT = "/api/v1/files"
VARIANT = Parameter(
    "variant",
    "A smaller copy of an image, written anew.",
    {"type": "string", "enum": list(VARIANTS)},
)
TOKEN = Parameter("token", "The token of the link.")


def file_operations(files: Files, engine: Engine) -> tuple[Operation, ...]:
    """Every operation on files that does not follow from their declaration."""
    handing = Downloading(files, engine)
    return (
        _upload(files, engine),
        Operation(
            name="files.content",
            method="GET",
            path=f"{ROOT}/{{id}}/content",
            run=handing.read,
            summary="Read the content of a file",
            permission="files.read",
            writes=False,
            content_type=OCTETS,
            parameters=(VARIANT,),
            errors=(NotFound, FileQuarantined, StorageAway),
        ),
        Operation(
            name="files.links",
            method="POST",
            path=f"{ROOT}/{{id}}/links",
            run=handing.link,
            summary="Make a link that opens a file without a sign-in",
            permission="files.share",
            body=LinkOrder,
            answer=_schema(LinkView),
            errors=(NotFound, Invalid, FileQuarantined),
        ),
        Operation(
            name="files.empty_trash",
            method="POST",
            path=f"{ROOT}/empty-trash",
            run=Emptying(files).run,
            summary="Remove every deleted file for good",
            permission="files.delete",
            answer=_schema(Emptied),
            errors=(StorageAway,),
        ),
        _following("files.shared", LINKED, handing),
        _following("files.shared_content", "/api/v1/file-content", handing),
    )


def _upload(files: Files, engine: Engine) -> Operation:
    return Operation(
        name="files.create",
        method="POST",
        path=ROOT,
        run=Uploading(files, engine).create,
        summary="Upload a file: its content is the body",
        permission="files.create",
        upload=True,
        raw_body="*/*",
        body_limit=files.bounds.file,
        status=201,
        answer=lambda: engine.api("files").row_schema(),
        parameters=(
            Parameter("name", "What the file is called."),
            Parameter("subject_type", "The type of the row that it is attached to."),
            Parameter("subject_id", "The id of that row."),
        ),
        errors=(Invalid, TooLarge, StorageFull, StorageAway, ScannerAway),
    )


def _following(name: str, path: str, handing: Downloading) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=f"{path}/{{id}}",
        run=handing.follow,
        summary="Read the content that a link opens",
        audience=Audience.visitor,
        writes=False,
        content_type=OCTETS,
        parameters=(TOKEN,),
        errors=(NotFound, StorageAway),
    )


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return partial(model.model_json_schema, mode="serialization", ref_template=SCHEMA)
