"""A tenant without any app of its own, and people who work there."""

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant that has installed nothing."""
    return await the_house.tenant(apps=())


@pytest.fixture(scope="module")
async def the_owner(the_house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await the_house.user(tenant)


@pytest.fixture
def owner(house: House, the_owner: Caller) -> Caller:
    """The same; a fault of the program fails the test."""
    assert house is not None
    return the_owner
