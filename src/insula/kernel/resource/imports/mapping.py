"""Mapping: which column of a file becomes which field, said by the caller or by name.

A source is one of

- ``machineID``: the column of that name;
- ``Machine {machineID}``: a template; it is empty when one of its columns is;
- ``@tag:machineID``: the row of the referenced resource whose unique field ``tag``
  has this value (``@maintenance.assets.tag:machineID`` says the resource, too);
- ``json:age``: the column read as JSON, so that ``18`` becomes a number.

The part after a ``:`` is a source again. A target is a field, or a member of a JSON
field: ``custom.age``. Columns that nothing mentions become the field of the same name,
and a column that becomes nothing is refused unless the caller says to ignore it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Denied, FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.shape import Facet

Find = Callable[[str], ResourceApi]
"""Finds ``app.resources`` among all registered; raises ``LookupError``."""
Cells = Sequence[str]
JSON = "text::jsonb"
KERNEL_OWN = frozenset(
    {"tenant_id", "id", "version", "created_at", "updated_at", "deleted_at"}
)
"""What the kernel gives a row when it is made; no import says otherwise."""
COLUMN = re.compile(r"\{([^{}]+)\}")
LOOKUP = re.compile(r"@(?:([a-z0-9_]+\.[a-z0-9_]+)\.)?([a-z0-9_]+):(.+)", re.DOTALL)
NOISE = re.compile(r"[\s_\-]+")
ENCODING = (
    r"^(utf-8|utf-16|cp125[0-8]|iso-8859-([1-9]|1[013-6])|mac-roman|koi8-r"
    r"|shift_jis|euc-jp|euc-kr|gb18030|big5)$"
)


class Instructions(BaseModel):
    """How the columns of a file become the fields of a resource.

    ``map`` says the source of each target, ``set`` the same text for every row.
    ``key`` names the targets that tell one row from another (see ``identity``).
    Moments without an offset are of ``time_zone``; they are written as ISO 8601
    says, or in ``time_format`` (that of ``strptime``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: dict[str, str] = {}
    set: dict[str, str] = {}
    key: tuple[str, ...] = ()
    ignore_unknown: bool = False
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    time_format: Annotated[str | None, Field(max_length=64)] = None
    encoding: Annotated[str | None, Field(pattern=ENCODING)] = None
    delimiter: Literal[",", ";", "\t", "|", None] = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A reference that a row gives by a unique field of what it refers to."""

    api: ResourceApi
    facet: Facet


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from, and how its text is to be understood."""

    read: Callable[[Cells], str]
    columns: frozenset[str] = frozenset()
    as_json: bool = False
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One target, and its source."""

    target: str
    facet: Facet
    member: str
    source: Source


class Columns:
    """The columns of a file, found by name; case, spaces and underscores are noise."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._places = {name: at for at, name in enumerate(names)}
        self._plain: dict[str, list[str]] = {}
        for name in names:
            self._plain.setdefault(plain(name), []).append(name)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def source(self, name: str) -> Source:
        """The column of that name; raises ``LookupError``."""
        alike = [name] if name in self._places else self._plain.get(plain(name), [])
        if len(alike) != 1:
            raise LookupError(Words("The file has no column '{name}'.", name=name))
        at = self._places[alike[0]]
        return Source(lambda cells: cells[at], frozenset(alike))


def plain(name: str) -> str:
    """A name without what people write differently."""
    return NOISE.sub("", name).casefold()


class Mapper:
    """Works out the entries of one import; all that is wrong is told at once."""

    def __init__(self, ctx: Context, api: ResourceApi, find: Find) -> None:
        self._ctx, self._find = ctx, find
        self._fields = {facet.name: facet for facet in importable(ctx, api)}
        self._required = [
            facet.name
            for facet in api.shape.facets.values()
            if facet.field.required and facet.name not in KERNEL_OWN
        ]
        self._by_name = {
            plain(it.name): it.name
            for it in api.shape.creatable
            if it.name in self._fields
        }
        self._faults: list[FieldError] = []

    def entries(
        self, instructions: Instructions, names: Sequence[str]
    ) -> tuple[Entry, ...]:
        """Every target and its source; raises ``Invalid`` or ``Denied``."""
        columns = Columns(names)
        found = [
            *self._said(instructions.map, columns),
            *self._said(instructions.set, None),
        ]
        found += self._same_names(columns, found)
        if not instructions.ignore_unknown:
            self._check_unused(columns, found)
        self._check_clashes(found)
        self._check_key(instructions.key, found)
        self._check_required(found)
        if self._faults:
            raise Invalid(*self._faults)
        return tuple(found)

    def _said(
        self, pairs: Mapping[str, str], columns: Columns | None
    ) -> Iterator[Entry]:
        """The entries that the caller wrote down; texts as they are without columns."""
        for target, text in pairs.items():
            name, _, member = target.partition(".")
            try:
                facet = self._facet(name, member)
                yield Entry(target, facet, member, self._source(text, columns, facet))
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

    def _source(self, text: str, columns: Columns | None, facet: Facet) -> Source:
        if columns is None:
            return Source(lambda _: text)
        if text in columns:
            return columns.source(text)
        if text.startswith("json:"):
            inner = self._source(text.removeprefix("json:"), columns, facet)
            return Source(inner.read, inner.columns, as_json=True)
        if found := LOOKUP.fullmatch(text):
            lookup = self._lookup(found[1], found[2], facet)
            inner = self._source(found[3], columns, facet)
            return Source(inner.read, inner.columns, lookup=lookup)
        return _template(text, columns) if "{" in text else columns.source(text)

    def _lookup(self, named: str | None, field: str, facet: Facet) -> Lookup:
        referenced = (facet.field.target or "").replace("_", ".", 1)
        if named not in (None, referenced):
            raise LookupError(
                Words(
                    "'{name}' does not refer to {target}.",
                    name=facet.name,
                    target=named,
                )
            )
        try:
            api = self._find(referenced)
        except LookupError:
            raise LookupError(
                Words("'{name}' refers to no resource.", name=facet.name)
            ) from None
        if not self._ctx.actor.may(f"{referenced}.read"):
            raise Denied
        hidden = api.writer.masking.of(self._ctx.actor).hide
        known = {it.name: it for it in api.shape.readable if it.name not in hidden}
        unique = {
            tuple(column.name for column in index.columns)
            for index in api.resource.table.indexes
            if index.unique
        }
        if field not in known or ("tenant_id", field) not in unique:
            raise LookupError(
                Words(
                    "'{name}' is no unique field of {target}.",
                    name=field,
                    target=referenced,
                )
            )
        return Lookup(api, known[field])

    def _same_names(self, columns: Columns, found: Sequence[Entry]) -> Iterator[Entry]:
        """Columns that nobody mentioned, for the fields that bear their names.

        Only fields that a caller may create: history is never imported by accident.
        """
        taken, used = {it.facet.name for it in found}, _used(found)
        for column in columns.names:
            name = self._by_name.get(plain(column))
            if column not in used and name is not None and name not in taken:
                taken.add(name)
                source = columns.source(column)
                yield Entry(name, self._fields[name], "", source)

    def _check_unused(self, columns: Columns, found: Sequence[Entry]) -> None:
        used = _used(found)
        unused = [name for name in columns.names if name not in used]
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


def _used(found: Iterable[Entry]) -> set[str]:
    return {name for entry in found for name in entry.source.columns}


def _template(text: str, columns: Columns) -> Source:
    """Text with columns in braces; not ``str.format``, which reaches attributes."""
    parts = COLUMN.split(text)
    if len(parts) == 1:
        raise LookupError(Words("The braces in '{text}' name no column.", text=text))
    sources = [columns.source(name) for name in parts[1::2]]
    fixed, first = parts[::2], parts[0]

    def read(cells: Cells) -> str:
        values = [source.read(cells) for source in sources]
        if not all(values):
            return ""
        pairs = zip(values, fixed[1:], strict=True)
        return first + "".join(value + text for value, text in pairs)

    return Source(read, frozenset().union(*(it.columns for it in sources)))
