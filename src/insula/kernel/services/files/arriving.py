"""Arriving: how content gets into the storage before any row tells of it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.services.files.models import FileState
from insula.kernel.storage.disks import Disk, Storage
from insula.kernel.storage.images import NoImage, make_variants
from insula.kernel.storage.places import Folder, new_name, variant_name
from insula.kernel.storage.scanning import Finding, Scanner, Verdict
from insula.kernel.storage.sniffing import sniff
from insula.kernel.storage.spool import Spool, spooled


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Content that is in its place, and all that was found out about it."""

    storage_key: str
    folder: Folder
    size: int
    sha256: str
    content_type: str
    finding: Finding
    variants: Mapping[str, int]
    ceiling: int | None
    """Bytes that all files of the tenant might have when it came; None: no matter."""

    @property
    def state(self) -> FileState:
        """Whether anybody may have it."""
        harmful = self.finding.verdict is Verdict.infected
        return FileState.quarantined if harmful else FileState.ready


class Reception:
    """Takes content in: receives, looks, has it scanned, and only then stores it."""

    def __init__(self, storage: Storage, scanner: Scanner) -> None:
        self._storage, self._scanner = storage, scanner

    async def receive(
        self,
        tenant_id: UUID,
        chunks: AsyncIterator[bytes],
        *,
        folder: Folder,
        limit: int,
        ceiling: int | None,
    ) -> Arrival:
        """Store a stream; raises ``TooLarge``, ``ScannerAway`` or ``StorageAway``.

        Killed anywhere, it leaves content without a row at worst, which the nightly
        sweep removes.
        """
        async with spooled(chunks, self._storage.spool, limit=limit) as spool:
            content_type = sniff(spool.head, spool.tail)
            finding = await self._scanner.scan(spool.file)
            copies: Mapping[str, bytes] = {}
            if finding.verdict is not Verdict.infected:
                copies = await _copies(content_type, spool)
            name = new_name(folder)
            await _store(self._storage.disk(tenant_id), name, spool, copies)
            return Arrival(
                storage_key=name,
                folder=folder,
                size=spool.size,
                sha256=spool.sha256,
                content_type=content_type,
                finding=finding,
                variants={it: len(content) for it, content in copies.items()},
                ceiling=ceiling,
            )

    async def discard(self, tenant_id: UUID, arrival: Arrival) -> None:
        """Remove content of which no row will tell."""
        names = names_of(arrival.storage_key, arrival.variants)
        await self._storage.disk(tenant_id).delete(*names)


def names_of(storage_key: str, variants: Mapping[str, object]) -> list[str]:
    """The names of a file's content and of its copies."""
    return [storage_key, *(variant_name(storage_key, it) for it in variants)]


async def _copies(content_type: str, spool: Spool) -> Mapping[str, bytes]:
    try:
        return await make_variants(content_type, spool.file)
    except NoImage:
        return {}


async def _store(
    disk: Disk, name: str, spool: Spool, copies: Mapping[str, bytes]
) -> None:
    await disk.put(name, spool.chunks(), limit=spool.size)
    for variant, content in copies.items():
        chunks = _once(content)
        await disk.put(variant_name(name, variant), chunks, limit=len(content))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
