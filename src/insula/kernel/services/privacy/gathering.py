"""Gathering: the rows that tell of one person, and nothing in them of anybody else."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.columns import Holds
from insula.kernel.database.personal import Registry, Subject
from insula.kernel.database.pool import Record
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.services.privacy.identifiers import Redactor
from insula.kernel.services.privacy.others import SOMEBODY, Others
from insula.kernel.services.privacy.tables import FIRST, PAGE, People, Words, tables_of


@dataclass(slots=True)
class Gathering:
    """What is looked for: whose rows, and by which words."""

    subject_id: UUID
    redactor: Redactor
    others: Others
    parts: dict[str, set[UUID]] = field(default_factory=dict)
    """Rows that are part of the person, by table; what is part of those is theirs too."""


class Gatherer:
    """Finds a person's rows in every table of a home."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        order = {it.name: at for at, it in enumerate(_parents_first(registry))}
        tables = sorted(tables_of(registry), key=lambda it: order[it.name])
        self._tables = [(table, _page(table)) for table in tables]

    async def others(
        self, transaction: Transaction, subject_id: UUID, own: Redactor
    ) -> Others:
        """Everybody else's name."""
        others = Others(own)
        for entry in self._registry.subjects:
            names = [it for it, what in entry.holds.items() if what is Holds.name]
            for name in names:
                async for row in _all(transaction, _names(entry.name, name)):
                    if row["id"] != subject_id and row["name"]:
                        others.learn(row["name"])
        return others

    async def rows(
        self, transaction: Transaction, wanted: Gathering
    ) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Each row of the person, and its table's name."""
        for table, page in self._tables:
            async for row in _all(transaction, page):
                if _is_theirs(table, row, wanted):
                    if set(table.entry.parents) and _belongs(table, row, wanted):
                        wanted.parts.setdefault(table.name, set()).add(row["id"])
                    yield table.name, _shown(table, row, wanted)


def _is_theirs(table: People, row: Record, wanted: Gathering) -> bool:
    if any(row[name] == wanted.subject_id for name in table.ids):
        return True
    if _belongs(table, row, wanted):
        return True
    foreign = _is_foreign(table, row, wanted)
    return any(
        _tells(words, row[words.name], wanted)
        for words in table.words
        if not (foreign and words.holds is not Holds.text)
    )


def _tells(words: Words, text: str | None, wanted: Gathering) -> bool:
    if text is None:
        return False
    redactor = wanted.redactor
    clean = redactor.document(text) if words.is_json else redactor.text(text)
    return clean != text


def _is_foreign(table: People, row: Record, wanted: Gathering) -> bool:
    """Whether what is personal in the row is somebody else's."""
    owner = table.entry.owner
    return owner is not None and row[owner] not in (None, wanted.subject_id)


def _belongs(table: People, row: Record, wanted: Gathering) -> bool:
    return any(
        row[name] == wanted.subject_id or row[name] in wanted.parts.get(target, ())
        for name, target in table.entry.parents.items()
    )


def _shown(table: People, row: Record, wanted: Gathering) -> dict[str, Any]:
    """The row as its person may read it."""
    foreign = _is_foreign(table, row, wanted)
    shown: dict[str, Any] = msgspec.json.decode(row["row"])
    for words in table.words:
        text = row[words.name]
        if text is None:
            continue
        if foreign and words.holds is not Holds.text:
            shown[words.name] = SOMEBODY
        elif words.is_json:
            shown[words.name] = msgspec.json.decode(wanted.others.document(text))
        else:
            shown[words.name] = wanted.others.text(text)
    return shown


def _page(table: People) -> Statement:
    """Whole rows as the archive shows them, beside what is looked at to choose them."""
    entry = table.entry
    columns = ", ".join(it for it in entry.exported if it != "tenant_id")
    looked_at = [*table.ids, *(f"{it.name}::text" for it in table.words)]
    return Statement(
        f"SELECT {', '.join(looked_at)}, (SELECT to_jsonb(r) FROM (SELECT {columns})"  # noqa: S608  # our names
        f" AS r) AS row FROM {HOME}.{entry.name}"
        f" WHERE tenant_id = $1::text::uuid AND id > $2 ORDER BY id LIMIT {PAGE}"
    )


def _names(table: str, column: str) -> Statement:
    return Statement(
        f"SELECT id, {column}::text AS name FROM {HOME}.{table}"  # noqa: S608  # our names
        f" WHERE tenant_id = $1::text::uuid AND id > $2 ORDER BY id LIMIT {PAGE}"
    )


async def _all(transaction: Transaction, page: Statement) -> AsyncIterator[Record]:
    after = FIRST
    while rows := await transaction.fetch(page, after):
        for row in rows:
            yield row
        after = rows[-1]["id"]


def _parents_first(registry: Registry) -> list[Any]:
    """The tables, each after those whose parts its rows are; people come first."""
    found: list[Any] = []
    left = sorted(
        registry.entries.values(), key=lambda it: not isinstance(it.person, Subject)
    )
    while left:
        placed = {it.name for it in found}
        ready = [
            it for it in left if placed.issuperset(set(it.parents.values()) - {it.name})
        ]
        found += ready or left
        left = [it for it in left if it not in found]
    return found
