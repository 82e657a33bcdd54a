"""Belongings: the files that are a person's own, or hang on the person's row."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.services.files.quota import give_back
from insula.kernel.storage.disks import Disk
from insula.kernel.storage.places import variant_name

THEIRS = (
    f" FROM {HOME}.files WHERE tenant_id = $1::text::uuid"
    " AND (owner_id = $2::uuid OR subject_id = $2::uuid)"
)
FIND = Statement(
    f"SELECT id, name, storage_key, variants, size, state {THEIRS} ORDER BY id"  # our names
)
LOCK = Statement(f"{FIND.text} FOR UPDATE")
REMOVE = Statement(f"DELETE {THEIRS} RETURNING size")


@dataclass(frozen=True, slots=True)
class Belonging:
    """A file of a person, and where its content is."""

    id: UUID
    name: str
    storage_key: str
    variants: msgspec.Raw
    size: int
    state: str

    def names(self) -> list[str]:
        """The file in the storage, and the copies that were made of it."""
        variants = msgspec.json.decode(self.variants, type=dict[str, object])
        return [
            self.storage_key,
            *(variant_name(self.storage_key, it) for it in variants),
        ]


async def files_of(transaction: Transaction, subject_id: UUID) -> Sequence[Belonging]:
    """The files of a person, those in the trash too."""
    return [Belonging(*row) for row in await transaction.fetch(FIND, subject_id)]


async def remove_files(transaction: Transaction, disk: Disk, subject_id: UUID) -> int:
    """Remove a person's files for good; how many there were.

    The contents go first: were the transaction lost, its rows would be found again,
    while contents without a row would be found by nobody.
    """
    rows = await transaction.fetch(LOCK, subject_id)
    files = [Belonging(*row) for row in rows]
    await disk.delete(*(name for it in files for name in it.names()))
    removed = await transaction.fetch(REMOVE, subject_id)
    await give_back(transaction, sum(row["size"] for row in removed))
    return len(removed)
