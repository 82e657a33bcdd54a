"""Personal data: what each column holds of people, and how a person's rows are found.

One registry serves export, erasure and merge (D10). It is read off the models: a column
whose type could hold words or dates says what it holds, or its model does not load.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    DateTime,
    Enum,
    Integer,
    Interval,
    Table,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from insula.kernel.database.columns import Holds, spec

PERSON = "person"
"""The key under which a table's ``info`` says whose rows they are."""

WORDLESS = (Uuid, Boolean, Integer, Enum, DateTime, Interval)
"""Types in which nothing about a person can be written down; they need no word."""


class UndeclaredColumns(TypeError):
    """A model does not say what its columns hold of people, so it does not load."""


class Erasure(StrEnum):
    """What becomes of a person's row when the person is erased (R37)."""

    anonymise = "anonymise"
    """The row stays, and tells of nobody."""
    delete = "delete"


@dataclass(frozen=True, slots=True)
class Subject:
    """Each row of the table is a person: what is personal in it is theirs."""

    keep: str = ""
    """Why the law wants the anonymised row kept; only said in the reference."""


@dataclass(frozen=True, slots=True)
class About:
    """Each row of the table is about the person whose id is in ``column``."""

    column: str
    erasure: Erasure = Erasure.anonymise
    keep: str = ""


def can_hold(kind: TypeEngine[Any]) -> bool:
    """Whether words, dates or places fit into a column of that type."""
    if isinstance(kind, ARRAY):
        return can_hold(kind.item_type)
    return not isinstance(kind, WORDLESS)


def held(column: Column[Any]) -> Holds | None:
    """What a column says it holds, by its word or its type; None: it does not say."""
    declared = spec(column.info)
    if declared.holds is not None:
        return declared.holds
    wordless = declared.choices or not can_hold(column.type)
    return Holds.nothing if wordless else None


def refuse_undeclared(table: str, columns: Iterable[Column[Any]]) -> None:
    """Raise ``UndeclaredColumns`` with every column that does not say what it holds."""
    if silent := [column.name for column in columns if held(column) is None]:
        raise UndeclaredColumns(
            f"{table}: say what is held of people in {', '.join(silent)}, as in"
            " column(holds=Holds.text), or info=holding(Holds.text) of a mapped_column"
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What the registry knows of one table."""

    table: Table
    holds: Mapping[str, Holds]
    person: Subject | About | None
    parents: Mapping[str, str]
    """The columns that name a row's whole (``part_of``), and the tables of those."""
    pointers: tuple[str, ...] = field(default=())
    """The other columns in which the id of a person, or of any row, may stand."""

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def personal(self) -> tuple[str, ...]:
        """The columns that hold something of the row's own person."""
        apart = (Holds.nothing, Holds.text)
        return tuple(name for name, what in self.holds.items() if what not in apart)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of free text, in which anybody may be mentioned."""
        return tuple(name for name, what in self.holds.items() if what is Holds.text)

    @property
    def wordy(self) -> tuple[str, ...]:
        """The columns in which people may be mentioned, or are."""
        return tuple(it for it, what in self.holds.items() if what is not Holds.nothing)

    @property
    def exported(self) -> tuple[str, ...]:
        """The columns that a person gets to read; secrets never are."""
        return tuple(it for it, what in self.holds.items() if what is not Holds.secret)

    @property
    def owner(self) -> str | None:
        """The column with the id of the row's person."""
        match self.person:
            case Subject():
                return "id"
            case About(column):
                return column
            case None:
                return None

    @property
    def goes(self) -> bool:
        """Whether the rows of an erased person are deleted, not anonymised."""
        about = self.person
        return isinstance(about, About) and about.erasure is Erasure.delete


@dataclass(frozen=True, slots=True)
class Registry:
    """Every table of a home, and what it holds of people."""

    entries: Mapping[str, Entry]

    @classmethod
    def of(cls, tables: Iterable[Table]) -> "Registry":
        """Read the registry off the models' tables."""
        ordered = sorted(tables, key=lambda table: table.name)
        return cls({str(table.name): _entry(table) for table in ordered})

    @property
    def subjects(self) -> tuple[Entry, ...]:
        """The tables whose rows are people."""
        return tuple(
            it for it in self.entries.values() if isinstance(it.person, Subject)
        )


def _entry(table: Table) -> Entry:
    holds = {str(it.name): held(it) or Holds.text for it in table.columns}
    declared = {str(it.name): spec(it.info) for it in table.columns}
    parents = {
        name: it.target for name, it in declared.items() if it.part_of and it.target
    }
    own = {"id", "tenant_id", *parents}
    ids = [str(it.name) for it in table.columns if isinstance(it.type, Uuid)]
    pointers = tuple(name for name in ids if name not in own)
    person = table.info.get(PERSON)
    return Entry(table, holds, person, parents, pointers)
