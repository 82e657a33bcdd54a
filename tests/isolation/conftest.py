"""Two tenants for each mode, whom all tests here share: no test changes the other's."""

import pytest

from insula.kernel.database.home import Isolation
from tests.house import House
from tests.isolation.neighbours import Neighbours, block_of, neighbours_of


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
