"""Two tenants for each mode, whom all tests here share: no test changes the other's."""

from collections.abc import AsyncIterator
from zlib import crc32

import pytest

from insula.kernel.database.cluster import Cluster
from insula.kernel.database.home import Home, Isolation
from tests.house import House
from tests.isolation.crowd import crowded
from tests.isolation.neighbours import Neighbours, block_of, neighbours_of


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Of a case that is refused before any row is looked at, one mode is enough."""
    left_out = [it for it in items if _in_another_mode(it)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [it for it in items if not _in_another_mode(it)]


def _in_another_mode(item: pytest.Item) -> bool:
    """Each operation has its mode, and all modes have as many."""
    if item.get_closest_marker("in_one_mode") is None:
        return False
    assert isinstance(item, pytest.Function)
    case, modes = item.callspec.params, list(Isolation)
    its_own = modes[crc32(str(case["name"]).encode()) % len(modes)]
    return case["settled_two"] is not its_own


@pytest.fixture(scope="package", params=list(Isolation))
async def settled_two(the_house: House, request: pytest.FixtureRequest) -> Neighbours:
    """Two tenants of one mode, each with a row of every resource."""
    return await neighbours_of(the_house, request.param)


@pytest.fixture(scope="package")
async def settled_block(the_house: House) -> Neighbours:
    """Two tenants in a database home whose walls a test may tear down for a while."""
    return await block_of(the_house)


@pytest.fixture
def two(house: House, settled_two: Neighbours) -> Neighbours:
    """Two tenants of one mode; a test in which the program has a fault fails."""
    return settled_two


@pytest.fixture
def block(house: House, settled_block: Neighbours) -> Neighbours:
    """Two tenants whose walls may be torn down; faults fail here too."""
    return settled_block


@pytest.fixture(scope="package")
async def crowd(cluster: Cluster) -> AsyncIterator[Home]:
    """A home with very many rows, whose plans are looked at."""
    async with crowded(cluster) as home:
        yield home
