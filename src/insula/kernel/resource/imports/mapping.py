"""Mapping: which column of a file becomes which field, said by the caller or by name.

A source is one of

- ``machineID``: the column of that name;
- ``Machine {machineID}``: a template; it is empty when one of its columns is;
- ``@tag:machineID``: the row of the referenced resource whose unique field ``tag``
  has this value (``@maintenance.assets.tag:machineID`` says the resource, too);
- ``json:age``: the column read as JSON, so that ``18`` becomes a number.

The part after a ``:`` is a source again. A target is a field, or a member of a JSON
field: ``custom.age``. Columns that nothing mentions become the field of that name or
alias, and a column that becomes nothing is refused unless the caller says to ignore it.
A reference may be an id, or what tells the other row apart: a unique field, its title.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.columns import Columns, plain
from insula.kernel.resource.imports.custom import names_of_added
from insula.kernel.resource.imports.lookups import (
    Find,
    Lookup,
    lookup_by,
    lookup_of,
    unique_fields,
)
from insula.kernel.resource.shape import Facet

Cells = Sequence[str]
JSON = "text::jsonb"
NOTHING: Mapping[str, str] = {}
KERNEL_OWN = frozenset(
    {"tenant_id", "id", "version", "created_at", "updated_at", "deleted_at"}
)
"""What the kernel gives a row when it is made; no import says otherwise."""
COLUMN = re.compile(r"\{([^{}]+)\}")
LOOKUP = re.compile(r"@(?:([a-z0-9_]+\.[a-z0-9_]+)\.)?([a-z0-9_]+):(.+)", re.DOTALL)
ENCODING = (
    r"^(utf-8|utf-16|cp125[0-8]|iso-8859-([1-9]|1[013-6])|mac-roman|koi8-r"
    r"|shift_jis|euc-jp|euc-kr|gb18030|big5)$"
)


Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]


class Mode(StrEnum):
    """What becomes of rows that match one that is there, and of those that do not."""

    upsert = "upsert"
    create = "create"
    """The first stay as they are."""
    update = "update"
    """The others are refused."""


class Instructions(BaseModel):
    """How the columns of a file become the fields of a resource.

    ``map`` says the source of each target, ``set`` the same text for every row, and
    ``defaults`` what a blank cell stands for. ``key`` names the targets that tell one
    row from another, and rows that are there stay as they are; ``match`` is the id or a
    unique field, by which rows that are there are found and changed as ``mode`` says.
    ``values`` says what texts of a column mean, null for nothing at all; those of
    ``*`` are meant in every column. Moments without an offset are of ``time_zone``;
    they are written as ISO 8601 says, or in ``time_format`` (that of ``strptime``).
    With ``major_units`` amounts of money are written as people do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: dict[Name, Text] = {}
    set: dict[Name, Text] = {}
    defaults: dict[Name, Text] = {}
    key: tuple[Name, ...] = ()
    match: Name | None = None
    mode: Mode = Mode.upsert
    skip: tuple[Name, ...] = ()
    values: dict[Name, dict[Text, Text | None]] = {}
    ignore_unknown: bool = False
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    time_format: Annotated[str | None, Field(max_length=64)] = None
    decimal_comma: bool = False
    major_units: bool = False
    encoding: Annotated[str | None, Field(pattern=ENCODING)] = None
    delimiter: Literal[",", ";", "\t", "|", None] = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from, and how its text is to be understood.

    What it reads is None where the file says outright that there is nothing.
    """

    read: Callable[[Cells], str | None]
    columns: frozenset[str] = frozenset()
    as_json: bool = False
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One target, its source, and what a blank stands for."""

    target: str
    facet: Facet
    member: str
    source: Source
    default: str = ""


