"""Directories: a store on this machine's disk, or on one that several share."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from obstore.store import LocalStore

from insula.kernel.storage.places import CENTRAL, DIRECTORY
from insula.kernel.storage.stores import Store, told


class DirectoryStore(Store):
    """Objects as files of a directory that nobody else on the machine can enter."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        for name in CENTRAL:
            (root / DIRECTORY.central / name).mkdir(parents=True, exist_ok=True)
        self._root = root
        self._synced: set[Path] = set()
        super().__init__(LocalStore(root))

    async def _settle(self, path: str) -> None:
        await asyncio.to_thread(self._sync, self._root / path)

    def _sync(self, path: Path) -> None:
        """Bring a file to the disk, and the folders above it that may be new."""
        folder = path.parent
        above = [] if folder in self._synced else list(folder.parents)
        inside = [it for it in above if it.is_relative_to(self._root)]
        for it in (path, folder, *inside):
            descriptor = os.open(it, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._synced.add(folder)

    async def _delete(self, paths: Sequence[str]) -> None:
        with told():
            await asyncio.to_thread(self._unlink, paths)

    def _unlink(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self._root / path).unlink(missing_ok=True)

    async def delete_all(self, prefix: str) -> int:
        """Delete everything under a prefix, its folders and half-written files too."""
        count = await super().delete_all(prefix)
        folder = self._root / prefix
        self._synced = {it for it in self._synced if not it.is_relative_to(folder)}
        with told():
            if await asyncio.to_thread(folder.exists):
                await asyncio.to_thread(shutil.rmtree, folder)
        return count

    async def clear_unfinished(self, prefix: str, before: datetime) -> int:
        """Delete what a killed process left half written; answers how many there were."""
        with told():
            return await asyncio.to_thread(self._clear, prefix, before.timestamp())

    def _clear(self, prefix: str, before: float) -> int:
        # The library writes beside the place where a file will be, as `name#1`; its
        # own listing does not show these.
        left = [
            path
            for path in (self._root / prefix).rglob("*#*")
            if path.stat().st_mtime < before
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)
