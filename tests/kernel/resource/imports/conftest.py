"""A home for the workshops of a module, and a tenant's workshop for each test."""

from collections.abc import AsyncIterator

import pytest

from insula.kernel.database.cluster import Cluster
from tests.kernel.resource.imports.trial import Workshop, opened_workshop


@pytest.fixture(scope="module")
async def place(cluster: Cluster) -> AsyncIterator[Workshop]:
    """A home for the workshops of this module."""
    async with opened_workshop(cluster) as workshop:
        yield workshop


@pytest.fixture
def workshop(place: Workshop) -> Workshop:
    """A tenant's empty workshop."""
    return Workshop(place.pools, place.home)
