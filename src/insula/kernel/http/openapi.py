"""OpenAPI 3.1 from the operations: every answer and every error that is declared."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from insula.kernel.access.operation import Audience, Operation, Precondition
from insula.kernel.foundation.errors import (
    BadRequest,
    Denied,
    Invalid,
    NotFound,
    PreconditionRequired,
    Problem,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from insula.kernel.http.admission import (
    AppNotInstalled,
    FeatureMissing,
    SubscriptionInactive,
)
from insula.kernel.http.documented import ERROR, envelope, readable
from insula.kernel.http.limits import RateLimited
from insula.kernel.http.once import (
    IdempotencyInFlight,
    IdempotencyKeyReused,
    repeatable,
)
from insula.kernel.http.request import UnsupportedMediaType
from insula.kernel.services.idempotency.keeping import IdempotencyAnswerLost

REF = "#/components/schemas/{model}"
BARE = "application/json"
"""As an operation's own type: a document without our envelope, as some RFCs want it."""
IF_MATCH = r'^(\*|(W/)?"[1-9][0-9]{0,17}"|[1-9][0-9]{0,17})$'


def document(
    operations: Iterable[Operation], *, title: str, version: str
) -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    schemas = Schemas()
    paths: dict[str, Any] = {}
    for operation in operations:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas.named,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


class Schemas:
    """The schemas of a document by name: whatever is alike has one name, all else two.

    Apps know nothing of each other, so two may call different things ``TakeDown``:
    a body is named for its operation, and whatever it or an answer consists of is
    preceded by that name where another has its own already.
    """

    def __init__(self) -> None:
        self.named: dict[str, Any] = {"Error": ERROR}

    def body(self, operation: Operation) -> Mapping[str, Any]:
        """A reference to the schema of what the operation takes."""
        assert operation.body is not None
        name = _title(operation)
        schema = operation.body.model_json_schema(ref_template=REF)
        return self._keep({**schema, "title": name}, name)

    def answer(self, operation: Operation) -> Mapping[str, Any]:
        """The schema of what the operation answers with, a reference if it is named."""
        return self._keep(readable(operation.answer(), operation), _title(operation))

    def _keep(self, schema: dict[str, Any], owner: str) -> Mapping[str, Any]:
        parts: dict[str, Any] = schema.pop("$defs", {})
        names = {
            name: self._free(name, _renamed(part, {}), owner)
            for name, part in parts.items()
        }
        for name, part in parts.items():
            self.named[names[name]] = _entitled(_renamed(part, names), names[name])
        schema = _renamed(schema, names)
        title = schema.get("title")
        if not title:
            return schema
        name = self._free(title, schema, owner)
        self.named[name] = _entitled(schema, name)
        return {"$ref": REF.format(model=name)}

    def _free(self, name: str, schema: object, owner: str) -> str:
        return name if self.named.get(name, schema) == schema else f"{owner}{name}"


def _title(operation: Operation) -> str:
    return "".join(it.capitalize() for it in re.split(r"[._-]", operation.name))


def _entitled(schema: Any, name: str) -> Any:
    """The schema with its name as its title, by which generators call what they make."""
    return {**schema, "title": name} if "title" in schema else schema


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """The schema with its references to parts by the names that these have now."""
    if isinstance(schema, list):
        return [_renamed(it, names) for it in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _renamed(it, names) for key, it in schema.items()}
    if isinstance(found.get("$ref"), str):
        name = found["$ref"].rpartition("/")[2]
        found["$ref"] = REF.format(model=names.get(name, name))
    return found


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.app or operation.name.partition(".")[0]],
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
        "security": [{"bearer": []}] if _guarded(operation) else [],
    }
    if operation.deprecated is not None:
        found["deprecated"] = True
        found["x-sunset"] = operation.deprecated.sunset.isoformat()
    if operation.permission is not None:
        found["x-permission"] = operation.permission
    if operation.body is not None:
        content = {"application/json": {"schema": schemas.body(operation)}}
        found["requestBody"] = {"required": True, "content": content}
    elif operation.upload or operation.raw_body is not None:
        content = {operation.raw_body or "*/*": {"schema": _raw(operation)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _raw(operation: Operation) -> dict[str, Any]:
    """The schema of a body that is handed over as it is."""
    if operation.raw_body == BARE:
        return {"type": "object"}
    if not operation.upload:
        return {"type": "string"}
    return {"type": "string", "format": "binary"}


def _guarded(operation: Operation) -> bool:
    return operation.audience not in (Audience.visitor, Audience.gate)


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": it.name,
            "in": "query",
            "description": it.description,
            "schema": dict(it.schema),
        }
        for it in operation.parameters
    ]
    if "{id}" in operation.path:
        schema = {"type": "string", "format": "uuid"}
        place = {"name": "id", "in": "path", "required": True, "schema": schema}
        found.insert(0, place)
    if operation.precondition is Precondition.required:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "description": "The ETag that you read; or send `version`.",
                "schema": {"type": "string", "pattern": IF_MATCH},
            }
        )
    if operation.rehearsable:
        found.append(
            {
                "name": "dry_run",
                "in": "query",
                "description": "`true` does everything and undoes it.",
                "schema": {"type": "boolean", "default": False},
            }
        )
    if repeatable(operation):
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Sent again with the same key, it is done once.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        )
    return found


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary}
    if not operation.socket:  # OpenAPI has no words for what a websocket says
        success["content"] = _content(operation, schemas)
    status = 101 if operation.socket else operation.status
    statuses = {status, *operation.also}
    if operation.rehearsable:
        statuses.add(200)  # nothing was made
    found: dict[str, Any] = {str(it): success for it in sorted(statuses)}
    for status, codes in _errors(operation).items():
        schema = {"schema": {"$ref": REF.format(model="Error")}}
        described = {"description": codes, "content": {"application/json": schema}}
        found[str(status)] = described
    return found


def _content(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """What a success brings: the envelope, unless the operation has a type of its own."""
    kind = operation.content_type
    if kind is None:
        answer = schemas.answer(operation)
        return {BARE: {"schema": envelope(answer, operation)}}
    if kind == BARE:
        return {BARE: {"schema": schemas.answer(operation)}}
    return {it: {"schema": _file(it)} for it in kind.split(", ")}


def _file(kind: str) -> dict[str, Any]:
    """The schema of an answer that is no JSON."""
    text = {"type": "string"}
    return text if kind.startswith("text/") else {**text, "format": "binary"}


def _errors(operation: Operation) -> dict[int, str]:
    """Every status that the operation may refuse with, and the codes behind it."""
    kinds: list[type[Problem]] = [
        BadRequest,
        NotFound,
        RateLimited,
        Unavailable,
        Problem,
    ]
    if _guarded(operation) or operation.audience is Audience.visitor:
        kinds += [Unauthenticated, Denied]
    if operation.app is not None:
        kinds += [AppNotInstalled, SubscriptionInactive]
    if operation.feature is not None:
        kinds.append(FeatureMissing)
    if operation.upload or operation.body or operation.raw_body:
        kinds += [Invalid, TooLarge, UnsupportedMediaType]
    if operation.precondition is Precondition.required:
        kinds += [Stale, PreconditionRequired]
    if repeatable(operation):
        kinds += [IdempotencyInFlight, IdempotencyAnswerLost, IdempotencyKeyReused]
    found: dict[int, list[str]] = {}
    for kind in (*kinds, *operation.errors):
        codes = found.setdefault(kind.status, [])
        if kind.code not in codes:
            codes.append(kind.code)
    return {status: ", ".join(codes) for status, codes in sorted(found.items())}
