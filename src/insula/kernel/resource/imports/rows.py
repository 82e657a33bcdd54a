"""Import rows: a file's text as values of the resource, checked by its own schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import UNKNOWN, FieldError, Invalid, Problem
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.custom.fields import AddedFields
from insula.kernel.resource.imports.custom import learn
from insula.kernel.resource.imports.custom_cells import columns_of
from insula.kernel.resource.imports.ids import Identity, RepeatedKey
from insula.kernel.resource.imports.lookups import Finder
from insula.kernel.resource.imports.lookups import Found as Ids
from insula.kernel.resource.imports.mapping import (
    JSON,
    Entry,
    Instructions,
    Mode,
)
from insula.kernel.resource.imports.tables import Row
from insula.kernel.resource.imports.texts import Misfit, Texts, json_value
from insula.kernel.resource.schemas import (
    create_schema,
    field_errors,
    patch_schema,
)

Found = Mapping[str, Ids]
"""By target: the ids of the rows that some texts refer to."""

BATCH = 500
"""Rows that are looked up, and then written, together."""


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
    match: Any = None
    """The value by which a row that is there is found."""


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
        identity: Identity,
    ) -> None:
        self._ctx, self._api, self._entries = ctx, api, entries
        self._texts = Texts(instructions, [entry.facet for entry in entries])
        self._lookups = [
            (entry, Finder(ctx, entry.source.lookup))
            for entry in entries
            if entry.source.lookup is not None
        ]
        self._key = [target.partition(".")[::2] for target in instructions.key]
        self._match, self._ids = instructions.match, identity
        self._added: AddedFields | None = None
        self._changes = instructions.match and instructions.mode is Mode.update
        facets = {facet.name: facet for facet in api.shape.creatable}
        facets.update((entry.facet.name, entry.facet) for entry in entries)
        matched = facets.pop("id", None)
        make = patch_schema if self._changes else create_schema
        model = make(f"{api.title}Import", facets.values())
        self._validate = model.__pydantic_validator__.validate_python
        self._matched = matched is not None

    async def drafts(self, rows: Sequence[Row]) -> Drafts:
        """The drafts of some rows; references are looked up all at once."""
        self._added = await learn(self._ctx, self._api.writer)
        found = {
            entry.target: await finder.find(
                self._ctx,
                {_said(entry, row) for row in rows if row.fault is None},
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
        if self._api.resource.preparing is not None and not self._changes:
            await self._prepare(drafts)
        return drafts

    async def _prepare(self, drafts: Drafts) -> None:
        """Have the app complete the rows: all at once, or where that fails each alone."""
        made, drafts.made = drafts.made, []
        try:
            drafts.made += await self._prepared(made)
        except Problem:
            for draft in made:
                try:
                    drafts.made += await self._prepared([draft])
                except Problem as problem:
                    refused = row_errors(draft.row, problem)
                    drafts.refused.append((draft.row, refused))

    async def _prepared(self, made: Sequence[Draft]) -> list[Draft]:
        values = await self._api.prepared(self._ctx, [it.values for it in made])
        return [
            replace(draft, values=those)
            for draft, those in zip(made, values, strict=True)
        ]

    def _draft(self, row: Row, found: Found) -> Draft | None:
        """The draft of a row; None if it repeats one. Raises ``Invalid``."""
        if row.fault is not None:
            raise Invalid(row.fault)
        known, body = self._checked(row, found)
        content = {name: body.__dict__[name] for name in body.model_fields_set}
        try:
            row_id = self._ids.next(content, self._key_of(content), row.line)
        except RepeatedKey:
            words = Words("An earlier row has this key, but says something else.")
            raise Invalid(FieldError("key", "repeated", words)) from None
        if row_id is None:
            return None
        match = self._match_of(content, known)
        scoping, actor = self._api.writer.scoping, self._ctx.actor
        values = {**self._api.new_values(body, actor), "id": row_id}
        added = self._added_columns(body)
        values |= added
        content |= added
        if known is None and not self._changes:
            values = scoping.claim(scoping.of(actor, "import", "create"), values)
        return Draft(row, row_id, values, frozenset(content), match)

    def _added_columns(self, body: BaseModel) -> Mapping[str, Any]:
        """What is written of fields that the tenant added; raises ``Invalid``."""
        if self._added is None:
            return {}
        read, patch = self._texts.plain, bool(self._changes)
        return columns_of(self._added, body, read, patch=patch)

    def _match_of(self, content: Mapping[str, Any], known: UUID | None) -> Any:
        """The value by which a row that is there is found; None for a new row."""
        if self._match is None:
            return None
        value = known if self._match == "id" else content.get(self._match)
        if value is None and self._changes:
            words = Words("The key {name} is blank.", name=self._match)
            raise Invalid(FieldError(self._match, "required", words))
        return value

    def _checked(self, row: Row, found: Found) -> tuple[UUID | None, BaseModel]:
        """What the row says, as the schema takes it, and its id; raises ``Invalid``."""
        given, faults = self._given(row, found)
        known = given.pop("id", None) if self._matched else None
        try:
            body: BaseModel = self._validate(given, strict=False)
        except ValidationError as error:
            told = {fault.field for fault in faults}
            more = [it for it in field_errors(error) if it.field not in told]
            raise Invalid(*faults, *more) from None
        if faults:
            raise Invalid(*faults)
        return known, body

    def _given(self, row: Row, found: Found) -> tuple[dict[str, Any], list[FieldError]]:
        """What the row says, by field; a blank cell says nothing."""
        given: dict[str, Any] = {}
        faults: list[FieldError] = []
        amounts: list[tuple[Entry, str]] = []
        for entry in self._entries:
            said = entry.source.read(row.cells)
            text = _said(entry, row)
            if not text:
                missing = entry.facet.field.required or said is None
                if entry.facet.nullable and missing and not entry.member:
                    given[entry.facet.name] = None
                continue
            if self._texts.is_amount(entry.facet):
                amounts.append((entry, text))
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
        for entry, text in amounts:
            try:
                given[entry.facet.name] = self._texts.amount(entry.facet, text, given)
            except Misfit as fault:
                faults.append(FieldError(entry.target, fault.code, fault.message))
        return given, faults

    def _value(self, entry: Entry, text: str, found: Found) -> Any:
        facet, source = entry.facet, entry.source
        if source.lookup is not None:
            return _referred(entry, text, found)
        if facet.name == "id":
            known = parse_uuid(text)
            if known is None:
                words = Words("There is no row with this {field}.", field="id")
                raise Misfit("not_found", words)
            return known
        if source.as_json or (facet.cast == JSON and not entry.member):
            return json_value(text)
        return self._texts.value(facet, text) if not entry.member else text

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


def _said(entry: Entry, row: Row) -> str:
    """What the row says for a target, or what stands for a blank."""
    return entry.source.read(row.cells) or entry.default


def _referred(entry: Entry, text: str, found: Found) -> Any:
    """The id of the row that a text means; raises ``Misfit``."""
    by_text = found[entry.target]
    row_id = by_text.get(text)
    if row_id is not None:
        return row_id
    if text in by_text:
        words = Words(
            "The {field} field refers to more than one row.", field=entry.target
        )
        raise Misfit("ambiguous", words)
    known = parse_uuid(text)
    if known is None:
        raise Misfit("not_found", Words(UNKNOWN, field=entry.target))
    return known


def row_errors(row: Row, problem: Problem) -> list[RowError]:
    """What a problem means for a row of the file, field by field."""
    fields = problem.fields or (FieldError("", problem.code, problem.message),)
    return [RowError(row.line, it.field, it.code, it.message) for it in fields]
