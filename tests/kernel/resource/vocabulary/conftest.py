"""The shop, and its owner, for the tests of every word."""

from collections.abc import AsyncIterator, Iterator

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.conftest import Journal
from tests.kernel.resource.vocabulary.shop import opened_shop


@pytest.fixture(scope="package")
async def the_shop(the_house: House) -> AsyncIterator[House]:
    """The house with the shop in it."""
    async with opened_shop(the_house) as shop:
        yield shop


@pytest.fixture
def shop(the_shop: House) -> Iterator[House]:
    """The same; a test during which it had a fault fails."""
    before = len(the_shop.witness.faults)
    yield the_shop
    faults = the_shop.witness.faults[before:]
    assert not faults, faults


@pytest.fixture(scope="module")
async def tenant(the_shop: House) -> Tenant:
    """A tenant with the shop, for the tests of one module."""
    return await the_shop.tenant(apps=("shop", "maintenance"))


@pytest.fixture(scope="module")
async def the_owner(the_shop: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await the_shop.user(tenant)


@pytest.fixture
def owner(shop: House, the_owner: Caller) -> Caller:
    """Who may do everything there; a fault of the program fails the test."""
    assert shop.http is the_owner.http
    return the_owner


@pytest.fixture
def journal(shop: House, tenant: Tenant) -> Journal:
    """The tenant's journal."""
    return Journal(shop.platform.open_session(tenant.home, tenant.id))