class Mapper:
    """Works out the entries of one import; all that is wrong is told at once."""

    def __init__(self, ctx: Context, api: ResourceApi, find: Find) -> None:
        self._ctx, self._api, self._find = ctx, api, find
        self._fields = {facet.name: facet for facet in importable(ctx, api)}
        self._required = [
            facet.name
            for facet in api.shape.facets.values()
            if facet.field.required and facet.name not in KERNEL_OWN
        ]
        self._faults: list[FieldError] = []

    def entries(
        self, instructions: Instructions, names: Sequence[str]
    ) -> tuple[Entry, ...]:
        """Every target and its source; raises ``Invalid`` or ``Denied``."""
        columns = Columns(names, instructions.values)
        self._check_match(instructions.match)
        found = [
            *self._said(instructions.map, columns),
            *self._said(instructions.set, None),
        ]
        found += self._same_names(columns, found, instructions.skip)
        found = list(self._with_defaults(found, instructions.defaults))
        if not instructions.ignore_unknown:
            self._check_unused(columns, found, instructions.skip)
        self._check_clashes(found)
        matched = () if instructions.match is None else (instructions.match,)
        self._check_key((*instructions.key, *matched), found)
        if instructions.mode is not Mode.update or instructions.match is None:
            self._check_required(found)
        if self._faults:
            raise Invalid(*self._faults)
        return tuple(found)

    def _check_match(self, name: str | None) -> None:
        """Take the id among the fields where rows are known by it."""
        if name is None:
            return
        hidden = self._api.writer.masking.of(self._ctx.actor).hide
        offered = [it for it in matchable(self._api) if it not in hidden]
        if name not in offered:
            words = Words(
                "Rows are matched by one of {offered}.", offered=", ".join(offered)
            )
            self._faults.append(FieldError("match", "invalid_mapping", words))
        elif name == "id":
            self._fields = {**self._fields, "id": self._api.shape.facets["id"]}

    def _with_defaults(
        self, found: Sequence[Entry], defaults: Mapping[str, str]
    ) -> Iterator[Entry]:
        """The entries, with what a blank stands for; those that have no source too."""
        for entry in found:
            yield replace(entry, default=defaults.get(entry.target, ""))
        known = {entry.target for entry in found}
        alone = {name: it for name, it in defaults.items() if name not in known}
        yield from self._said(alone, None)

    def _said(
        self, pairs: Mapping[str, str], columns: Columns | None
    ) -> Iterator[Entry]:
        """The entries that the caller wrote down; texts as they are without columns."""
        for target, text in pairs.items():
            name, _, member = target.partition(".")
            try:
                facet = self._facet(name, member)
                source = self._source(text, columns, facet)
                yield Entry(target, facet, member, self._referring(source, facet))
            except LookupError as error:
                words = error.args[0]
                self._faults.append(FieldError(target, "invalid_mapping", words))

    def _facet(self, name: str, member: str) -> Facet:
        facet = self._fields.get(name)
        if facet is None:
            offered = ", ".join(self._fields)
            raise LookupError(
                Words(
                    "'{name}' cannot be imported; these can: {offered}.",
                    name=name,
                    offered=offered,
                )
            )
        if member and facet.cast != JSON:
            raise LookupError(
                Words("'{name}' is no JSON field, it has no members.", name=name)
            )
        return facet

    def _referring(self, source: Source, facet: Facet) -> Source:
        """A reference is looked up, unless the caller says by what."""
        if facet.field.target is None or source.lookup is not None or source.as_json:
            return source
        lookup = lookup_of(self._ctx, self._find, facet)
        return replace(source, lookup=lookup)

    def _source(self, text: str, columns: Columns | None, facet: Facet) -> Source:
        if columns is None:
            return Source(lambda _: text)
        if text in columns:
            return _column(text, columns)
        if text.startswith("json:"):
            inner = self._source(text.removeprefix("json:"), columns, facet)
            return Source(inner.read, inner.columns, as_json=True)
        if found := LOOKUP.fullmatch(text):
            lookup = lookup_by(self._ctx, self._find, facet, found[1], found[2])
            inner = self._source(found[3], columns, facet)
            return Source(inner.read, inner.columns, lookup=lookup)
        return _template(text, columns) if "{" in text else _column(text, columns)

    def _same_names(
        self, columns: Columns, found: Sequence[Entry], skip: Sequence[str]
    ) -> Iterator[Entry]:
        """Columns that nobody mentioned, for the fields that bear their names.

        Only fields that a caller may create: history is never imported by accident.
        """
        taken, used = {_taken(it) for it in found}, {*_used(found), *skip}
        added = names_of_added(self._ctx, self._api.writer)
        for column, name in proposals(self._api, columns.names, added).items():
            head, _, member = name.partition(".")
            if column not in used and head in self._fields and name not in taken:
                taken.add(name)
                facet = self._fields[head]
                source = self._referring(_column(column, columns), facet)
                yield Entry(name, facet, member, source)

    def _check_unused(
        self, columns: Columns, found: Sequence[Entry], skip: Sequence[str]
    ) -> None:
        used = {*_used(found), *skip}
        unused = [
            name
            for name in columns.names
            if name not in used and not told_only(self._api, name)
        ]
        if unused:
            words = Words(
                "Nothing takes these columns: {names}.", names=", ".join(unused)
            )
            self._faults.append(FieldError("mapping", "unknown_column", words))

    def _check_clashes(self, found: Sequence[Entry]) -> None:
        targets = [entry.target for entry in found]
        for entry in found:
            twice = targets.count(entry.target) > 1
            if twice or (entry.member and entry.facet.name in targets):
                words = Words("'{name}' has two sources.", name=entry.target)
                self._faults.append(FieldError(entry.target, "invalid_mapping", words))

    def _check_key(self, key: Iterable[str], found: Sequence[Entry]) -> None:
        targets = {entry.target for entry in found}
        for name in key:
            if name not in targets:
                words = Words("The key '{name}' has no source.", name=name)
                self._faults.append(FieldError("key", "invalid_mapping", words))

    def _check_required(self, found: Sequence[Entry]) -> None:
        wrong = {fault.field for fault in self._faults}
        sourced = {entry.facet.name for entry in found} | wrong
        for name in self._required:
            if name not in sourced:
                words = Words(
                    "The {field} field is required and has no source.", field=name
                )
                self._faults.append(FieldError(name, "required", words))


