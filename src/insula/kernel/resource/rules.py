"""Rules: invariants over several fields, which PostgreSQL keeps."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, Index, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute

from insula.kernel.database.model import LIVE, short_name

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
    """No two rows of a tenant agree in all these fields."""

    def __init__(self, *fields: Attribute, code: str = "taken") -> None:
        """Name the fields that are unique together, and the code of a clash."""
        super().__init__(fields, code)

    def apply(self, table: Table) -> str:
        """Add a unique index that starts with the tenant and skips deleted rows."""
        names = [attribute.key for attribute in self.fields]
        name = short_name("uq", table.name, *names)
        where = text(LIVE) if "deleted_at" in table.columns else None
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
        compiled = self.condition.compile(
            dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]  # no stubs
            compile_kwargs={"literal_binds": True, "include_table": False},
        )
        table.append_constraint(CheckConstraint(str(compiled), name=name))
        return name


@dataclass(frozen=True)
class NoOverlap(Rule):
    """Rows that agree in ``fields`` never overlap in the time from start to end."""

    start: Attribute
    end: Attribute

    def __init__(
        self,
        *fields: Attribute,
        start: Attribute,
        end: Attribute,
        code: str = "overlap",
    ) -> None:
        """Name what must agree, and the two timestamps; an open end is NULL."""
        super().__init__(fields, code)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)

    def apply(self, table: Table) -> str:
        """Add an exclusion constraint that starts with the tenant."""
        name = short_name("ex", table.name, *(field.key for field in self.fields))
        span = text(f"tstzrange({self.start.key}, {self.end.key})")
        equal = [(table.c[field.key], "=") for field in self.fields]
        table.append_constraint(
            postgresql.ExcludeConstraint(
                (table.c.tenant_id, "="),
                *equal,
                (span, "&&"),
                name=name,
                where=text(LIVE) if "deleted_at" in table.columns else None,
            )
        )
        return name
