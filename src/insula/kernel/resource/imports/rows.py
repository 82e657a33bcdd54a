"""Import rows: a file's text as values of the resource, checked by its own schema."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import FieldError, Invalid, Problem
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.csv_reading import Row
from insula.kernel.resource.imports.ids import ImportIds, RepeatedKey
from insula.kernel.resource.imports.mapping import JSON, Entry, Instructions, Lookup
from insula.kernel.resource.imports.texts import (
    Misfit,
    Moments,
    json_value,
)
from insula.kernel.resource.schemas import create_schema, field_errors
from insula.kernel.resource.statements import Condition, Page, listing

Found = Mapping[str, Mapping[str, UUID]]
"""By target: the ids of the rows that some texts refer to."""

BATCH = 500
"""Rows that are looked up, and then written, together."""
NOT_FOUND = "The {field} field refers to nothing here."


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was not imported; ``line`` is where it begins in the file."""

    line: int
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A row that may be written: all its values, and the fields that the file gave."""

    row: Row
    id: UUID
    values: Mapping[str, Any]
    given: frozenset[str]


@dataclass(slots=True)
class Drafts:
    """What became of some rows: drafts, repetitions of earlier rows, and errors."""

    made: list[Draft]
    repeated: int
    refused: list[tuple[Row, list[RowError]]]


class Drafter:
    """Makes drafts of one import's rows."""

    def __init__(
        self,
        ctx: Context,
        api: ResourceApi,
        instructions: Instructions,
        entries: Sequence[Entry],
    ) -> None:
        self._ctx, self._api, self._entries = ctx, api, entries
        self._moments = Moments(instructions.time_zone, instructions.time_format)
        self._lookups = [
            (entry, Finder(entry.source.lookup))
            for entry in entries
            if entry.source.lookup is not None
        ]
        self._key = [target.partition(".")[::2] for target in instructions.key]
        self._ids = ImportIds(ctx.tenant.id, api.resource.name, instructions.key)
        facets = {facet.name: facet for facet in api.shape.creatable}
        facets.update((entry.facet.name, entry.facet) for entry in entries)
        model = create_schema(f"{api.title}Import", facets.values())
        self._validate = model.__pydantic_validator__.validate_python

    async def drafts(self, rows: Sequence[Row]) -> Drafts:
        """The drafts of some rows; references are looked up all at once."""
        found = {
            entry.target: await finder.find(
                self._ctx,
                {entry.source.read(row.cells) for row in rows if row.fault is None},
            )
            for entry, finder in self._lookups
        }
        drafts = Drafts([], 0, [])
        for row in rows:
            try:
                draft = self._draft(row, found)
            except Invalid as problem:
                drafts.refused.append((row, row_errors(row, problem)))
                continue
            if draft is None:
                drafts.repeated += 1
            else:
                drafts.made.append(draft)
        return drafts

    def _draft(self, row: Row, found: Found) -> Draft | None:
        """The draft of a row; None if it repeats one. Raises ``Invalid``."""
        if row.fault is not None:
            raise Invalid(row.fault)
        body = self._checked(row, found)
        content = {name: body.__dict__[name] for name in body.model_fields_set}
        try:
            row_id = self._ids.next(content, self._key_of(content))
        except RepeatedKey:
            words = Words("An earlier row has this key, but says something else.")
            raise Invalid(FieldError("key", "repeated", words)) from None
        if row_id is None:
            return None
        values = {**self._api.new_values(body, self._ctx.actor), "id": row_id}
        scoping = self._api.writer.scoping
        values = scoping.claim(scoping.of(self._ctx.actor, "import"), values)
        return Draft(row, row_id, values, frozenset(content))

    def _checked(self, row: Row, found: Found) -> BaseModel:
        """What the row says, as the schema takes it; raises ``Invalid``."""
        given, faults = self._given(row, found)
        try:
            body: BaseModel = self._validate(given, strict=False)
        except ValidationError as error:
            told = {fault.field for fault in faults}
            more = [it for it in field_errors(error) if it.field not in told]
            raise Invalid(*faults, *more) from None
        if faults:
            raise Invalid(*faults)
        return body

    def _given(self, row: Row, found: Found) -> tuple[dict[str, Any], list[FieldError]]:
        """What the row says, by field; a blank cell says nothing."""
        given: dict[str, Any] = {}
        faults: list[FieldError] = []
        for entry in self._entries:
            text = entry.source.read(row.cells)
            if not text:
                if entry.facet.nullable and entry.facet.field.required:
                    given[entry.facet.name] = None
                continue
            try:
                value = self._value(entry, text, found)
            except Misfit as fault:
                faults.append(FieldError(entry.target, fault.code, fault.message))
                continue
            if entry.member:
                given.setdefault(entry.facet.name, {})[entry.member] = value
            else:
                given[entry.facet.name] = value
        return given, faults

    def _value(self, entry: Entry, text: str, found: Found) -> Any:
        facet, source = entry.facet, entry.source
        if source.lookup is not None:
            row_id = found[entry.target].get(text)
            if row_id is None:
                raise Misfit("not_found", Words(NOT_FOUND, field=entry.target))
            return row_id
        if source.as_json or (facet.cast == JSON and not entry.member):
            return json_value(text)
        if facet.cast == "timestamptz":
            return self._moments.moment(text)
        if facet.cast == "date":
            return self._moments.day(text)
        return text

    def _key_of(self, content: Mapping[str, Any]) -> list[Any]:
        """The values of the key; raises ``Invalid`` for a row that lacks one."""
        values: list[Any] = []
        for name, member in self._key:
            value = content.get(name)
            if member and value is not None:
                value = value.get(member)
            if value is None:
                words = Words("The key {name} is blank.", name=name)
                raise Invalid(FieldError(name, "required", words))
            values.append(value)
        return values


class Finder:
    """Finds the rows that a batch refers to, in one query."""

    def __init__(self, lookup: Lookup) -> None:
        shape, facet = lookup.api.shape, lookup.facet
        page = Page(
            (shape.facets["id"], facet),
            (Condition(facet, "IN"),),
            sort=None,
            descending=False,
            after=False,
            limit=BATCH,
        )
        self._statement = listing(lookup.api.resource.table.name, page)
        self._adapter: TypeAdapter[Any] = TypeAdapter(facet.annotation)

    async def find(self, ctx: Context, texts: Iterable[str]) -> Mapping[str, UUID]:
        """The ids by text; a text that means nothing is left out."""
        wanted: dict[Any, list[str]] = {}
        for text in texts:
            try:
                wanted.setdefault(self._adapter.validate_strings(text), []).append(text)
            except ValidationError:
                continue
        if not wanted:
            return {}
        rows = await ctx.session.fetch(self._statement, list(wanted))
        return {text: row_id for row_id, value in rows for text in wanted[value]}


def row_errors(row: Row, problem: Problem) -> list[RowError]:
    """What a problem means for a row of the file, field by field."""
    fields = problem.fields or (FieldError("", problem.code, problem.message),)
    return [RowError(row.line, it.field, it.code, it.message) for it in fields]
