"""Documented: the JSON Schemas of what stands around an answer, and of a row in part."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from insula.kernel.access.operation import Operation

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
BY_CURSOR: Mapping[str, Any] = {
    "next_cursor": {"type": ["string", "null"]},
    "per_page": {"type": "integer"},
}
BY_NUMBER: Mapping[str, Any] = {
    name: {"type": "integer"}
    for name in ("current_page", "per_page", "total", "total_pages")
}
ALWAYS = ("type", "id")
"""What a row has, whatever fields are asked for."""


def envelope(answer: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    """The envelope of a success, with the answer as its data."""
    meta: dict[str, Any] = {
        "request_id": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "version": {"type": "string"},
    }
    if operation.paged:
        meta["pagination"] = _pagination(operation)
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


def readable(answer: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    """An answer's schema for whoever reads it.

    How long a text must be is asked of those who write; where ``fields`` chooses, no
    other field of a row is sure to come.
    """
    found: dict[str, Any] = _unmeasured(deepcopy(dict(answer)))
    if not any(it.name == "fields" for it in operation.parameters):
        return found
    rows = found.get("items", found)
    named = str(rows.get("$ref", "")).rpartition("/")[2]
    rows = found.get("$defs", {}).get(named, rows)
    if "required" in rows:
        rows["required"] = [it for it in rows["required"] if it in ALWAYS]
    return found


def _pagination(operation: Operation) -> dict[str, Any]:
    """Pages by cursors, or also by numbers where these can be asked for."""
    kinds = [BY_CURSOR]
    if any(it.name == "page" for it in operation.parameters):
        kinds.append(BY_NUMBER)
    made = [
        {"type": "object", "required": list(it), "properties": dict(it)} for it in kinds
    ]
    return made[0] if len(made) == 1 else {"anyOf": made}


def _unmeasured(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_unmeasured(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    kept = schema.items()
    if schema.get("type") == "string":
        kept = {name: it for name, it in kept if name != "minLength"}.items()
    return {name: _unmeasured(it) for name, it in kept}
