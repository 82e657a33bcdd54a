"""Tables as personal data sees them: read in pages, and written where people were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from sqlalchemy import Column, Date, String
from sqlalchemy.dialects.postgresql import JSONB

from insula.kernel.database.columns import Holds, spec
from insula.kernel.database.personal import Entry, Registry
from insula.kernel.database.pool import Record
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.database.walls import APPEND_ONLY
from insula.kernel.foundation.clock import now

PAGE = 200
FIRST = UUID(int=0)
ABOUT = ("resource_id", "subject_id")
"""Columns of which a row's documents speak; their keys are that row's fields."""
NOTES = "erasure_notes"


@dataclass(frozen=True, slots=True)
class Words:
    """A column in which somebody may be mentioned."""

    name: str
    holds: Holds
    is_json: bool
    length: int | None
    unique: bool

    @classmethod
    def of(cls, column: Column[object], holds: Holds) -> "Words":
        """What must be known to write into it."""
        table = column.table
        alone = (it for it in table.indexes if it.unique and column.name in it.columns)
        unique = spec(column.info).unique or any(alone)
        length = getattr(column.type, "length", None)
        is_json = isinstance(column.type, JSONB)
        return cls(column.name, holds, is_json, length, unique)


class People:
    """One table: the statements that read and change what it holds of people."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        columns = entry.table.columns
        self.words = tuple(
            Words.of(columns[name], entry.holds[name])
            for name in entry.wordy
            if isinstance(columns[name].type, String | JSONB)
            and columns[name].computed is None  # it follows from what is rewritten
            and entry.holds[name] is not Holds.secret
        )
        self.ids = tuple(dict.fromkeys(("id", *entry.parents, *entry.pointers)))
        self.append_only = bool(entry.table.info.get(APPEND_ONLY))

    @property
    def name(self) -> str:
        """The table's name."""
        return self.entry.name

    @cached_property
    def page(self) -> Statement:
        """The next rows, by id: their ids, then their words as text."""
        return Statement(f"{self._select} AND id > $2 ORDER BY id LIMIT {PAGE}")

    @cached_property
    def locked(self) -> Statement:
        """Some rows, locked in the order of their ids."""
        return Statement(
            f"{self._select} AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE"
        )

    @property
    def _select(self) -> str:
        listed = [*self.ids, *(f"{it.name}::text" for it in self.words)]
        return (
            f"SELECT {', '.join(listed)} FROM {HOME}.{self.name}"  # noqa: S608  # our names
            " WHERE tenant_id = $1::text::uuid"
        )

    @cached_property
    def rewrite(self) -> Statement:
        """New words for one row; a column that is not given stays as it is."""
        sets = [
            f"{it.name} = COALESCE(${at}::text{'::jsonb' * it.is_json}, {it.name})"
            for at, it in enumerate(self.words, start=4)
        ]
        return self.updating(sets, "id = $2")

    def updating(self, sets: Sequence[str], which: str) -> Statement:
        """Change the rows that ``which`` names; ``$3`` is the present moment."""
        columns = self.entry.table.columns
        # Named where no column takes it, too: a parameter that is not is refused.
        moment = "$3::timestamptz"
        every = list(sets)
        if "version" in columns and "updated_at" in columns:
            every += ["version = version + 1", f"updated_at = {moment}"]
        return Statement(
            f"UPDATE {HOME}.{self.name} SET {', '.join(every)}"  # noqa: S608  # our names
            f" WHERE tenant_id = $1::text::uuid AND {which}"
            f" AND {moment} IS NOT NULL RETURNING id"
        )

    async def read(self, transaction: Transaction, after: UUID) -> Sequence[Record]:
        """The next rows."""
        return await transaction.fetch(self.page, after)

    async def write(
        self, transaction: Transaction, row_id: UUID, changed: Mapping[str, str]
    ) -> None:
        """Put other words into a row."""
        words = [changed.get(it.name) for it in self.words]
        await transaction.fetch(self.rewrite, row_id, now(), *words)


def tables_of(registry: Registry) -> tuple[People, ...]:
    """The tables in which people may be found, by name."""
    every = (People(entry) for entry in registry.entries.values())
    return tuple(it for it in every if it.words and it.name != NOTES)


def blank(column: Column[object], holds: Holds, row_id: str) -> str:
    """The SQL of what stands in a personal column when its person is erased.

    ``row_id`` is SQL for the id that serves as the pseudonym; it stays what it is, so
    that what the person did can still be told apart from what others did.
    """
    text = isinstance(column.type, String)
    length = getattr(column.type, "length", None) or 255
    hidden = f"replace({row_id}::text, '-', '')"
    unique = Words.of(column, holds).unique
    if holds is Holds.email and text:
        return f"left('erased-' || {hidden} || '@erased.invalid', {length})"
    if holds is Holds.name and text:
        return f"left('Erased ' || right({hidden}, 12), {length})"
    if column.nullable:
        return "NULL"
    if isinstance(column.type, JSONB):
        listed = spec(column.info).default == []
        return "'[]'::jsonb" if listed else "'{}'::jsonb"
    if isinstance(column.type, Date):
        return "DATE '1900-01-01'"
    return f"left('erased-' || {hidden}, {length})" if unique or text else "DEFAULT"
