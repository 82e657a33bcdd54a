"""Copying: a file of the storage on this machine, for what must go to and fro in it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, BinaryIO

from insula.kernel.storage.disks import Disk

CHUNK = 1_048_576
IN_MEMORY = 4 * CHUNK


@asynccontextmanager
async def local_copy(disk: Disk, name: str) -> AsyncIterator[BinaryIO]:
    """The content of a file for the length of a block; the system takes it back."""
    with tempfile.TemporaryFile() as file:
        async for chunk in await disk.read(name):
            await asyncio.to_thread(file.write, chunk)
        file.seek(0)
        yield file


async def chunks_of(source: IO[bytes]) -> AsyncIterator[bytes]:
    """What was written, from its beginning."""
    source.seek(0)
    while chunk := await asyncio.to_thread(source.read, CHUNK):
        yield chunk
