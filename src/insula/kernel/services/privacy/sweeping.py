"""Sweeping: what a row says of one person, and the row without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.columns import Holds
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Transaction
from insula.kernel.services.privacy.identifiers import ERASED, Redactor
from insula.kernel.services.privacy.tables import ABOUT, People, Words


@dataclass(frozen=True, slots=True)
class Sweep:
    """One person is swept out of one table."""

    table: People
    redactor: Redactor
    subject_id: UUID

    def changes(self, row: Record) -> dict[str, str]:
        """The row's texts that tell of the person, as they are to be."""
        others, about = self.is_others(row), self.is_about(row)
        changed = {}
        for words in self.table.words:
            text = row[words.name]
            if text is None or (others and words.holds is not Holds.text):
                continue
            clean = self._clean(words, text, row["id"], about=about)
            if clean != text:
                changed[words.name] = clean
        return changed

    def is_others(self, row: Record) -> bool:
        """Whether what is personal in a row is somebody else's.

        It stays what it is, even where two people share a name or an address.
        """
        owner = self.table.entry.owner
        return owner is not None and row[owner] not in (None, self.subject_id)

    def is_about(self, row: Record) -> bool:
        """Whether a row's documents are about the person's own row."""
        return any(row[it] == self.subject_id for it in ABOUT if it in self.table.ids)

    def _clean(self, words: Words, text: str, row_id: UUID, *, about: bool) -> str:
        if words.is_json:
            whole = self.redactor.own_document if about else self.redactor.document
            return whole(text)
        put = ERASED
        if words.holds is Holds.email:
            put = f"erased-{row_id.hex}@erased.invalid"
        elif words.unique:
            put = f"[erased {row_id.hex[-12:]}]"
        return self.redactor.text(text, put)[: words.length]

    async def rewrite(self, transaction: Transaction, ids: Sequence[UUID]) -> None:
        """Write the rows without the person; locked, and read again, before."""
        for row in await transaction.fetch(self.table.locked, sorted(ids)):
            if changed := self.changes(row):
                await self.table.write(transaction, row["id"], changed)
