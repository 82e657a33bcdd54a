"""Streams of bytes, as tests make and read them."""

from collections.abc import AsyncIterator


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """Bytes that arrive in these pieces."""
    for chunk in chunks:
        yield chunk


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    """All bytes of a stream."""
    return b"".join([chunk async for chunk in chunks])
