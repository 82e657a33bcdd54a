"""A tenant with assets for each module, and runs that are worked off here and now."""

from dataclasses import dataclass
from typing import Any

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

ASSETS = "maintenance/assets"


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who writes many rows, and the worker who does it."""

    house: House
    tenant: Tenant
    caller: Caller

    async def ask(self, body: Any, **more: Any) -> Answer:
        """Ask for a run."""
        return await self.caller.post(f"{ASSETS}/bulk", body, **more)

    async def run(self, body: Any) -> dict[str, Any]:
        """A run, done."""
        asked = await self.ask(body)
        assert (asked.status, asked.data["state"]) == (202, "queued"), asked.body
        await self.house.work(self.tenant)
        return await self.look(asked.data)

    async def look(self, run: Any) -> dict[str, Any]:
        """A run as it is now."""
        found: dict[str, Any] = (await self.caller.get(f"bulk-runs/{run['id']}")).data
        return found

    async def rows(self, run: Any, query: str = "") -> list[dict[str, Any]]:
        """What became of the rows."""
        answer = await self.caller.get(f"bulk-runs/{run['id']}/rows{query}")
        found: list[dict[str, Any]] = answer.data
        return found

    async def undo(self, run: Any) -> dict[str, Any]:
        """The run that undoes another, done."""
        back = (await self.caller.post(f"bulk-runs/{run['id']}/undo")).data
        await self.house.work(self.tenant)
        return await self.look(back)

    async def assets(self, count: int, **more: Any) -> list[dict[str, Any]]:
        """New assets, made by a run that was waited for."""
        new = [{"name": f"Pump {n}", "tag": fresh(), **more} for n in range(count)]
        run = (await self.ask({"create": new}, params={"wait": "true"})).data
        assert (run["done"], run["failed"]) == (count, 0), await self.rows(run)
        return [await self.asset(it) for it in await self.rows(run, "?per_page=200")]

    async def asset(self, row: Any) -> dict[str, Any]:
        """An asset as it is now."""
        found: dict[str, Any] = (await self.caller.get(f"{ASSETS}/{row['id']}")).data
        return found


def fresh() -> str:
    """A tag that no other asset has."""
    return f"T-{uuid7().hex}"


@pytest.fixture(scope="module")
async def the_desk(the_house: House) -> Desk:
    """A tenant of its own for each module, and its owner."""
    tenant = await the_house.tenant()
    return Desk(the_house, tenant, await the_house.user(tenant))


@pytest.fixture
def desk(house: House, the_desk: Desk) -> Desk:
    """The same; a fault of the program fails the test."""
    assert house.http is the_desk.caller.http
    return the_desk
