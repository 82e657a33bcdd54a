"""One shop for the tests of a module."""

import pytest

from tests.apps.crm.shop import Shop, opened
from tests.house import House


@pytest.fixture(scope="module")
async def shop(the_house: House) -> Shop:
    """A shop that the module's tests share."""
    return await opened(the_house)
