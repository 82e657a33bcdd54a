"""Shapes: a model's fields as the API sees them, worked out once when it loads."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import AfterValidator, AwareDatetime
from pydantic import Field as Bound
from pydantic_core import PydanticCustomError
from sqlalchemy import (
    CHAR,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Integer,
    String,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedColumn
from sqlalchemy.sql.elements import KeyedColumnElement

from insula.kernel.database.columns import Field, spec
from insula.kernel.database.model import TenantRow

INTERNAL = frozenset({"tenant_id", "deleted_at"})
"""Columns that no caller ever sees."""

CASTS: tuple[tuple[type[Any], str], ...] = (
    (Uuid, "uuid"),
    (JSONB, "text::jsonb"),
    (CHAR, "bpchar"),
    (String, "varchar"),
    (BigInteger, "bigint"),
    (Integer, "integer"),
    (Double, "double precision"),
    (Boolean, "boolean"),
    (DateTime, "timestamptz"),
    (Date, "date"),
)


def _in_utc(moment: datetime) -> datetime:
    """The moment as it will be read again; near the calendar's ends UTC has it not."""
    if not 1 < moment.year < 9999:
        words = "the year is from 2 to 9998"
        raise PydanticCustomError("moment_out_of_range", words)
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


@dataclass(frozen=True, slots=True)
class Facet:
    """One field: its name, its PostgreSQL cast, and what may be in it."""

    name: str
    cast: str
    annotation: Any
    nullable: bool
    field: Field
    bind: Callable[[Any], Any] | None
    load: Callable[[Any], Any] | None
    sought: Callable[[str, Any], str] | None = None
    """For what stands in other tables: an operator, and what hands out parameters, as a
    condition on the row ``c``."""

    def bound(self, value: Any) -> Any:
        """The value as the driver takes it."""
        return value if self.bind is None or value is None else self.bind(value)

    def loaded(self, value: Any) -> Any:
        """The value as an object of the model holds it."""
        return value if self.load is None or value is None else self.load(value)


class Shape:
    """All facets of a model, and which of them are read, made and changed."""

    def __init__(self, model: type[TenantRow], hidden: frozenset[str]) -> None:
        hints = get_type_hints(model, include_extras=True)
        table = model.__table__
        every = [_facet(it, hints[it.name]) for it in table.columns]
        self.model = model
        self.facets: Mapping[str, Facet] = {facet.name: facet for facet in every}
        self.stored = tuple(it for it in every if it.name != "tenant_id")
        self.readable = tuple(
            it
            for it in every
            if it.name not in INTERNAL and it.name not in hidden and not it.field.slot
        )
        self.slots = tuple(it.name for it in every if it.field.slot)
        self.written = tuple(it for it in self.stored if it.field.computed is None)
        self.derived = tuple(it for it in self.stored if it.field.derived)
        self.ranks = tuple(
            it.name for it in every if it.field.ordered_within is not None
        )
        self.frozen = dict(_frozen(every))
        self.links = tuple(it.name for it in every if it.field.link)
        self.creatable = tuple(it for it in every if not it.field.read_only)
        self.changeable = tuple(it for it in self.creatable if not it.field.immutable)
        self.trashable = "deleted_at" in self.facets


def _frozen(facets: Iterable[Facet]) -> Iterator[tuple[str, tuple[str, str]]]:
    """By field: the machine that freezes it, and in which states, as SQL."""
    machines = {it.load: it.name for it in facets if it.field.moves}
    for facet in facets:
        if states := facet.field.frozen_in:
            machine = machines.get(type(states[0]))
            if machine is None:
                raise TypeError(f"{facet.name} is frozen in states of no machine")
            values = ", ".join(f"'{state.value}'" for state in states)
            yield facet.name, (machine, values)


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _json_value(value: msgspec.Raw) -> Any:
    return msgspec.json.decode(value)


def _facet(column: KeyedColumnElement[Any], hint: Any) -> Facet:
    kind = column.type
    cast = next(name for known, name in CASTS if isinstance(kind, known))
    enum = kind.enum_class if isinstance(kind, Enum) else None
    is_json = isinstance(kind, JSONB)
    return Facet(
        name=column.name,
        cast=cast,
        annotation=_annotation(column, hint),
        nullable=bool(column.nullable),
        field=spec(column.info),
        bind=_json_text if is_json else None,
        load=_json_value if is_json else enum,
    )


def _unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type under ``Mapped``, ``| None`` and ``Annotated``, and its marks."""
    marks: tuple[Any, ...] = ()
    while True:
        origin = get_origin(hint)
        if origin is Mapped:
            (hint,) = get_args(hint)
        elif origin is Annotated:
            hint, *found = get_args(hint)
            marks += tuple(it for it in found if not isinstance(it, MappedColumn))
        elif origin in (Union, UnionType):
            (hint,) = (part for part in get_args(hint) if part is not NoneType)
        else:
            return hint, marks


def _annotation(column: KeyedColumnElement[Any], hint: Any) -> Any:
    bare, marks = _unwrap(hint)
    declared = spec(column.info)
    if bare is datetime:
        bare = Moment
    elif bare is int:
        low = -(2**63) if declared.minimum is None else declared.minimum
        high = 2**63 - 1 if declared.maximum is None else declared.maximum
        marks = (Bound(ge=low, le=high), *marks)
    elif bare is str:
        length = getattr(column.type, "length", None)
        marks = (Bound(min_length=1, max_length=length), *marks)
    if marks:
        bare = Annotated[(bare, *marks)]
    return bare | None if column.nullable else bare
