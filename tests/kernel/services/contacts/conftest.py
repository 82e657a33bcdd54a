"""A tenant with its owner."""

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House


@pytest.fixture
async def acme(house: House) -> Tenant:
    return await house.tenant()


@pytest.fixture
async def owner(house: House, acme: Tenant) -> Caller:
    return await house.user(acme)
