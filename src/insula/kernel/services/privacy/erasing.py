"""Erasing: a person leaves every table, step by step; each step is a transaction.

An erasure that is killed goes on where it was: its position and what it looks for are
written with each step, and a step that was done may be done again.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.database.home import Home
from insula.kernel.database.personal import Registry
from insula.kernel.database.pool import Connection, Record
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.errors import Problem
from insula.kernel.services.privacy.belongings import remove_files
from insula.kernel.services.privacy.identifiers import Redactor
from insula.kernel.services.privacy.journals import rewrite_journal
from insula.kernel.services.privacy.notes import Note, Notes, Phase, Position
from insula.kernel.services.privacy.person import known_by, own_rows, take_away
from insula.kernel.services.privacy.sweeping import Sweep
from insula.kernel.services.privacy.tables import FIRST, tables_of
from insula.kernel.storage.disks import Storage

PAGES = 10
"""Pages of rows in one step: a few thousand, for which nobody waits long."""
ROUNDS = 3
"""How often the words are gone through until a check finds nothing any more."""

OwnerDoor = Callable[[Home], AbstractAsyncContextManager[Connection]]
"""Opens a home as the role that owns its tables: the journals change for it alone."""


class StillThere(Problem):
    """The person is still found in {rows} rows, after {rounds} rounds."""

    code = "privacy.still_there"


@dataclass(frozen=True, slots=True)
class Errand:
    """Who is to be erased, from where, because of which request."""

    request_id: UUID
    tenant_id: UUID
    home: Home
    subject: str
    subject_id: UUID


class Eraser:
    """Takes people out of everything that a home holds."""

    def __init__(
        self, registry: Registry, notes: Notes, owner: OwnerDoor, storage: Storage
    ) -> None:
        self._registry, self._notes = registry, notes
        self._owner, self._storage = owner, storage
        self._tables = tables_of(registry)

    async def step(self, transaction: Transaction, errand: Errand) -> Note:
        """Do the next step; at the end the position's phase is ``done``."""
        place = transaction, errand.tenant_id, errand.request_id
        note = await self._notes.read(*place)
        match note.position.phase:
            case Phase.begin:
                own = own_rows(self._registry, errand.subject)
                note.known |= await known_by(transaction, own, errand.subject_id)
                note.position.phase = Phase.own
            case Phase.own:
                await self._take_own(transaction, errand, note.position)
            case Phase.words | Phase.check:
                await self._go_through(transaction, errand, note)
            case Phase.done:
                return note
        await self._notes.keep(*place, note)
        return note

    async def _take_own(
        self, transaction: Transaction, errand: Errand, position: Position
    ) -> None:
        own = own_rows(self._registry, errand.subject)
        disk = self._storage.disk(errand.tenant_id)
        files = await remove_files(transaction, disk, errand.subject_id)
        position.count({"files": files} if files else {})
        position.count(await take_away(transaction, own, errand.subject_id))
        position.phase = Phase.words

    async def _go_through(
        self, transaction: Transaction, errand: Errand, note: Note
    ) -> None:
        position, checking = note.position, note.position.phase is Phase.check
        table = self._tables[position.table]
        keys = self._registry.entries[errand.subject].personal
        sweep = Sweep(table, Redactor(note.known, keys), errand.subject_id)
        for _ in range(PAGES):
            rows = await table.read(transaction, position.after)
            found = [row for row in rows if sweep.changes(row)]
            if checking:
                position.checked += len(rows)
                position.left += len(found)
            elif found:
                await self._rewrite(transaction, errand, sweep, found)
                position.count({table.name: len(found)})
            if not rows:
                return self._turn_page(position)
            position.after = rows[-1]["id"]
        return None

    async def _rewrite(
        self,
        transaction: Transaction,
        errand: Errand,
        sweep: Sweep,
        found: Sequence[Record],
    ) -> None:
        if not sweep.table.append_only:
            await sweep.rewrite(transaction, [row["id"] for row in found])
            return
        async with self._owner(errand.home) as connection:
            place = errand.home.schema, errand.tenant_id
            await rewrite_journal(connection, *place, sweep, found)

    def _turn_page(self, position: Position) -> None:
        position.table, position.after = position.table + 1, FIRST
        if position.table < len(self._tables):
            return
        position.table = 0
        if position.phase is Phase.words:
            position.phase, position.left, position.checked = Phase.check, 0, 0
        elif position.left == 0:
            position.phase = Phase.done
        elif position.round < ROUNDS:
            position.phase, position.round = Phase.words, position.round + 1
        else:
            raise StillThere(rows=position.left, rounds=ROUNDS)
