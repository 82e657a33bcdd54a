"""A tenant with its mail, for the tests of this folder."""

from typing import Any

import pytest

from tests.house import House

from .desk import Desk, Post


@pytest.fixture
def post() -> Post:
    """Where mails go."""
    return Post()


@pytest.fixture
async def desk(house: House, post: Post) -> Desk:
    """The mail of a new tenant."""
    tenant: Any = await house.tenant(apps=(), name="Acme & Co")
    return Desk(house.platform, tenant, post)
