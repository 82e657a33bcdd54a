"""OpenAPI 3.1 from the operations: every answer and every error that is declared."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

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
from insula.kernel.http.admission import AppNotInstalled
from insula.kernel.http.request import UnsupportedMediaType

REF = "#/components/schemas/{model}"

ERROR = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "fields", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "code", "message"],
                        "properties": {
                            name: {"type": "string"}
                            for name in ("field", "code", "message")
                        },
                    },
                },
                "fields": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "array",
                        "items": {"type": "string"},
                    },
                },
                "request_id": {"type": "string"},
            },
        },
    },
}

PAGINATION = {
    "type": "object",
    "required": ["next_cursor", "per_page"],
    "properties": {
        "next_cursor": {"type": ["string", "null"]},
        "per_page": {"type": "integer"},
    },
}


def document(
    operations: Iterable[Operation], *, title: str, version: str
) -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    listed = list(operations)
    bodies = {it.body for it in listed if it.body is not None}
    inputs = sorted(bodies, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "validation") for model in inputs], ref_template=REF
    )
    schemas: dict[str, Any] = {"Error": ERROR, **definitions.get("$defs", {})}
    paths: dict[str, Any] = {}
    for operation in listed:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.app or operation.name.partition(".")[0]],
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
        "security": [{"bearer": []}] if _guarded(operation) else [],
    }
    if operation.permission is not None:
        found["x-permission"] = operation.permission
    if operation.body is not None:
        schema = {"$ref": REF.format(model=operation.body.__name__)}
        content = {"application/json": {"schema": schema}}
        found["requestBody"] = {"required": True, "content": content}
    elif operation.raw_body is not None:
        content = {operation.raw_body: {"schema": {"type": "string"}}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _guarded(operation: Operation) -> bool:
    return operation.audience in (Audience.tenant, Audience.operator)


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
                "schema": {"type": "string"},
            }
        )
    return found


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = dict(operation.answer())
    for name, definition in answer.pop("$defs", {}).items():
        schemas.setdefault(name, definition)
    title = answer.get("title")
    if title:
        schemas.setdefault(title, answer)
        answer = {"$ref": REF.format(model=title)}
    content = {"application/json": {"schema": _success(answer, operation)}}
    success = {"description": operation.summary, "content": content}
    found: dict[str, Any] = {str(operation.status): success}
    for status, codes in _errors(operation).items():
        schema = {"schema": {"$ref": REF.format(model="Error")}}
        described = {"description": codes, "content": {"application/json": schema}}
        found[str(status)] = described
    return found


def _success(answer: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "request_id": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "version": {"type": "string"},
    }
    if operation.paged:
        meta["pagination"] = PAGINATION
    return {
        "type": "object",
        "required": ["success", "message", "data", "meta", "links"],
        "properties": {
            "success": {"const": True},
            "message": {"type": "string"},
            "data": answer,
            "meta": {"type": "object", "required": list(meta), "properties": meta},
            "links": {
                "type": "object",
                "required": ["self"],
                "properties": {
                    "self": {"type": "string"},
                    "next": {"type": ["string", "null"]},
                    "prev": {"type": ["string", "null"]},
                },
            },
        },
    }


def _errors(operation: Operation) -> dict[int, str]:
    """Every status that the operation may refuse with, and the codes behind it."""
    kinds: list[type[Problem]] = [BadRequest, NotFound, Unavailable, Problem]
    if _guarded(operation) or operation.audience is Audience.visitor:
        kinds += [Unauthenticated, Denied]
    if operation.app is not None:
        kinds.append(AppNotInstalled)
    if operation.body is not None or operation.raw_body is not None:
        kinds += [Invalid, TooLarge, UnsupportedMediaType]
    if operation.precondition is Precondition.required:
        kinds += [Stale, PreconditionRequired]
    found: dict[int, list[str]] = {}
    for kind in (*kinds, *operation.errors):
        codes = found.setdefault(kind.status, [])
        if kind.code not in codes:
            codes.append(kind.code)
    return {status: ", ".join(codes) for status, codes in sorted(found.items())}
