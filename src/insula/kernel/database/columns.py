"""Columns: what a model says about each of its fields, in types that mypy checks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar, overload
from uuid import UUID

from pydantic import AfterValidator
from sqlalchemy import (
    CHAR,
    BigInteger,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Enum,
    String,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from insula.kernel.database.sequences import Sequence as NumberSequence
from insula.kernel.foundation.currencies import known_currency
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Expression = Callable[[Mapping[str, Column[Any]]], ColumnElement[Any]]
"""What a computed column is worked out from: its row's other columns."""


class OnDelete(StrEnum):
    """What becomes of a reference when the row that it points at is purged."""

    restrict = "RESTRICT"
    """That row stays as long as it is pointed at."""
    set_null = "SET NULL"
    cascade = "CASCADE"


class Holds(StrEnum):
    """What a column holds of people (D10): export, erasure and merge follow it."""

    nothing = "nothing"
    """Never anything that tells of a person."""
    name = "name"
    email = "email"
    phone = "phone"
    address = "address"
    birth = "birth"
    network = "network"
    """An IP address, a user agent, a device."""
    text = "text"
    """Free text or a document, in which people may be mentioned."""
    secret = "secret"  # noqa: S105  # a kind of content
    """A credential, hashed or sealed: never exported, dies with its person."""


class Missing:
    """The absence of a default, where None is a value."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Field:
    """What the kernel knows of a column beyond its type."""

    default: object = MISSING
    unique: bool = False
    holds: Holds | None = None
    read_only: bool = False
    immutable: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    moves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target: str | None = None
    part_of: bool = False
    read: str | None = None
    """The permission without which the field is not shown."""
    write: str | None = None
    """The permission without which no caller sets the field."""
    on_delete: OnDelete = OnDelete.restrict
    guards: Mapping[str, str] = field(default_factory=dict)
    """By state, the permission without which nobody brings a row there."""
    announced: tuple[str, ...] = ()
    """The states whose being reached is an event of its own."""
    frozen_in: tuple[StrEnum, ...] = ()
    """The states of the row in which the field stays as it is."""
    currency: str | None = None
    """Of an amount of money: the field that says of which currency."""
    sequence: NumberSequence | None = None
    """Where the field's numbers come from."""
    ordered_within: str | None = None
    """Of a rank: the field that rows have in common which are in one order, or ''."""
    computed: Expression | None = None
    link: bool = False
    """Whether it is a soft reference to a row of any app."""
    merged: bool = False
    """Of a document: whether a change says its members alone that change."""
    slot: bool = False
    """Whether it is a key by which rows are found that no caller ever sees."""

    @property
    def required(self) -> bool:
        """Whether a caller who creates a row must send this field."""
        return isinstance(self.default, Missing)

    @property
    def derived(self) -> bool:
        """Whether PostgreSQL gives the value, so that an INSERT must answer it."""
        counted = self.sequence is not None and self.sequence.gapless
        return counted or self.computed is not None


FIELD = "insula"
"""The key under which a column's ``info`` keeps its ``Field``."""
KIND = "insula.kind"
"""The key under which an ``Annotated`` type says what holds for all of its columns."""


def spec(column_info: Mapping[Any, Any]) -> Field:
    """The declared ``Field`` of a column, or that of a plain ``Mapped[...]``."""
    found = column_info.get(FIELD)
    declared = found if isinstance(found, Field) else Field()
    kind = column_info.get(KIND)
    if kind is None:
        return declared
    silent = {name: it for name, it in kind.items() if not getattr(declared, name)}
    return replace(declared, **silent)


def mapped_as(declared: Field, *types: Any, init: bool, **kwargs: Any) -> Any:
    """A mapped column with what is declared of it."""
    info = {FIELD: declared}
    if not init:
        kwargs["init"] = False
    if not isinstance(declared.default, Missing):
        mutable = isinstance(declared.default, dict | list)
        key = "default_factory" if mutable else "default"
        value = type(declared.default) if mutable else declared.default
        kwargs[key] = value
    return mapped_column(*types, info=info, **kwargs)


@overload
def column(
    *,
    default: T,
    unique: bool = ...,
    holds: Holds = ...,
    read_only: bool = ...,
    immutable: bool = ...,
    min: int | None = ...,
    max: int | None = ...,
    read: str = ...,
    write: str = ...,
    frozen_in: tuple[StrEnum, ...] = ...,
    on_delete: OnDelete = ...,
    merged: bool = ...,
    init: bool = ...,
) -> Mapped[T]: ...
@overload
def column(
    *,
    unique: bool = ...,
    holds: Holds = ...,
    read_only: bool = ...,
    immutable: bool = ...,
    min: int | None = ...,
    max: int | None = ...,
    read: str = ...,
    write: str = ...,
    frozen_in: tuple[StrEnum, ...] = ...,
    on_delete: OnDelete = ...,
    init: bool = ...,
) -> Mapped[Any]: ...
def column(*, default: Any = MISSING, init: bool = True, **rules: Any) -> Any:
    """Declare a field; what it may hold is said once, here and in its type.

    ``read_only`` fields are never taken from a caller, ``immutable`` ones only when
    the row is made. ``min`` and ``max`` bound numbers, inclusively, and are kept by
    a CHECK in the database as well. ``read`` and ``write`` are permissions that the
    field asks for beyond those of its resource: without the first it does not exist
    for a caller, without the second it cannot be set. ``frozen_in`` are states of the
    row in which nobody changes the field any more, not even an action. ``on_delete``
    is for references by type, such as ``ContactRef``.
    """
    rules["minimum"], rules["maximum"] = rules.pop("min", None), rules.pop("max", None)
    return mapped_as(Field(default=default, **rules), init=init)


