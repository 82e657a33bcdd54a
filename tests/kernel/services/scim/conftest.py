"""A rig for each test."""

import pytest

from tests.house import House
from tests.kernel.services.scim.rig import Rig, new_rig


@pytest.fixture
async def rig(house: House) -> Rig:
    """A tenant with a directory."""
    return await new_rig(house)
