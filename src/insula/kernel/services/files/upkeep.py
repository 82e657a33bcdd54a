"""Upkeep: what is emptied, swept and counted again, a tenant at a time.

Everything here may be killed at any line and run again: rows go before content, so
that none ever points to nothing, and content without a row is swept a day later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session, Statement, Transaction
from insula.kernel.services.files.arriving import names_of
from insula.kernel.services.files.quota import give_back, recount
from insula.kernel.storage.disks import Disk
from insula.kernel.storage.places import Folder

TRASH_DAYS = 30
UNCLAIMED = timedelta(days=1)
"""After which content without a row belongs to nothing that is still under way."""
BATCH = 200

GONE = "RETURNING f.size, f.storage_key, f.variants"
# Rows that somebody restores at this moment are left to him.
EXPIRED = Statement(
    f"""DELETE FROM home__.files f WHERE f.tenant_id = $1::text::uuid AND f.id IN (
    SELECT id FROM home__.files WHERE tenant_id = $1::text::uuid
       AND (deleted_at < $2::timestamptz OR expires_at < $3::timestamptz)
     ORDER BY id LIMIT {BATCH} FOR UPDATE SKIP LOCKED) {GONE}"""  # noqa: S608  # our names
)
NAMED = Statement(
    f"""DELETE FROM home__.files f WHERE f.tenant_id = $1::text::uuid
   AND f.id = ANY($2::uuid[]) {GONE}"""  # noqa: S608  # our names
)
KNOWN = Statement(
    """SELECT storage_key FROM home__.files
 WHERE tenant_id = $1::text::uuid AND storage_key = ANY($2::varchar[])"""
)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """A tenant's rows and content, and the present moment."""

    session: Session
    disk: Disk
    now: datetime

    async def run(self) -> None:
        """All that a night needs."""
        await self.empty_trash(before=self.now - timedelta(days=TRASH_DAYS))
        await self.sweep()
        await recount(self.session)

    async def empty_trash(self, *, before: datetime) -> int:
        """Remove what was deleted before that, and what has expired, for good."""
        removed = 0
        while True:
            async with self.session.transaction() as transaction:
                rows = await transaction.fetch(EXPIRED, before, self.now)
                names = await _freed(transaction, rows)
            await self.disk.delete(*names)
            removed += len(rows)
            if len(rows) < BATCH:
                return removed

    async def sweep(self) -> int:
        """Remove content of which no row tells; answers how many files that were."""
        before = self.now - UNCLAIMED
        swept = await self.disk.clear_unfinished(before)
        for folder in Folder:
            old: list[str] = []
            async for entry in self.disk.list(folder):
                if entry.modified < before:
                    old.append(entry.path)
                if len(old) >= BATCH:
                    swept += await self._remove_unclaimed(old)
                    old = []
            swept += await self._remove_unclaimed(old)
        return swept

    async def _remove_unclaimed(self, names: Sequence[str]) -> int:
        if not names:
            return 0
        of_file = {name: name.partition(".")[0] for name in names}
        async with self.session.transaction() as transaction:
            rows = await transaction.fetch(KNOWN, sorted(set(of_file.values())))
        claimed = {row["storage_key"] for row in rows}
        unclaimed = [name for name, key in of_file.items() if key not in claimed]
        await self.disk.delete(*unclaimed)
        return len(unclaimed)


async def forget(transaction: Transaction, ids: Sequence[UUID]) -> list[str]:
    """Remove files at once, in or out of the trash, with the room they took.

    Answers the names of their content, to be deleted from the disk after the commit.
    """
    return await _freed(transaction, await transaction.fetch(NAMED, list(ids)))


async def _freed(transaction: Transaction, rows: Sequence[Record]) -> list[str]:
    if rows:
        await give_back(transaction, sum(row["size"] for row in rows))
    return [
        name
        for row in rows
        for name in names_of(row["storage_key"], msgspec.json.decode(row["variants"]))
    ]
