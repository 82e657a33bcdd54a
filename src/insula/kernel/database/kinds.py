"""Kinds: columns that the kernel does more for than keep: money, numbers, ranks, results."""

from enum import StrEnum
from typing import Any, Literal, TypeVar, overload

from sqlalchemy import BigInteger, Computed, String
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    FIELD,
    MISSING,
    Expression,
    Field,
    Holds,
    mapped_as,
)
from insula.kernel.database.sequences import Sequence
from insula.kernel.foundation.ranks import LONGEST, fresh_rank

T = TypeVar("T")


@overload
def money(
    *,
    currency: str = ...,
    default: T,
    min: int | None = ...,
    max: int | None = ...,
    frozen_in: tuple[StrEnum, ...] = ...,
) -> Mapped[T]: ...
@overload
def money(
    *,
    currency: str = ...,
    min: int | None = ...,
    max: int | None = ...,
    frozen_in: tuple[StrEnum, ...] = ...,
) -> Mapped[int]: ...
def money(*, currency: str = "currency", default: Any = MISSING, **rules: Any) -> Any:
    """An amount in minor units of what the field ``currency`` says.

    Several amounts may share one currency; none is there without it.
    """
    rules["minimum"], rules["maximum"] = rules.pop("min", None), rules.pop("max", None)
    rules["holds"] = Holds.nothing
    declared = Field(default=default, currency=currency, **rules)
    return mapped_as(declared, BigInteger, init=True)


def numbered(sequence: Sequence, *, init: Literal[False] = False) -> Mapped[int]:
    """A number that the kernel gives each new row, unique in its tenant."""
    declared = Field(
        default=None, read_only=True, sequence=sequence, holds=Holds.nothing
    )
    return mapped_column(
        BigInteger, nullable=False, default=None, init=init, info={FIELD: declared}
    )


def ranked(within: str = "", *, init: Literal[False] = False) -> Mapped[str]:
    """A place in an order that callers give the rows, new ones at the end.

    Rows that agree in the field ``within`` are in one order, or all of a tenant's. A
    resource with such a field has ``POST …/{id}/place``.
    """
    declared = Field(
        default=None, read_only=True, ordered_within=within, holds=Holds.nothing
    )
    return mapped_column(
        String(LONGEST, collation="C"),
        nullable=False,
        default_factory=fresh_rank,
        init=init,
        info={FIELD: declared},
    )


def computed(
    expression: Expression,
    *,
    holds: Holds = Holds.nothing,
    init: Literal[False] = False,
) -> Mapped[Any]:
    """A value that PostgreSQL works out of the row's others, and keeps.

    ``computed(lambda row: row["quantity"] * row["price_minor"])``. It is read and
    filtered by like any, and written by nobody.
    """
    declared = Field(default=None, read_only=True, computed=expression, holds=holds)
    later = Computed("NULL", persisted=True)  # the other columns are not there yet
    return mapped_column(later, default=None, init=init, info={FIELD: declared})
