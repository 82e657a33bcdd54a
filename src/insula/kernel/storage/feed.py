"""Feeds: a stream of bytes on its way into a store: measured, bounded, stoppable."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

from insula.kernel.foundation.errors import TooLarge


class Stopped(Exception):
    """Whoever was storing this has left."""


class Feed:
    """Counts and hashes what passes, and ends it with an error beyond the limit.

    An error of the source is kept in ``error``: it has to come back as it was from
    under a library that may wrap it.
    """

    def __init__(self, chunks: AsyncIterator[bytes], limit: int) -> None:
        self._chunks, self._limit = chunks, limit
        self._next: asyncio.Future[bytes] | None = None
        self._stopped = False
        self.size, self.digest = 0, hashlib.sha256()
        self.error: Exception | None = None

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> bytes:
        """The next bytes."""
        try:
            chunk = await self._pull()
        except StopAsyncIteration:
            raise
        except asyncio.CancelledError:
            self.error = Stopped()
            raise self.error from None
        except Exception as error:
            self.error = error
            raise
        self.digest.update(chunk)
        return chunk

    async def _pull(self) -> bytes:
        if self._stopped:
            raise Stopped
        self._next = asyncio.ensure_future(_next(self._chunks))
        chunk = await self._next
        self.size += len(chunk)
        if self.size > self._limit:
            raise TooLarge
        return chunk

    def stop(self) -> None:
        """End the stream with an error, also while it waits for its source."""
        self._stopped = True
        if self._next is not None:
            self._next.cancel()


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    """A coroutine of its own, because an iterator's next need not be one.

    A future may not end with StopAsyncIteration's kin StopIteration; this one may.
    """
    return await anext(chunks)