def state(
    default: E,
    moves: Mapping[E, Sequence[E]],
    *,
    guards: Mapping[E, str] | None = None,
    announced: Sequence[E] = (),
    init: Literal[False] = False,
) -> Mapped[E]:
    """Declare a state machine: where rows begin and which moves there are.

    No caller writes a state; it changes through ``Context.move`` alone, which
    refuses what is not declared here, and who lacks the permission that ``guards``
    asks for a state. States without moves are final. Reaching one of ``announced``
    is an event of its own, ``crm.deal.won``.
    """
    declared = Field(
        default=default,
        read_only=True,
        choices=tuple(type(default)),
        moves={source: tuple(targets) for source, targets in moves.items()},
        guards={str(target): needed for target, needed in (guards or {}).items()},
        announced=tuple(announced),
    )
    return mapped_as(declared, init=init)  # type: ignore[no-any-return]  # mapped_column is untyped here


@overload
def ref(
    target: str,
    *,
    part_of: bool = ...,
    immutable: bool = ...,
    on_delete: OnDelete = ...,
    frozen_in: tuple[StrEnum, ...] = ...,
) -> Mapped[UUID]: ...
@overload
def ref(
    target: str,
    *,
    default: None,
    immutable: bool = ...,
    read_only: bool = ...,
    on_delete: OnDelete = ...,
    frozen_in: tuple[StrEnum, ...] = ...,
) -> Mapped[UUID | None]: ...
def ref(
    target: str,
    *,
    default: Any = MISSING,
    part_of: bool = False,
    immutable: bool = False,
    **rules: Any,
) -> Any:
    """Point at a row of ``app.resource`` (table ``app_resource``) of the same tenant.

    ``part_of`` rows belong to their parent: they are deleted with it, and may not
    change parents. Others keep what they point at from being purged, or as
    ``on_delete`` says.
    """
    if part_of:
        rules["on_delete"] = OnDelete.cascade
    declared = Field(
        default=default,
        target=target.replace(".", "_"),
        part_of=part_of,
        immutable=immutable or part_of,
        **rules,
    )
    return mapped_as(declared, Uuid, init=True)


def maker() -> Mapped[UUID | None]:
    """Who made the row, as ``created_by``; the kernel fills it, and no caller does."""
    info = {FIELD: Field(default=None, read_only=True)}
    return mapped_column(Uuid, default=None, init=False, info=info)


def holding(what: Holds) -> dict[str, Any]:
    """The ``info`` of a plain ``mapped_column`` that says what it holds of people."""
    return {FIELD: Field(holds=what)}


def made(factory: Any, *types: Any, init: Literal[False] = False, **kwargs: Any) -> Any:
    """A column that the kernel fills when the row is constructed."""
    return mapped_column(
        *types,
        default_factory=factory,
        init=init,
        info={FIELD: Field(default=None, read_only=True)},
        **kwargs,
    )


LINK = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def link_text(text: str) -> str:
    """A link as it is kept; raises ``ValueError`` for what is none."""
    name, _, key = text.partition(":")
    row_id = parse_uuid(key)
    if row_id is None or not LINK.fullmatch(name):
        raise ValueError(Words("write it as app.resources:id"))
    return f"{name}:{row_id}"


ShortText = Annotated[str, mapped_column(String(255))]
LongText = Annotated[str, mapped_column(Text)]
Code = Annotated[str, mapped_column(String(64))]
Email = Annotated[str, mapped_column(String(255))]
Currency = Annotated[
    str,
    mapped_column(CHAR(3), info={KIND: {"holds": Holds.nothing}}),
    AfterValidator(known_currency),
]
"""A code of ISO 4217."""
Link = Annotated[
    str,
    mapped_column(String(160), info={KIND: {"link": True, "holds": Holds.nothing}}),
    AfterValidator(link_text),
]
"""Where a row of any app is, ``crm.deals:<id>``, which may be gone meanwhile."""
ContactRef = Annotated[
    UUID, mapped_column(Uuid, info={KIND: {"target": "people_contacts"}})
]
"""A person or company of the base app ``people``, which every tenant has."""
BigInt = Annotated[int, mapped_column(BigInteger)]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]
TextList = Annotated[list[str], mapped_column(JSONB)]

TYPES: dict[Any, Any] = {
    datetime: DateTime(timezone=True),
    date: Date(),
    UUID: Uuid(),
    int: BigInteger(),
    float: Double(),
    StrEnum: Enum(
        StrEnum,
        native_enum=False,
        length=32,
        create_constraint=False,
        values_callable=lambda members: [member.value for member in members],
    ),
}

__all__ = [
    "TYPES",
    "BigInt",
    "Code",
    "ContactRef",
    "Currency",
    "Email",
    "Field",
    "Holds",
    "Json",
    "Link",
    "LongText",
    "Mapped",
    "MappedColumn",
    "Missing",
    "OnDelete",
    "ShortText",
    "TextList",
    "column",
    "holding",
    "made",
    "maker",
    "ref",
    "spec",
    "state",
]
