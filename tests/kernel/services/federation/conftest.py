"""A rig for each test; the service asks the test's provider instead of the internet."""

from collections.abc import AsyncIterator

import pytest

from tests.house import House
from tests.kernel.services.federation.idp import Idp
from tests.kernel.services.federation.rig import Rig


@pytest.fixture
async def rig(house: House) -> AsyncIterator[Rig]:
    """A tenant with a proved domain."""
    tenant = await house.tenant(apps=())
    owner, idp = await house.user(tenant), Idp()
    rig = Rig(house, tenant, owner, idp, f"{tenant.slug}.example")
    service, before = rig.federation, dict(rig.federation.__dict__)
    service.__dict__["client"] = idp.client()
    await rig.prove(rig.domain)
    idp.claims["email"] = f"Ada@{rig.domain}"
    yield rig
    service.__dict__.clear()
    service.__dict__.update(before)
    house.http.cookies.clear()
