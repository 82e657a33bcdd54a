"""Archives: all that a tenant has, as files that any program can read.

A ZIP with one file of JSON lines for each table, the files themselves, and a manifest
with counts and checksums. It is written page by page: memory does not grow with it.
"""

import hashlib
import zipfile
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import IO
from uuid import UUID

import msgspec

from insula.kernel.database.personal import Registry
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.services.privacy.sealed_rows import Seals, Table
from insula.kernel.services.privacy.tables import FIRST, PAGE
from insula.kernel.storage.disks import Disk
from insula.kernel.storage.stores import NoSuchObject

FORMAT = "insula-tenant/1"
LEFT_OUT = frozenset({"erasure_notes", "job_buckets"})
"""What is of use only while the platform runs, or names people who leave."""


FILES = Statement(
    f"SELECT id, storage_key FROM {HOME}.files WHERE tenant_id = $1::text::uuid"  # noqa: S608  # our names
    f" AND id > $2 AND folder <> 'exports' AND state = 'ready' ORDER BY id LIMIT {PAGE}"
)


@dataclass(slots=True)
class Part:
    """One file of an archive, as the manifest tells of it."""

    name: str
    rows: int = 0
    bytes: int = 0
    sha256: str = ""


@dataclass(slots=True)
class Manifest:
    """What an archive holds; ``sealed`` says that people's values need their keys."""

    tenant_id: UUID
    slug: str
    made_at: datetime
    sealed: bool
    format: str = FORMAT
    parts: list[Part] = field(default_factory=list)


class Archive:
    """Writes one tenant's archive into a file."""

    def __init__(
        self, registry: Registry, manifest: Manifest, seals: Seals | None
    ) -> None:
        every = registry.entries.values()
        self._tables = [Table(it) for it in every if it.name not in LEFT_OUT]
        self._manifest, self._seals = manifest, seals

    async def write(
        self, target: IO[bytes], transaction: Transaction, disk: Disk
    ) -> Manifest:
        """Write everything; the transaction should see one state of the rows."""
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as out:
            for table in self._tables:
                await self._write_table(out, table, transaction)
            if self._seals is None:  # nobody knows of whom files tell
                await self._write_files(out, transaction, disk)
            text = msgspec.json.format(msgspec.json.encode(asdict(self._manifest)))
            out.writestr("manifest.json", text)
        return self._manifest

    async def _write_table(
        self, out: zipfile.ZipFile, table: Table, transaction: Transaction
    ) -> None:
        part, digest = Part(f"data/{table.name}.jsonl"), hashlib.sha256()
        with out.open(part.name, "w", force_zip64=True) as lines:
            async for row in table.rows(transaction):
                if self._seals is not None:
                    row = await self._seals.sealed(table, row, transaction)
                lines.write(row + b"\n")
                digest.update(row + b"\n")
                part.rows, part.bytes = part.rows + 1, part.bytes + len(row) + 1
        part.sha256 = digest.hexdigest()
        self._manifest.parts.append(part)

    async def _write_files(
        self, out: zipfile.ZipFile, transaction: Transaction, disk: Disk
    ) -> None:
        after = FIRST
        while rows := await transaction.fetch(FILES, after):
            for row in rows:
                part = Part(f"files/{row['id']}")
                await copy_file(out, part, disk, row["storage_key"])
                self._manifest.parts.append(part)
            after = rows[-1]["id"]


async def copy_file(out: zipfile.ZipFile, part: Part, disk: Disk, name: str) -> None:
    """Copy a stored file into an archive; one that is gone becomes an empty part."""
    digest = hashlib.sha256()
    with out.open(part.name, "w", force_zip64=True) as copy:
        try:
            async for chunk in await disk.read(name):
                copy.write(chunk)
                digest.update(chunk)
                part.bytes += len(chunk)
        except NoSuchObject:
            return
    part.sha256 = digest.hexdigest()
