"""One tenant with a log of its own for each test."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from insula.kernel.database.bootstrap import opened
from tests.house import House
from tests.kernel.events.audit.ledger import Ledger


@pytest.fixture
async def ledger(house: House) -> AsyncIterator[Ledger]:
    """The log of a new tenant in the shared home, so far without a chain."""
    tenant = await house.tenant(apps=())
    admin = house.platform.cluster.admin
    login = replace(admin, database=tenant.home.login.database)
    async with opened(login) as superuser:
        yield Ledger(house, tenant, superuser)
