"""Samples: valid bodies and rows of whatever resources there are, from their schemas.

A field's ``examples`` come first; any other value follows from its JSON Schema. Texts
carry the mark of who made them and a number, so that no two are alike and each can be
found again in an answer.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.database.session import Session
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.mapping import KERNEL_OWN
from insula.kernel.resource.schemas import create_schema
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller

Row = dict[str, Any]
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
MARKED = re.compile(r"[a-z]+\d{5}")


class Values:
    """Makes values that a JSON Schema allows, each another one."""

    def __init__(self, mark: str) -> None:
        self.mark, self._numbers = mark, count(1)

    def text(self) -> str:
        """A text with the mark that has not been before."""
        return f"{self.mark}{next(self._numbers):05d}"

    def value(self, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
        """A value for a schema; ``parts`` are its ``$defs``."""
        schema = _bare(schema, parts)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        make = getattr(self, f"_{schema.get('type', 'null')}")
        return make(schema)

    def _string(self, schema: Mapping[str, Any]) -> str:
        number = next(self._numbers)
        match schema.get("format"):
            case "uuid":
                return str(uuid7())
            case "date":
                return (BEGINNING + timedelta(days=number)).date().isoformat()
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

    def _array(self, _: Mapping[str, Any]) -> list[Any]:
        return [self.text()]

    def _object(self, _: Mapping[str, Any]) -> Row:
        return {self.text(): self.text()}

    def _null(self, _: Mapping[str, Any]) -> None:
        return None


def _bare(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference, or the first of several that is not null."""
    if "examples" in schema:
        return schema
    if "$ref" in schema:
        return _bare(parts[schema["$ref"].rpartition("/")[2]], parts)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            options = [it for it in schema[word] if it.get("type") != "null"]
            return _bare(options[0], parts)
    return schema


def plain_schemas(model: type[BaseModel]) -> dict[str, Mapping[str, Any]]:
    """The schema of each field of a body, references and null taken away."""
    schema = model.model_json_schema()
    parts = schema.get("$defs", {})
    return {name: _bare(it, parts) for name, it in schema["properties"].items()}


class Samples:
    """Makes rows of one tenant, those first that others refer to."""

    def __init__(
        self,
        caller: Caller,
        apis: Iterable[ResourceApi],
        tenant: Tenant,
        session: Session,
        mark: str,
    ) -> None:
        self.caller, self.values = caller, Values(mark)
        self.apis = {api.resource.table.name: api for api in apis}
        nobody = Actor(ActorKind.system, None)
        self._ctx = Context(nobody, tenant=tenant, session=session)
        self.rows: dict[str, Row] = {}
        self.secrets: set[str] = set()
        self._pending: set[str] = set()

    async def fill(self) -> None:
        """Make one row of every resource."""
        for table in self.apis:
            await self.row(table)

    async def row(self, table: str) -> Row | None:
        """The row of a table that others refer to; None while it is being made."""
        if table not in self.rows and table not in self._pending:
            self._pending.add(table)
            self.rows[table] = await self.new(self.apis[table])
            self._pending.discard(table)
        return self.rows.get(table)

    async def new(self, api: ResourceApi, *, having: str = "") -> Row:
        """Another row, in which ``having`` is not left out."""
        row, _ = await self.made(api, having=having)
        return row

    async def made(
        self, api: ResourceApi, *, having: str = ""
    ) -> tuple[Row, frozenset[str]]:
        """Another row, and the fields that were said of it."""
        offered = "create" not in api.resource.without
        model = api.create_body if offered else _whole(api)
        make = self._post if offered else self._insert
        refused: object = None
        async for body in self._bodies(model, api, having):
            refused = await make(api, model, body)
            if isinstance(refused, dict):
                self.secrets |= secrets_of(refused)
                return refused, frozenset(body)
        raise AssertionError(f"no sample of {api.resource.name} is taken: {refused}")

    async def body(
        self,
        model: type[BaseModel],
        api: ResourceApi,
        keys: Iterable[str] | None = None,
    ) -> Row:
        """A body of new values, of these fields or of all that can be filled."""
        schema = model.model_json_schema()
        parts, made = schema.get("$defs", {}), {}
        for name, field in schema.get("properties", {}).items():
            if name == "version" or (keys is not None and name not in keys):
                continue
            table = self.target(api, name)
            if table is None:
                made[name] = self.values.value(field, parts)
                continue
            row = await self.row(table)
            if row is not None:
                made[name] = row["id"]
        return made

    def target(self, api: ResourceApi, name: str) -> str | None:
        """The table that a field refers to, as declared or, in a command, by its name."""
        facet = api.shape.facets.get(name)
        if facet is not None:
            return facet.field.target
        for table, other in self.apis.items():
            resource = other.resource
            if resource.app == api.resource.app and f"{resource.singular}_id" == name:
                return table
        return None

    async def _bodies(
        self, model: type[BaseModel], api: ResourceApi, having: str
    ) -> AsyncIterator[Row]:
        """Bodies to try, the fullest first: some fields do not go together."""
        full = await self.body(model, api)
        needed = {*model.model_json_schema().get("required", ()), having}
        optional = [name for name in full if name not in needed]
        yield full
        for name in optional:
            yield {key: full[key] for key in full if key != name}
        yield {key: full[key] for key in full if key in needed}
        for name in optional:
            yield {key: full[key] for key in full if key in {*needed, name}}

    async def _post(self, api: ResourceApi, _: type[BaseModel], body: Row) -> object:
        answer = await self.caller.post(path_of(api), body)
        return answer.data if answer.status == 201 else answer

    async def _insert(
        self, api: ResourceApi, model: type[BaseModel], body: Row
    ) -> object:
        """Write a row that callers cannot make, as the kernel would."""
        values = api.new_values(model.model_validate_json(json.dumps(body)))
        statement, args, _ = api.writer.create(values, self._ctx)
        try:
            await self._ctx.session.fetch(statement, *args)
        except asyncpg.IntegrityConstraintViolationError as error:
            return error
        return (await self.caller.get(f"{path_of(api)}/{values['id']}")).data


def path_of(api: ResourceApi) -> str:
    """Where a resource is, behind ``/api/v1/``."""
    return f"{api.resource.app}/{api.resource.path}"


def secrets_of(value: object) -> set[str]:
    """All ids and marked texts in a row: what no other tenant may ever be told."""
    if isinstance(value, Mapping):
        return secrets_of([*value, *value.values()])
    if isinstance(value, list):
        return {secret for it in value for secret in secrets_of(it)}
    if isinstance(value, str) and (_is_id(value) or MARKED.fullmatch(value)):
        return {value}
    return set()


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _whole(api: ResourceApi) -> type[BaseModel]:
    """A body of every field but the kernel's own, those that callers cannot write too."""
    facets = [
        facet
        for facet in api.shape.stored
        if facet.name not in KERNEL_OWN and not facet.field.choices
    ]
    return create_schema(f"{api.title}Sample", facets)
