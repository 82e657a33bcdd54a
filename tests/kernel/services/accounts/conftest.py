"""A tenant with its people, for the tests of this folder."""

import pytest

from tests.house import House
from tests.kernel.services.accounts.people import Place


@pytest.fixture
async def place(house: House) -> Place:
    """A new tenant."""
    return Place(house, await house.tenant(apps=(), name="Acme & Co"))
