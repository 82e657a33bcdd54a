"""What a visited tenant leaves in memory; how long things take is ``benchmarks.sizes``."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from benchmarks.sizes import Started, mebibytes_after, started
from insula.server.platform import Platform, open_platform

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def running() -> Iterator[Started]:
    """A platform of its own."""
    folder = Path(tempfile.mkdtemp(prefix="insula-e2e-"))
    folder.chmod(0o755)
    try:
        with started(folder / "data") as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def beside(running: Started) -> AsyncIterator[Platform]:
    """A warm process of the command line, beside the server."""
    async with open_platform(running.settings) as platform:
        yield platform


async def test_a_visit_leaves_little_in_memory(
    running: Started, beside: Platform
) -> None:
    few, many = [
        await mebibytes_after(running, beside, tenants=number) for number in (5, 30)
    ]
    assert many < 256
    assert (many - few) / 30 * 1000 < 256
