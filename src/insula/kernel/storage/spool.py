"""Spools: an upload on this machine's disk, in a file that has no name.

Whenever the process dies, the system takes the file back: nothing is left to sweep.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from insula.kernel.foundation.errors import TooLarge
from insula.kernel.storage.sniffing import HEAD
from insula.kernel.storage.stores import CHUNK, told

TOGETHER = 1024 * 1024
"""Bytes that are hashed and written in one go, away from the event loop."""


@dataclass(slots=True)
class Spool:
    """What was received: the file, its size and fingerprint, its first and last bytes."""

    file: BinaryIO
    size: int
    sha256: str
    head: bytes
    tail: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """The whole file again."""
        self.file.seek(0)
        while chunk := await asyncio.to_thread(self.file.read, CHUNK):
            yield chunk


@asynccontextmanager
async def spooled(
    chunks: AsyncIterator[bytes], folder: Path, *, limit: int
) -> AsyncIterator[Spool]:
    """Receive a stream, at most ``limit`` bytes (``TooLarge``), for the length of a block."""
    with told():
        opened = _open(folder)  # in a thread, whoever is cancelled would lose the file
    with opened as file:
        size, digest = 0, hashlib.sha256()
        waiting = bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise TooLarge
            waiting += chunk
            if len(waiting) >= TOGETHER:
                taken, waiting = bytes(waiting), bytearray()
                with told():
                    await asyncio.to_thread(_write, file, digest, taken)
        with told():
            await asyncio.to_thread(_write, file, digest, bytes(waiting))
            head, tail = await asyncio.to_thread(_ends, file, size)
        yield Spool(file, size, digest.hexdigest(), head, tail)


def _open(folder: Path) -> BinaryIO:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Unbuffered: a scanner reads the same open file, and moves its position.
    return tempfile.TemporaryFile(buffering=0, dir=folder)


def _write(file: BinaryIO, digest: "hashlib._Hash", data: bytes) -> None:
    digest.update(data)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _ends(file: BinaryIO, size: int) -> tuple[bytes, bytes]:
    file.seek(0)
    head = file.read(HEAD)
    file.seek(max(0, size - HEAD))
    return head, file.read(HEAD)
