"""Rows of an archive: all of each table, what is personal under its person's key."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.personal import Entry, Registry, Subject
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.services.privacy.tables import FIRST, PAGE
from insula.kernel.services.privacy.vault import KeyDestroyed, Person, SubjectVault

MOST = 100_000
"""Ids of which is remembered whose they are."""

Row = dict[str, msgspec.Raw]


class Table:
    """One table as an archive has it: whole rows, without secrets."""

    def __init__(self, entry: Entry) -> None:
        self.name, self.is_people = entry.name, isinstance(entry.person, Subject)
        columns = ", ".join(entry.exported)
        self._page = Statement(
            f"SELECT id, to_jsonb(r) AS row FROM (SELECT {columns}"  # noqa: S608  # our names
            f" FROM {HOME}.{entry.name} WHERE tenant_id = $1::text::uuid AND id > $2"
            f" ORDER BY id LIMIT {PAGE}) r ORDER BY id"
        )
        self.wordy = tuple(it for it in entry.exported if it in entry.wordy)
        self.pointers = tuple(it for it in (entry.owner, *entry.pointers) if it)

    async def rows(self, transaction: Transaction) -> AsyncIterator[bytes]:
        """All rows as JSON, by id."""
        after = FIRST
        while rows := await transaction.fetch(self._page, after):
            for row in rows:
                yield bytes(row["row"])
            after = rows[-1]["id"]


class Seals:
    """Seals the rows of one tenant.

    A row is its own person's, or that of the first person whom it names; what it says
    is sealed under that person's key. A row that names nobody stays readable.
    """

    def __init__(
        self, registry: Registry, tenant_id: UUID, vault: SubjectVault
    ) -> None:
        self._tenant_id, self._vault = tenant_id, vault
        self._exists = {it.name: _exists(it.name) for it in registry.subjects}
        self._known: dict[UUID, str | None] = {}

    async def sealed(
        self, table: Table, line: bytes, transaction: Transaction
    ) -> bytes:
        """A row as a sealed archive has it."""
        if not table.wordy:
            return line
        row = msgspec.json.decode(line, type=Row)
        person = await self._person(table, row, transaction)
        if person is None:
            return line
        for name in table.wordy:
            if bytes(row[name]) != b"null":
                row[name] = await self._value(person, f"{table.name}.{name}", row[name])
        return msgspec.json.encode(row)

    async def _value(
        self, person: Person, place: str, value: msgspec.Raw
    ) -> msgspec.Raw:
        try:
            text = await self._vault.seal(person, place, bytes(value))
        except KeyDestroyed:
            return msgspec.Raw(b"null")
        said = {"sealed": text, "subject": person.subject, "id": person.subject_id}
        return msgspec.Raw(msgspec.json.encode(said))

    async def _person(
        self, table: Table, row: Row, transaction: Transaction
    ) -> Person | None:
        for name in table.pointers:
            pointed = msgspec.json.decode(row[name], type=UUID | None)
            if pointed is None:
                continue
            own = table.is_people and name == "id"
            subject = table.name if own else await self._subject(pointed, transaction)
            if subject is not None:
                return Person(self._tenant_id, subject, pointed)
        return None

    async def _subject(self, pointed: UUID, transaction: Transaction) -> str | None:
        if pointed not in self._known:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[pointed] = await self._look_up(pointed, transaction)
        return self._known[pointed]

    async def _look_up(self, pointed: UUID, transaction: Transaction) -> str | None:
        for subject, statement in self._exists.items():
            if await transaction.fetch(statement, pointed):
                return subject
        return None


def _exists(subject: str) -> Statement:
    return Statement(
        f"SELECT 1 FROM {HOME}.{subject}"  # noqa: S608  # our names
        " WHERE tenant_id = $1::text::uuid AND id = $2"
    )


async def open_row(
    vault: SubjectVault, tenant_id: UUID, table: str, line: bytes
) -> dict[str, Any]:
    """A line of a sealed archive in clear; raises ``KeyDestroyed`` for the erased."""
    row: dict[str, Any] = msgspec.json.decode(line)
    for name, value in row.items():
        if isinstance(value, dict) and "sealed" in value:
            person = Person(tenant_id, value["subject"], UUID(value["id"]))
            raw = await vault.open(person, f"{table}.{name}", value["sealed"])
            row[name] = msgspec.json.decode(raw)
    return row
