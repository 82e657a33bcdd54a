"""A tenant whose people follow the links of their mails, in a browser without scripts."""

import pytest

from tests.house import House
from tests.kernel.services.accounts.people import Place
from tests.kernel.services.oauth.browsing import Browser


@pytest.fixture
async def place(house: House) -> Place:
    """A new tenant."""
    return Place(house, await house.tenant(apps=(), name="Acme & Co"))


@pytest.fixture
def browser(place: Place) -> Browser:
    """Somebody's browser."""
    return Browser(place.visitor())
