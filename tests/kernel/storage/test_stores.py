"""Stores keep what they are given, whole or not at all, wherever they are."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from insula.kernel.foundation.errors import TooLarge
from insula.kernel.storage.disks import Disk, Storage
from insula.kernel.storage.places import BadPlace, Folder, new_name
from insula.kernel.storage.stores import NoSuchObject
from tests.kernel.storage.conftest import Where
from tests.kernel.storage.moto import unfinished_uploads
from tests.kernel.storage.streams import stream, whole

pytestmark = pytest.mark.anyio
LIMIT = 32 * 2**20


@pytest.fixture
def disk(storage: Storage) -> Disk:
    """The files of a tenant."""
    return storage.disk(uuid4())


@pytest.mark.parametrize("size", [0, 1, 300_000, 20 * 2**20])
async def test_what_was_stored_comes_back(disk: Disk, size: int) -> None:
    """S0-06: small ones in one request, large ones in parts."""
    content, name = os.urandom(size), new_name(Folder.attachments)
    pieces = [content[at : at + 100_000] for at in range(0, size, 100_000)]
    kept = await disk.put(name, stream(*pieces), limit=LIMIT)
    assert (kept.size, kept.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert (await disk.head(name)).size == size
    assert await whole(await disk.read(name)) == content


async def test_a_range_is_read_alone(disk: Disk) -> None:
    content, name = os.urandom(700_000), new_name(Folder.attachments)
    await disk.put(name, stream(content), limit=LIMIT)
    for start, end in ((0, 1), (10, 300_000), (699_999, 700_000), (5, None)):
        assert await whole(await disk.read(name, start, end)) == content[start:end]


async def test_nothing_of_what_is_too_large_remains(disk: Disk) -> None:
    name = new_name(Folder.attachments)
    with pytest.raises(TooLarge):
        await disk.put(name, stream(*[b"x" * 2**20] * 12), limit=11 * 2**20)
    with pytest.raises(NoSuchObject):
        await disk.head(name)


async def test_nothing_of_what_broke_off_remains(disk: Disk) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 2**20
        raise ConnectionResetError("the client has left")

    name = new_name(Folder.attachments)
    with pytest.raises(ConnectionResetError):
        await disk.put(name, broken(), limit=LIMIT)
    with pytest.raises(NoSuchObject):
        await disk.head(name)


async def stalled() -> AsyncIterator[bytes]:
    """Enough for a first part, and then nothing for ever."""
    for _ in range(17):
        yield b"x" * 2**20
    await asyncio.Event().wait()


async def test_nothing_of_what_was_cancelled_remains(disk: Disk) -> None:
    name = new_name(Folder.attachments)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await disk.put(name, stalled(), limit=LIMIT)
    with pytest.raises(NoSuchObject):
        await disk.head(name)
    assert [it async for it in disk.list(Folder.attachments)] == []


async def test_no_part_of_a_cancelled_upload_stays_in_a_bucket(bucket: Where) -> None:
    """It would be paid for, and no listing would show it."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await bucket.store.put("a/b", stalled(), limit=LIMIT)
    assert unfinished_uploads(bucket.address, bucket.name) == 0


async def test_what_is_not_there_can_be_deleted_but_not_read(disk: Disk) -> None:
    name = new_name(Folder.temp)
    await disk.delete(name)
    with pytest.raises(NoSuchObject):
        await disk.read(name)
    with pytest.raises(NoSuchObject):
        await disk.move(name, new_name(Folder.temp))


async def test_a_file_can_be_moved_and_is_then_nowhere_else(disk: Disk) -> None:
    source, target = new_name(Folder.temp), new_name(Folder.attachments)
    await disk.put(source, stream(b"hello"), limit=LIMIT)
    await disk.move(source, target)
    assert await whole(await disk.read(target)) == b"hello"
    assert [it async for it in disk.list(Folder.temp)] == []


async def test_a_tenant_lists_and_deletes_its_own_files_alone(storage: Storage) -> None:
    """S1-48: prefixes that begin alike are not taken for each other."""
    mine, theirs = storage.disk(uuid4()), storage.disk(uuid4())
    names = [new_name(Folder.exports) for _ in range(3)]
    for name in names:
        await mine.put(name, stream(b"mine"), limit=LIMIT)
        await theirs.put(name, stream(b"theirs"), limit=LIMIT)
    listed = {it.path async for it in mine.list(Folder.exports)}
    assert listed == set(names)
    assert await mine.delete_all() == 3
    assert [it async for it in mine.list(Folder.exports)] == []
    assert await whole(await theirs.read(names[0])) == b"theirs"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "temp/%2e%2e/x", "temp/a\0"])
async def test_a_disk_takes_no_other_names(disk: Disk, name: str) -> None:
    """S1-48: refused before the store hears of them."""
    for asked in (disk.read, disk.head, disk.delete):
        with pytest.raises(BadPlace):
            await asked(name)
    with pytest.raises(BadPlace):
        await disk.put(name, stream(b"x"), limit=LIMIT)
