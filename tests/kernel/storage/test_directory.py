"""A directory is private, and nothing half written stays in it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from insula.kernel.storage.directory import DirectoryStore
from insula.kernel.storage.disks import Storage
from insula.kernel.storage.places import DIRECTORY, Folder, new_name
from tests.kernel.storage.streams import stream

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the directory is."""
    return tmp_path / "storage"


@pytest.fixture
def storage(root: Path) -> Storage:
    """The storage over it."""
    return Storage(DirectoryStore(root), DIRECTORY, root / "app" / "central" / "temp")


def test_the_directory_is_laid_out_and_closed_to_others(root: Path) -> None:
    """S1-43, S1-46: its central folders are there, and it has private visibility."""
    DirectoryStore(root)
    assert names_in(root / "app" / "central") == {"logs", "temp"}
    assert root.stat().st_mode & 0o077 == 0


async def test_a_file_is_in_the_folder_of_its_tenant(
    storage: Storage, root: Path
) -> None:
    """S1-44."""
    tenant, name = uuid4(), new_name(Folder.imports)
    await storage.disk(tenant).put(name, stream(b"x"), limit=1)
    folder = root / "app" / "tenants" / str(tenant) / "imports"
    assert names_in(folder) == {name.rpartition("/")[2]}


def names_in(folder: Path) -> set[str]:
    """The names of a folder's files."""
    return {path.name for path in folder.iterdir()}


async def test_what_a_killed_process_left_is_cleared_when_it_is_old(
    storage: Storage, root: Path
) -> None:
    disk = storage.disk(uuid4())
    name = new_name(Folder.attachments)
    await disk.put(name, stream(b"x"), limit=1)
    folder = root / "app" / "tenants" / str(disk.tenant_id) / "attachments"
    old, fresh = folder / "aa#1", folder / "bb#2"
    for path in (old, fresh):
        path.write_bytes(b"half")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    os.utime(old, (yesterday.timestamp() - 1,) * 2)
    assert await disk.clear_unfinished(yesterday) == 1
    assert names_in(folder) == {name.rpartition("/")[2], fresh.name}
    assert (await disk.head(name)).size == 1


async def test_nothing_of_a_removed_tenant_is_left(
    storage: Storage, root: Path
) -> None:
    disk = storage.disk(uuid4())
    await disk.put(new_name(Folder.temp), stream(b"x"), limit=1)
    folder = root / "app" / "tenants" / str(disk.tenant_id)
    (folder / "temp" / "half#1").write_bytes(b"half")
    await disk.delete_all()
    assert not folder.exists()
    assert await disk.delete_all() == 0
