"""Disks: the files of one tenant, and no way to any other's (S1-46, S1-47)."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from insula.kernel.storage.places import Folder, Places
from insula.kernel.storage.stores import Content, Entry, Store


class Disk:
    """One tenant's part of a store.

    Files are known by the names that ``new_name`` makes; any other raises ``BadPlace``
    before the store hears of it.
    """

    def __init__(self, store: Store, places: Places, tenant_id: UUID) -> None:
        self._store, self._places, self.tenant_id = store, places, tenant_id

    def _path(self, name: str) -> str:
        return self._places.path(self.tenant_id, name)

    async def put(
        self, name: str, chunks: AsyncIterator[bytes], *, limit: int
    ) -> Content:
        """Store a stream, whole or not at all; raises ``TooLarge`` beyond the limit."""
        return await self._store.put(self._path(name), chunks, limit=limit)

    async def read(
        self, name: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to ``end``; raises ``NoSuchObject`` before any."""
        return await self._store.read(self._path(name), start, end)

    async def head(self, name: str) -> Entry:
        """How large a file is, and since when; raises ``NoSuchObject``."""
        return self._named(await self._store.head(self._path(name)))

    async def move(self, source: str, target: str) -> None:
        """Give a file another name; raises ``NoSuchObject``."""
        await self._store.move(self._path(source), self._path(target))

    async def delete(self, *names: str) -> None:
        """Delete files; those that are not there are no trouble."""
        await self._store.delete(*(self._path(name) for name in names))

    async def list(self, folder: Folder) -> AsyncIterator[Entry]:
        """Every file of a folder; the entries' paths are names."""
        prefix = self._places.folder(self.tenant_id, folder)
        async for entry in self._store.list(prefix):
            yield self._named(entry)

    def _named(self, entry: Entry) -> Entry:
        name = entry.path.removeprefix(f"{self._places.tenant(self.tenant_id)}/")
        return Entry(name, entry.size, entry.modified)

    async def clear_unfinished(self, before: datetime) -> int:
        """Delete what a killed process left half written; answers how many there were."""
        prefix = self._places.tenant(self.tenant_id)
        return await self._store.clear_unfinished(prefix, before)

    async def delete_all(self) -> int:
        """Delete every file of the tenant; answers how many there were."""
        return await self._store.delete_all(self._places.tenant(self.tenant_id))


class Storage:
    """The file storage of an installation; ``spool`` is where uploads arrive."""

    def __init__(self, store: Store, places: Places, spool: Path) -> None:
        self._store, self._places, self.spool = store, places, spool

    def disk(self, tenant_id: UUID) -> Disk:
        """The files of a tenant."""
        return Disk(self._store, self._places, tenant_id)
