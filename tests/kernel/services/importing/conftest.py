"""A tenant for the imports of a module, and somebody's wizard in it."""

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.services.importing.wizard import Wizard


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant of this module."""
    return await the_house.tenant()


@pytest.fixture(scope="module")
async def the_owner(the_house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await the_house.user(tenant)


@pytest.fixture
def wizard(house: House, tenant: Tenant, the_owner: Caller) -> Wizard:
    """The owner's wizard; a fault of the program fails the test."""
    return Wizard(house, tenant, the_owner)
