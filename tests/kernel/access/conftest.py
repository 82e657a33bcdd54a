"""The town of the access tests: one house with its apps, one tenant for each module."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.access.town import opened_town


@dataclass
class Town:
    """A tenant with all apps of the town, its owner, and whoever comes."""

    house: House
    tenant: Tenant
    owner: Caller
    people: dict[str, Caller] = field(default_factory=dict)

    async def user(self, *roles: str) -> Caller:
        """Somebody with these roles; without any, with none at all."""
        return await self.house.user(self.tenant, *(roles or ("nothing",)))

    async def role(self, name: str, *grants: str, **masks: Any) -> Any:
        """A role of the tenant's own; a mask is ``sales_deals={"hide": [...]}``."""
        named = {key.replace("_", ".", 1): mask for key, mask in masks.items()}
        return await self.owner.create(
            "roles", name=name, title=name, grants=[*grants], masks=named
        )

    async def team(
        self, name: str, *people: Caller, roles: tuple[str, ...] = ()
    ) -> str:
        """A team of these people."""
        team = await self.owner.create("teams", name=name, roles=[*roles])
        for person in people:
            await self.owner.create(
                f"teams/{team['id']}/members", user_id=str(person.actor_id)
            )
        return str(team["id"])

    async def deal(self, title: str, of: Caller | None = None, **more: Any) -> Any:
        """A deal, somebody's if said so."""
        owner = None if of is None else str(of.actor_id)
        return await self.owner.create(
            "sales/deals", title=title, owner_id=owner, **more
        )


@pytest.fixture(scope="package")
async def the_town(the_house: House) -> AsyncIterator[House]:
    """The house with the apps of the town."""
    async with opened_town(the_house) as house:
        yield house


@pytest.fixture(scope="module")
async def settled_town(the_town: House) -> Town:
    """A tenant with all apps."""
    tenant = await the_town.tenant(apps=("maintenance", "sales", "isp", "commerce"))
    return Town(the_town, tenant, await the_town.user(tenant))


@pytest.fixture
def town(settled_town: Town) -> Iterator[Town]:
    """The tenant of the module; a test in which the program has a fault fails."""
    witness = settled_town.house.witness
    before = len(witness.faults)
    yield settled_town
    assert not witness.faults[before:], witness.faults[before:]
