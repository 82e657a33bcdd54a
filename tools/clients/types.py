"""Types as both languages know them, read from the JSON Schemas of a document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
BASIC = ("string", "integer", "number", "boolean", "null")


@dataclass(frozen=True, slots=True)
class Basic:
    """A text, a number, a truth, nothing, or ``any``."""

    kind: str


@dataclass(frozen=True, slots=True)
class Named:
    """What has a shape of its own."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[str | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A list of something."""

    of: "Type"


@dataclass(frozen=True, slots=True)
class Mapped:
    """Something under any names."""

    of: "Type"


@dataclass(frozen=True, slots=True)
class Either:
    """One of some types."""

    kinds: tuple["Type", ...]


Type = Basic | Named | Choice | Many | Mapped | Either
ANY = Basic("any")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a shape, or a parameter of a question."""

    name: str
    kind: Type
    required: bool
    said: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with known fields; without any it is another name for a type."""

    fields: tuple[Field, ...] = ()
    alias: Type | None = None
    said: str = ""


class Types:
    """The shapes that are needed, by their names."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components
        self._sources: dict[str, Schema] = {}
        self.shapes: dict[str, Shape] = {}

    def of(self, schema: Schema, place: str) -> Type:
        """The type of a schema; a shape without a name is called after its place."""
        if "$ref" in schema:
            return self._component(schema["$ref"].rpartition("/")[2])
        if "const" in schema:
            return Choice((schema["const"],))
        if "enum" in schema:
            return _choice(schema["enum"])
        for joined in ("anyOf", "oneOf"):
            if joined in schema:
                return _either([self.of(it, place) for it in schema[joined]])
        kind = schema.get("type")
        if isinstance(kind, list):
            each = [self.of({**schema, "type": it}, place) for it in kind]
            return _either(each)
        return self._plain(schema, kind, place)

    def add(self, name: str, shape: Shape) -> Named:
        """A shape that the document has no schema of."""
        self.shapes[name] = shape
        return Named(name)

    def _plain(self, schema: Schema, kind: str | None, place: str) -> Type:
        if kind == "array":
            return Many(self.of(schema.get("items") or {}, f"{place}Item"))
        if kind == "object":
            return self._object(schema, place)
        return Basic(kind) if kind in BASIC else ANY

    def _object(self, schema: Schema, place: str) -> Type:
        if "properties" in schema:
            return self._shape(self._free(schema, place), schema)
        others = schema.get("additionalProperties")
        return Mapped(self.of(others, place) if isinstance(others, dict) else ANY)

    def _component(self, name: str) -> Named:
        schema = self._components[name]
        if name in self.shapes:
            return Named(name)
        if schema.get("type") == "object" and "properties" in schema:
            return self._shape(name, schema)
        self.shapes[name] = Shape()  # so that it may refer to itself
        self.shapes[name] = Shape(alias=self.of(schema, name), said=_said(schema))
        return Named(name)

    def _shape(self, name: str, schema: Schema) -> Named:
        if name not in self.shapes:
            self.shapes[name] = Shape()
            self._sources[name] = schema
            required = schema.get("required", ())
            fields = tuple(
                Field(
                    field, self.of(it, name + _joined(field)), field in required,
                    _said(it),
                )
                for field, it in schema["properties"].items()
            )  # fmt: skip
            self.shapes[name] = Shape(fields, said=_said(schema))
        return Named(name)

    def _free(self, schema: Schema, place: str) -> str:
        """The schema's own name, unless something else is called so already."""
        title = str(schema.get("title", ""))
        known = self._components.get(title, self._sources.get(title, schema))
        return title if NAME.fullmatch(title) and known == schema else place


def _choice(values: list[Any]) -> Type:
    plain = tuple(it for it in values if it is not None)
    if len(plain) == len(values):
        return Choice(plain)
    return _either([Choice(plain), Basic("null")])


def _either(kinds: list[Type]) -> Type:
    """One of these, each once; what can be anything is nothing more exact."""
    if ANY in kinds:
        return ANY
    found = tuple(dict.fromkeys(kinds))
    return found[0] if len(found) == 1 else Either(found)


def _joined(name: str) -> str:
    return "".join(it.capitalize() for it in re.split(r"[^A-Za-z0-9]+", name))


def _said(schema: Schema) -> str:
    return " ".join(str(schema.get("description", "")).split())
