"""The figures that are promised, with room for a busy machine (``benchmarks.sizes``)."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from benchmarks.sizes import (
    Started,
    mebibytes_after,
    migration_seconds,
    provisioning_seconds,
    started,
)
from insula.kernel.database.home import Isolation
from insula.server.platform import Platform, open_platform

pytestmark = pytest.mark.anyio

ROOM = 5
"""How much slower than promised a busy machine may be."""


@pytest.fixture(scope="module")
def running() -> Iterator[Started]:
    """A platform of its own, started once before."""
    folder = Path(tempfile.mkdtemp(prefix="insula-e2e-"))
    folder.chmod(0o755)
    try:
        with started(folder / "data") as first:
            assert first.seconds < 15 * ROOM
        with started(folder / "data") as later:
            yield later
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def beside(running: Started) -> AsyncIterator[Platform]:
    """A warm process of the command line, beside the server."""
    async with open_platform(running.settings) as platform:
        yield platform


def test_a_later_start_takes_seconds(running: Started) -> None:
    assert running.seconds < 4 * ROOM


async def test_a_tenant_is_made_in_a_moment(beside: Platform) -> None:
    found = await provisioning_seconds(beside, repeats=3)
    assert found[Isolation.shared] < 0.05 * ROOM
    assert found[Isolation.schema] < 0.5 * ROOM
    assert found[Isolation.database] < 0.5 * ROOM


async def test_a_visit_leaves_little_in_memory(
    running: Started, beside: Platform
) -> None:
    few, many = [
        await mebibytes_after(running, beside, tenants=number) for number in (5, 30)
    ]
    assert many < 256
    assert (many - few) / 30 * 1000 < 256


async def test_current_homes_cost_the_migrator_next_to_nothing(
    running: Started, beside: Platform
) -> None:
    work, _ = await migration_seconds(running, beside, homes=1000)
    assert work < 2 * ROOM
