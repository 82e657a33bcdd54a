"""An upload on the way: measured, bounded, and gone with its process."""

import hashlib
import os
from pathlib import Path

import pytest

from insula.kernel.foundation.errors import TooLarge
from insula.kernel.storage.sniffing import HEAD
from insula.kernel.storage.spool import spooled
from tests.kernel.storage.streams import stream, whole

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [0, 10, HEAD + 1, 3 * 2**20 + 7])
async def test_what_was_received_is_known(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    pieces = stream(*[content[at : at + 70_000] for at in range(0, size, 70_000)])
    async with spooled(pieces, tmp_path, limit=size) as spool:
        assert spool.size == size
        assert spool.sha256 == hashlib.sha256(content).hexdigest()
        assert (spool.head, spool.tail) == (content[:HEAD], content[-HEAD:])
        assert await whole(spool.chunks()) == content


def names_in(folder: Path) -> set[str]:
    """The names of a folder's files."""
    return {path.name for path in folder.iterdir()}


async def test_it_has_no_name_that_a_kill_could_leave(tmp_path: Path) -> None:
    async with spooled(stream(b"x" * 2**21), tmp_path, limit=2**21):
        assert names_in(tmp_path) == set()


async def test_more_than_the_limit_is_not_received(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        async with spooled(stream(b"x", b"y"), tmp_path, limit=1):
            pass
