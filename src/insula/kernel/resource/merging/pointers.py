"""Pointers: every column in which the id of a row may stand, in all registered apps.

They are read off the tables, whoever declared them: references (``ref``,
``ContactRef``), links in texts, what is attached to rows of any resource, and files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from insula.kernel.database.attached import ATTACHED
from insula.kernel.database.columns import spec
from insula.kernel.database.walls import APPEND_ONLY
from insula.kernel.resource.declaration import Resource


class How(StrEnum):
    """How a column names a row."""

    reference = "reference"
    link = "link"
    """As a text, ``people.contacts:<id>``."""
    attached = "attached"
    """By its id, beside the name of its resource."""
    subject = "subject"
    """By its id, beside its type: files."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A column that points at rows of one resource; ``only`` says which of its rows do."""

    table: Table
    column: str
    how: How
    resource: Resource[Any]
    target: Resource[Any]

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def only(self) -> str:
        """A further condition, with an AND before it."""
        match self.how:
            case How.attached:
                return f" AND resource = '{self.target.name}'"
            case How.subject:
                return f" AND subject_type = '{self.target.type}'"
            case _:
                return ""

    @property
    def cast(self) -> str:
        """The type of what stands in the column."""
        return "varchar" if self.how is How.link else "uuid"

    def said(self, row_id: UUID) -> object:
        """What stands in the column for a row."""
        return f"{self.target.name}:{row_id}" if self.how is How.link else row_id


class Pointers:
    """All pointers between the tables that registered resources live beside."""

    def __init__(self, resources: Iterable[Resource[Any]]) -> None:
        self._resources = {str(it.table.name): it for it in resources}
        every = {it.table.metadata for it in self._resources.values()}
        tables = {str(it.name): it for each in every for it in each.tables.values()}
        self._tables = [
            tables[name]
            for name in sorted(tables)
            if not tables[name].info.get(APPEND_ONLY)
        ]

    def to(self, target: Resource[Any]) -> tuple[Pointer, ...]:
        """What points at the rows of a resource, by table and column."""
        return tuple(it for table in self._tables for it in self._of(table, target))

    def _of(self, table: Table, target: Resource[Any]) -> Iterator[Pointer]:
        owner = self._resources.get(str(table.name))
        whose = target if owner is None else owner
        for column in table.columns:
            declared, name = spec(column.info), str(column.name)
            if declared.target == str(target.table.name):
                yield Pointer(table, name, How.reference, whose, target)
            elif declared.link:
                yield Pointer(table, name, How.link, whose, target)
        if table.info.get(ATTACHED):
            yield Pointer(table, "row_id", How.attached, whose, target)
        elif "subject_type" in table.columns and "subject_id" in table.columns:
            yield Pointer(table, "subject_id", How.subject, whose, target)
