"""Views: worked out once, kept for their tenant, and forgotten when a row changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from insula.kernel.database.home import Isolation
from insula.server.build import build_app
from insula.server.platform import Platform
from tests.house import Caller, House, Witness

pytestmark = pytest.mark.anyio
BOARD, ASSETS = "maintenance/dashboard", "maintenance/assets"


async def counts(caller: Caller) -> tuple[int, int, int]:
    """Assets, active routines and pending executions, as the dashboard says."""
    board = (await caller.get(BOARD)).data
    return board["assets"], board["active_routines"], board["pending_executions"]


@pytest.mark.parametrize("isolation", list(Isolation))
async def test_the_dashboard_counts_what_there_is(
    house: House, isolation: Isolation
) -> None:
    """S1-63: of this tenant alone."""
    owner = await house.user(await house.tenant(isolation))
    other = await house.user(await house.tenant())
    await other.create(ASSETS, name="Pump", tag="P")
    assert await counts(owner) == (0, 0, 0)
    made = [await owner.create(ASSETS, name="Pump", tag=f"P{at}") for at in range(3)]
    await owner.send("DELETE", f"{ASSETS}/{made[0]['id']}")
    rule = {"title": "Oil", "rrule": "FREQ=MONTHLY", "starts_on": "2026-01-01"}
    for active in (True, True, False):
        routine = {**rule, "category": "pump", "active": active}
        await owner.create("maintenance/routines", **routine)
    orders = "maintenance/work-orders"
    ids = [(await owner.create(orders, title=f"Fix {at}"))["id"] for at in range(3)]
    await owner.post(f"{orders}/{ids[0]}/cancel")
    assert await counts(owner) == (2, 2, 2)
    feed = (await owner.get(BOARD)).data["recent_activities"]
    assert feed[0]["resource_id"] == ids[0]
    assert len(feed) == 10


async def test_the_answer_is_kept_under_the_tenants_key(house: House) -> None:
    """S1-62: for 300 seconds, under `dashboard:{tenantId}`."""
    tenant = await house.tenant()
    owner, cache = await house.user(tenant), house.platform.cache
    key = f"dashboard:{tenant.id}"
    assert cache.of(tenant.id).peek(key) is None
    await owner.get(BOARD)
    assert cache.of(tenant.id).peek(key) is not None
    hits = cache.tally.hits
    assert (await owner.get(BOARD)).status == 200
    assert cache.tally.hits == hits + 1


async def test_every_way_to_write_drops_it(house: House) -> None:
    """S1-62: whoever writes sees it at once."""
    tenant = await house.tenant()
    owner, cache = await house.user(tenant), house.platform.cache

    async def dropped(method: str, path: str, body: Any = None, **more: Any) -> Any:
        await owner.get(BOARD)
        answer = await owner.send(method, path, json_body=body, **more)
        assert cache.of(tenant.id).peek(f"dashboard:{tenant.id}") is None, (
            method,
            path,
        )
        return answer.data

    path = (
        f"{ASSETS}/{(await dropped('POST', ASSETS, {'name': 'P', 'tag': '1'}))['id']}"
    )
    await dropped("PATCH", path, {"name": "X", "version": 1})
    await dropped("POST", f"{path}/take-down", {"reason": "Leaks"})
    await dropped("DELETE", path)
    await dropped("POST", f"{path}/restore")
    headers, text = {"content-type": "text/csv"}, b"name,tag\nValve,2\n"
    await dropped("POST", f"{ASSETS}/import", headers=headers, content=text)
    assert (await counts(owner))[0] == 2


async def test_what_changes_nothing_leaves_it(house: House) -> None:
    tenant, stranger = await house.tenant(), await house.tenant()
    owner, cache = await house.user(tenant), house.platform.cache
    await owner.get(BOARD)
    await owner.post(ASSETS, {"name": "P"})
    await owner.get(ASSETS)
    await (await house.user(stranger)).create(ASSETS, name="P", tag="1")
    assert cache.of(tenant.id).peek(f"dashboard:{tenant.id}") is not None


async def test_who_may_not_see_it_does_not_see_it_from_the_cache(house: House) -> None:
    tenant = await house.tenant()
    await (await house.user(tenant)).get(BOARD)
    customer = await house.user(tenant, "customer")
    assert (await customer.get(BOARD)).status == 403


@pytest.fixture
async def elsewhere(house: House) -> AsyncIterator[House]:
    """Another process over the same databases."""
    first, witness = house.platform, Witness()
    platform = Platform(first.settings, first.cluster, first.apps)
    platform.listen()
    await platform.bus.start()
    other = House(platform, build_app(platform, {}, witness), witness)
    async with other.http:
        yield other
    await platform.close()
    assert witness.faults == []


async def test_what_another_process_writes_drops_it_too(
    house: House, elsewhere: House
) -> None:
    """S1-62: within a second, in both directions."""
    owner = await house.user(await house.tenant())
    twin = Caller(elsewhere.http, owner.host, owner.token)
    for number, (writer, reader) in enumerate(((twin, owner), (owner, twin)), start=1):
        assert (await counts(reader))[0] == number - 1
        await writer.create(ASSETS, name="Pump", tag=f"P{number}")
        for _ in range(100):
            if (await counts(reader))[0] == number:
                break
            await asyncio.sleep(0.01)
        assert (await counts(reader))[0] == number


async def test_an_answer_that_was_overtaken_is_not_kept(house: House) -> None:
    """A write while the view is worked out: the old answer must not stay."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    for number in range(5):
        tag = f"P{number}"
        await asyncio.gather(
            *(owner.get(BOARD) for _ in range(4)),
            owner.create(ASSETS, name="Pump", tag=tag),
            *(owner.get(BOARD) for _ in range(4)),
        )
        assert (await counts(owner))[0] == number + 1
