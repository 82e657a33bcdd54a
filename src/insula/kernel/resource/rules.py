"""Rules: invariants over several fields, which PostgreSQL keeps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Date,
    Index,
    Table,
    TextClause,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute

from insula.kernel.database.model import LIVE, short_name, sql_text

Attribute = InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Rule(ABC):
    """An invariant that PostgreSQL keeps, and the field error that its breach becomes."""

    fields: tuple[Attribute, ...]
    code: str

    @abstractmethod
    def apply(self, table: Table) -> str:
        """Add the constraint to the table; returns its name."""


@dataclass(frozen=True)
class Unique(Rule):
    """No two rows of a tenant agree in all these fields, of those that ``where`` means.

    Where a merge brings a second one, the row that arrives ``yields``: its fields get
    these values. Without them it does not come along.
    """

    where: ColumnElement[bool] | None = None
    yields: Mapping[Attribute, Any] = field(default_factory=dict)

    def __init__(
        self,
        *fields: Attribute,
        code: str = "taken",
        where: ColumnElement[bool] | None = None,
        yields: Mapping[Attribute, bool | int | None] | None = None,
    ) -> None:
        """Name the fields that are unique together, and the code of a clash."""
        super().__init__(fields, code)
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "yields", dict(yields or {}))

    def apply(self, table: Table) -> str:
        """Add a unique index that starts with the tenant and skips deleted rows."""
        names = [attribute.key for attribute in self.fields]
        some = [] if self.where is None else ["where"]
        name = short_name("uq", table.name, *names, *some)
        where = _living(table, self.where)
        columns = [table.c.tenant_id, *(table.c[key] for key in names)]
        Index(name, *columns, unique=True, postgresql_where=where)
        return name


@dataclass(frozen=True)
class Check(Rule):
    """A condition that every row meets."""

    name: str
    condition: ColumnElement[bool]

    def __init__(
        self,
        name: str,
        condition: ColumnElement[bool],
        *,
        field: Attribute,
        code: str,
    ) -> None:
        """Name the condition; its breach is told as an error of ``field``."""
        super().__init__((field,), code)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "condition", condition)

    def apply(self, table: Table) -> str:
        """Add a CHECK; the condition is compiled to text, as migrations need it."""
        name = short_name("ck", table.name, self.name)
        table.append_constraint(CheckConstraint(sql_text(self.condition), name=name))
        return name


def _living(
    table: Table, where: ColumnElement[bool] | None = None
) -> TextClause | None:
    """A condition for an index or an exclusion: rows of the trash are in nobody's way."""
    parts = [LIVE] if "deleted_at" in table.columns else []
    parts += [] if where is None else [f"({sql_text(where)})"]
    return text(" AND ".join(parts)) if parts else None


@dataclass(frozen=True)
class Exclude(Rule):
    """No two rows for which every one of these comparisons holds.

    ``Exclude((Booking.room_id, "="), (Booking.floor, "<>"), code="one_floor")``.
    """

    pairs: tuple[tuple[Attribute | str, str], ...] = ()
    where: ColumnElement[bool] | None = None

    def __init__(
        self,
        *pairs: tuple[Attribute | str, str],
        code: str,
        field: Attribute | None = None,
        where: ColumnElement[bool] | None = None,
    ) -> None:
        """Pairs of a field, or an expression of ours, and an operator of GiST.

        A clash is told as an error of ``field``, else of all that are compared.
        """
        named = tuple(it for it, _ in pairs if not isinstance(it, str))
        super().__init__(named if field is None else (field,), code)
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "where", where)

    def apply(self, table: Table) -> str:
        """Add an exclusion constraint that starts with the tenant."""
        name = short_name("ex", table.name, self.code)
        compared = [
            (text(it) if isinstance(it, str) else table.c[it.key], operator)
            for it, operator in self.pairs
        ]
        table.append_constraint(
            postgresql.ExcludeConstraint(
                (table.c.tenant_id, "="),
                *compared,
                name=name,
                where=_living(table, self.where),
            )
        )
        return name


@dataclass(frozen=True)
class NoOverlap(Rule):
    """Rows that agree in ``fields`` never overlap in the time from start to end.

    Between dates, both the first and the last day count.
    """

    start: Attribute
    end: Attribute

    def __init__(
        self,
        *fields: Attribute,
        start: Attribute,
        end: Attribute,
        code: str = "overlap",
    ) -> None:
        """Name what must agree, and the two times or dates; an open end is NULL."""
        super().__init__(fields, code)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)

    def apply(self, table: Table) -> str:
        """Add an exclusion constraint that starts with the tenant."""
        name = short_name("ex", table.name, *(field.key for field in self.fields))
        span = text(_span(table, self.start.key, self.end.key))
        equal = [(table.c[field.key], "=") for field in self.fields]
        table.append_constraint(
            postgresql.ExcludeConstraint(
                (table.c.tenant_id, "="),
                *equal,
                (span, "&&"),
                name=name,
                where=_living(table),
            )
        )
        return name


def _span(table: Table, start: str, end: str) -> str:
    if isinstance(table.c[start].type, Date):
        return f"daterange({start}, {end}, '[]')"
    return f"tstzrange({start}, {end})"
