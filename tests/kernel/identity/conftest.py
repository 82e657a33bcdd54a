"""Two tenants in the shared home, and two processes that sign their users in."""

from collections.abc import AsyncIterator

import pytest

from insula.kernel.database.cluster import Cluster
from insula.kernel.database.pool import Pools
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.tenant import Tenant
from tests.kernel.identity.house import PASSWORD, House, Process


@pytest.fixture(scope="session")
async def hashed(anyio_backend: str) -> str:
    return await hash_password(PASSWORD)


@pytest.fixture
async def house(cluster: Cluster, homes: Homes, hashed: str) -> AsyncIterator[House]:
    pools = Pools(budget=32, share=24)
    house = House(cluster, pools, hashed)
    yield house
    await house.clear()
    await pools.close()


@pytest.fixture
def acme(house: House) -> Tenant:
    return house.tenant("acme")


@pytest.fixture
def globex(house: House) -> Tenant:
    return house.tenant("globex")


@pytest.fixture
def process(house: House) -> Process:
    return house.process()


@pytest.fixture
def other_process(house: House) -> Process:
    return house.process()
