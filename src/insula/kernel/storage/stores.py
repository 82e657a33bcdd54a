"""Stores: objects under paths, in a directory, in an S3 bucket or in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import MemoryStore, ObjectStore

from insula.kernel.foundation.errors import Unavailable
from insula.kernel.storage.feed import Feed

if TYPE_CHECKING:  # these two are described, but do not exist when the program runs
    from obstore import GetOptions, GetResult

CHUNK = 256 * 1024
"""Bytes that a stream is read in: enough to keep calls few, little to hold."""
PART = 8 * 1024 * 1024
"""Bytes of a part of a large object; S3 takes 10,000 parts, so 80 GB."""
PARTS_AT_ONCE = 2
MOST_AT_ONCE = 1000
"""Objects that S3 deletes in one request."""


class StorageAway(Unavailable):
    """The file storage cannot be used at the moment."""

    code = "STORAGE_UNAVAILABLE"


class NoSuchObject(LookupError):
    """Nothing is stored there."""


@dataclass(frozen=True, slots=True)
class Content:
    """How much was stored, and its fingerprint."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a listing."""

    path: str
    size: int
    modified: datetime


class Store:
    """Objects under paths that ``Places`` has made; the paths are not checked again."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def put(
        self, path: str, chunks: AsyncIterator[bytes], *, limit: int
    ) -> Content:
        """Store a stream, whole or not at all; raises ``TooLarge`` beyond the limit."""
        feed = Feed(chunks, limit)
        storing = asyncio.ensure_future(self._put(path, feed))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            # Cut off, the parts that were sent would stay in the bucket for ever.
            feed.stop()
            await asyncio.wait([storing])
            raise
        finally:
            if storing.done() and not storing.cancelled():
                storing.exception()  # has been seen
        return Content(feed.size, feed.digest.hexdigest())

    async def _put(self, path: str, feed: Feed) -> None:
        try:
            with told():
                await obstore.put_async(
                    self._objects,
                    path,
                    feed,
                    chunk_size=PART,
                    max_concurrency=PARTS_AT_ONCE,
                )
                await self._settle(path)
        except Exception:
            if feed.error is not None:
                raise feed.error from None
            raise

    async def _settle(self, path: str) -> None:
        """Have an object outlast a power cut; a store over a network sees to it itself."""

    async def read(
        self, path: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to ``end``; raises ``NoSuchObject`` before any."""
        options: GetOptions = {}
        if end is not None:
            options["range"] = (start, end)
        elif start:
            options["range"] = {"offset": start}
        with told():
            found = await obstore.get_async(self._objects, path, options=options)
        return _chunks(found)

    async def head(self, path: str) -> Entry:
        """How large an object is, and since when; raises ``NoSuchObject``."""
        with told():
            found = await obstore.head_async(self._objects, path)
        return Entry(path, found["size"], found["last_modified"])

    async def move(self, source: str, target: str) -> None:
        """Give an object another path; raises ``NoSuchObject``."""
        with told():
            await obstore.rename_async(self._objects, source, target)
            await self._settle(target)

    async def delete(self, *paths: str) -> None:
        """Delete objects; those that are not there are no trouble."""
        for start in range(0, len(paths), MOST_AT_ONCE):
            await self._delete(paths[start : start + MOST_AT_ONCE])

    async def _delete(self, paths: Sequence[str]) -> None:
        with told():
            await obstore.delete_async(self._objects, list(paths))

    async def delete_all(self, prefix: str) -> int:
        """Delete everything under a prefix; answers how many objects that were."""
        paths = [entry.path async for entry in self.list(prefix)]
        await self.delete(*paths)
        return len(paths)

    async def list(self, prefix: str) -> AsyncIterator[Entry]:
        """Every object under a prefix, which ends where a part of the path does."""
        pages = obstore.list(self._objects, prefix, chunk_size=MOST_AT_ONCE)
        while True:
            with told():
                page = await anext(pages, None)
            if page is None:
                return
            for it in page:
                yield Entry(it["path"], it["size"], it["last_modified"])

    async def clear_unfinished(
        self,
        prefix: str,  # noqa: ARG002  # a directory's store wants both
        before: datetime,  # noqa: ARG002
    ) -> int:
        """Delete what a killed process left half written; answers how many there were.

        A bucket does this by a rule of its life cycle (abort incomplete uploads).
        """
        return 0


async def _chunks(found: "GetResult") -> AsyncIterator[bytes]:
    with told():
        async for chunk in found.stream(min_chunk_size=CHUNK):
            yield bytes(chunk)


@contextmanager
def told() -> Iterator[None]:
    """Turn the errors of whatever stores into ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise NoSuchObject from error
    except (BaseError, OSError) as error:
        raise StorageAway from error


def memory_store() -> Store:
    """A store that forgets everything with the process: for what need not last."""
    return Store(MemoryStore())
