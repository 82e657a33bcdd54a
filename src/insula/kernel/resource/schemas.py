"""Schemas: Pydantic models for what comes in, JSON Schemas for what goes out."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
)

from insula.kernel.foundation.errors import FieldError
from insula.kernel.resource.shape import Facet, Shape
from insula.kernel.resource.wordings import worded

CODES = {"missing": "required", "extra_forbidden": "unknown"}
"""Where our code is another than Pydantic's."""
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _field(facet: Facet) -> tuple[Any, Any]:
    if facet.field.required:
        return facet.annotation, ...
    default = facet.field.default
    if isinstance(default, dict | list):
        return facet.annotation, Field(default_factory=type(default))
    return facet.annotation, default


def _model(name: str, fields: Mapping[str, tuple[Any, Any]]) -> type[BaseModel]:
    definitions: dict[str, Any] = dict(fields)
    return create_model(name, __config__=STRICT, __module__=__name__, **definitions)


VERSION = Annotated[
    int | None,
    Field(default=None, ge=1, lt=2**63, description="The version that you read."),
]


def create_schema(name: str, facets: Iterable[Facet]) -> type[BaseModel]:
    """What a caller sends to make a row: every writable field, defaults applied."""
    return _model(name, {facet.name: _field(facet) for facet in facets})


def replace_schema(name: str, facets: Iterable[Facet]) -> type[BaseModel]:
    """What a caller sends to replace a row: every writable field, all required."""
    fields: dict[str, tuple[Any, Any]] = {
        facet.name: (facet.annotation, ...) for facet in facets
    }
    return _model(name, {**fields, "version": (VERSION, None)})


def patch_schema(name: str, facets: Iterable[Facet]) -> type[BaseModel]:
    """What a caller sends to change a row: any of the writable fields.

    A field that is absent stays as it is: read ``model_fields_set``. ``null`` is
    refused where the column has no NULL.
    """
    fields: dict[str, tuple[Any, Any]] = {
        facet.name: (
            Annotated[facet.annotation, Field(json_schema_extra=_drop_default)],
            None,
        )
        for facet in facets
    }
    return _model(name, {**fields, "version": (VERSION, None)})


def _whole(schema: Any, parts: Mapping[str, Any]) -> Any:
    """A schema in which nothing is said elsewhere; for those that do not recur."""
    if isinstance(schema, list):
        return [_whole(it, parts) for it in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _whole(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _whole(it, parts) for name, it in schema.items()}


def row_struct(tag: str, names: Iterable[str]) -> type[msgspec.Struct]:
    """The row as it goes out: built from a record's values, in their order."""
    fields = [(name, Any) for name in names]
    return msgspec.defstruct("Row", fields, tag=tag, tag_field="type", gc=False)


def row_schema(title: str, tag: str, shape: Shape) -> dict[str, Any]:
    """The JSON Schema of a row that goes out."""
    properties: dict[str, Any] = {"type": {"const": tag}}
    for facet in shape.readable:
        made = TypeAdapter(facet.annotation).json_schema(mode="serialization")
        properties[facet.name] = _whole(made, made.pop("$defs", {}))
        if facet.field.read_only:
            properties[facet.name]["readOnly"] = True
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": ["type", *(facet.name for facet in shape.readable)],
        "additionalProperties": False,
    }


def field_errors(error: ValidationError) -> list[FieldError]:
    """Pydantic's findings in our words; the values themselves are not repeated."""
    found = []
    for each in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in each["loc"]) or "body"
        code = CODES.get(each["type"], each["type"])
        found.append(FieldError(field, code, worded(field, each)))
    return found
