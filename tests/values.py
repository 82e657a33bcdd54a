"""Values: something for every field that a JSON Schema describes, each another one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from pydantic import BaseModel

from insula.kernel.foundation.ids import uuid7

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


class Values:
    """Makes values that a JSON Schema allows, each another one."""

    def __init__(self, mark: str) -> None:
        self.mark, self._numbers = mark, count(1)

    def text(self) -> str:
        """A text with the mark that has not been before."""
        return f"{self.mark}{next(self._numbers):05d}"

    def value(self, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
        """A value for a schema; ``parts`` are its ``$defs``."""
        schema = bare(schema, parts)
        if "examples" in schema:
            return self._example(schema["examples"][0])
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        make = getattr(self, f"_{schema.get('type', 'null')}")
        return make(schema)

    def _example(self, example: Any) -> Any:
        """What a schema gives as an example; an address is another one each time."""
        if isinstance(example, str) and "@" in example:
            return f"{self.text()}.{example}"
        return example

    def _string(self, schema: Mapping[str, Any]) -> str:
        number = next(self._numbers)
        match schema.get("format"):
            case "uuid":
                return str(uuid7())
            case "hostname":
                return f"{self.text()}.test"
            case "date":
                return (BEGINNING + timedelta(days=number % 20_000)).date().isoformat()
            case "date-time":
                return (BEGINNING + timedelta(hours=number)).isoformat()
        if "pattern" in schema:
            raise LookupError(f"a field with a pattern needs examples: {schema}")
        text = self.text().rjust(schema.get("minLength", 0), "x")
        return text[-schema.get("maxLength", len(text)) :]

    def _integer(self, schema: Mapping[str, Any]) -> int:
        low = max(schema.get("minimum", 1), 1)
        high = min(schema.get("maximum", low + 9999), low + 9999)
        return int(low + next(self._numbers) % (high - low + 1))

    def _number(self, schema: Mapping[str, Any]) -> float:
        return float(schema.get("minimum", next(self._numbers)))

    def _boolean(self, _: Mapping[str, Any]) -> bool:
        return True

    def _array(self, schema: Mapping[str, Any]) -> list[Any]:
        """One of what is listed; rows that belong to another one are left out."""
        items = schema.get("items", {})
        if "$ref" in items:
            return []
        return [self._string(items) if items.get("type") == "string" else self.text()]

    def _object(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {self.text(): self.text()}

    def _null(self, _: Mapping[str, Any]) -> None:
        return None


def bare(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference, or the first of several that is not null."""
    if "examples" in schema:
        return schema
    if "$ref" in schema:
        return bare(parts[schema["$ref"].rpartition("/")[2]], parts)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            options = [it for it in schema[word] if it.get("type") != "null"]
            return bare(options[0], parts)
    return schema


@cache
def schema_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The JSON Schema of a body, worked out once."""
    return model.model_json_schema()


def plain_schemas(model: type[BaseModel]) -> dict[str, Mapping[str, Any]]:
    """The schema of each field of a body, references and null taken away."""
    schema = schema_of(model)
    parts = schema.get("$defs", {})
    return {name: bare(it, parts) for name, it in schema["properties"].items()}