def importable(ctx: Context, api: ResourceApi) -> tuple[Facet, ...]:
    """The fields that this actor may import.

    Those are what a caller may create. History has more: orders that are done have a
    state and a time that only actions write. Who may ``manage`` the resource may
    therefore import its read-only fields as well, if the mapping names them, and so
    past the state machine; the database's constraints still hold. What is withheld
    from the actor is no field to import.
    """
    shape, withheld = api.shape, api.writer.masking.of(ctx.actor).freeze
    if ctx.actor.may(f"{api.resource.name}.manage"):
        kept = [it for it in shape.facets.values() if it.name not in KERNEL_OWN]
    else:
        kept = list(shape.creatable)
    return tuple(it for it in kept if it.name not in withheld)


def matchable(api: ResourceApi) -> tuple[str, ...]:
    """The fields by which rows that are there can be found: as declared, or all."""
    return ("id", *(api.resource.match or unique_fields(api)))


def proposals(
    api: ResourceApi, names: Sequence[str], added: Mapping[str, str] = NOTHING
) -> dict[str, str]:
    """The field that each column probably is, by its name or an alias of it.

    A reference is meant by ``asset`` as by ``asset_id``. No field is proposed twice.
    ``added`` are the names of fields that the tenant added.
    """
    known: dict[str, str] = dict(added)
    for name, said in api.resource.aliases.items():
        known.update({plain(alias): name for alias in said})
    for facet in api.shape.creatable:
        if facet.field.target is not None:
            known[plain(facet.name.removesuffix("_id"))] = facet.name
    known.update({plain(it.name): it.name for it in api.shape.creatable})
    known["id"] = "id"
    found: dict[str, str] = {}
    for exact in (True, False):
        for column in names:
            field = known.get(plain(column))
            if field is None or field in found.values():
                continue
            if not exact or plain(field) == plain(column):
                found.setdefault(column, field)
    return found


def told_only(api: ResourceApi, column: str) -> bool:
    """Whether a column of an export tells what no import could change."""
    name, dot, _ = column.partition(".")
    if dot:
        return f"{name}_id" in api.shape.facets
    return name == "type" or name in KERNEL_OWN


def _taken(entry: Entry) -> str:
    """What no other column is for: a member of a document, or a whole field."""
    custom = entry.facet.field.merged and entry.member
    return entry.target if custom else entry.facet.name


def _used(found: Iterable[Entry]) -> set[str]:
    return {name for entry in found for name in entry.source.columns}


def _column(name: str, columns: Columns) -> Source:
    """The column of that name; raises ``LookupError``."""
    found, read = columns.reading(name)
    return Source(read, frozenset({found}))


def _template(text: str, columns: Columns) -> Source:
    """Text with columns in braces; not ``str.format``, which reaches attributes."""
    parts = COLUMN.split(text)
    if len(parts) == 1:
        raise LookupError(Words("The braces in '{text}' name no column.", text=text))
    sources = [_column(name, columns) for name in parts[1::2]]
    fixed, first = parts[::2], parts[0]

    def read(cells: Cells) -> str:
        values = [source.read(cells) for source in sources]
        if not all(values):
            return ""
        pairs = zip(values, fixed[1:], strict=True)
        return first + "".join(f"{value}{text}" for value, text in pairs)

    return Source(read, frozenset().union(*(it.columns for it in sources)))
