"""Columns: what a model says about each of its fields, in types that mypy checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar, overload
from uuid import UUID

from sqlalchemy import (
    CHAR,
    BigInteger,
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

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


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

    @property
    def required(self) -> bool:
        """Whether a caller who creates a row must send this field."""
        return isinstance(self.default, Missing)


FIELD = "insula"
"""The key under which a column's ``info`` keeps its ``Field``."""


def spec(column_info: Mapping[Any, Any]) -> Field:
    """The declared ``Field`` of a column, or that of a plain ``Mapped[...]``."""
    found = column_info.get(FIELD)
    return found if isinstance(found, Field) else Field()


def _mapped(declared: Field, *types: Any, init: bool, **kwargs: Any) -> Any:
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
    init: bool = ...,
) -> Mapped[Any]: ...
def column(*, default: Any = MISSING, init: bool = True, **rules: Any) -> Any:
    """Declare a field; what it may hold is said once, here and in its type.

    ``read_only`` fields are never taken from a caller, ``immutable`` ones only when
    the row is made. ``min`` and ``max`` bound numbers, inclusively, and are kept by
    a CHECK in the database as well. ``read`` and ``write`` are permissions that the
    field asks for beyond those of its resource: without the first it does not exist
    for a caller, without the second it cannot be set.
    """
    rules["minimum"], rules["maximum"] = rules.pop("min", None), rules.pop("max", None)
    return _mapped(Field(default=default, **rules), init=init)


def state(
    default: E, moves: Mapping[E, Sequence[E]], *, init: Literal[False] = False
) -> Mapped[E]:
    """Declare a state machine: where rows begin and which moves there are.

    No caller writes a state; it changes through ``Context.move`` alone, which
    refuses what is not declared here.
    """
    declared = Field(
        default=default,
        read_only=True,
        choices=tuple(type(default)),
        moves={source: tuple(targets) for source, targets in moves.items()},
    )
    return _mapped(declared, init=init)  # type: ignore[no-any-return]  # mapped_column is untyped here


@overload
def ref(target: str, *, part_of: bool = ..., immutable: bool = ...) -> Mapped[UUID]: ...
@overload
def ref(
    target: str, *, default: None, immutable: bool = ...
) -> Mapped[UUID | None]: ...
def ref(
    target: str,
    *,
    default: Any = MISSING,
    part_of: bool = False,
    immutable: bool = False,
) -> Any:
    """Point at a row of ``app.resource`` (table ``app_resource``) of the same tenant.

    ``part_of`` rows belong to their parent: they are deleted with it, and may not
    change parents.
    """
    declared = Field(
        default=default,
        target=target.replace(".", "_"),
        part_of=part_of,
        immutable=immutable or part_of,
    )
    return _mapped(declared, Uuid, init=True)


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


ShortText = Annotated[str, mapped_column(String(255))]
LongText = Annotated[str, mapped_column(Text)]
Code = Annotated[str, mapped_column(String(64))]
Email = Annotated[str, mapped_column(String(255))]
Currency = Annotated[str, mapped_column(CHAR(3))]
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
    "Currency",
    "Email",
    "Field",
    "Holds",
    "Json",
    "LongText",
    "Mapped",
    "MappedColumn",
    "Missing",
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
