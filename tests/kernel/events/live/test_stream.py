"""The stream of events: complete, in order, once, and only for who may know."""

import asyncio
from collections.abc import Callable

import pytest

from insula.kernel.database.bus import Bus
from insula.kernel.database.home import Isolation
from insula.kernel.events.live import listener, room
from insula.kernel.events.live.listener import MOST_WAITING
from insula.kernel.services.live import stream
from tests.house import House
from tests.kernel.events.live.hearing import (
    ASSETS,
    happen,
    listening,
    number,
    relay,
    tags,
)

pytestmark = pytest.mark.anyio
MODES = list(Isolation)


@pytest.mark.parametrize("mode", MODES)
async def test_what_happens_is_told_as_it_happens(
    house: House, mode: Isolation
) -> None:
    """S2-90, S2-62: tenant-scoped updates in real time."""
    tenant = await house.tenant(mode)
    owner = await house.user(tenant)
    async with listening(house, owner) as ear:
        assert (ear.status, ear.headers[b"content-type"]) == (200, b"text/event-stream")
        assert ear.headers[b"x-accel-buffering"] == b"no"
        assert ear.headers[b"x-content-type-options"] == b"nosniff"
        await happen(house, tenant, owner, "A1", "A2")
        events = await ear.until(2)
    assert tags(events) == ["A1", "A2"]
    assert [it["sequence"] for it in events] == [1, 2]
    assert {it["name"] for it in events} == {"maintenance.asset.created"}


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_of_another_tenant_ever_arrives(
    house: House, mode: Isolation
) -> None:
    """S2-90, promise 1."""
    mine, theirs = await house.tenant(mode), await house.tenant(mode)
    me, them = await house.user(mine), await house.user(theirs)
    async with listening(house, me) as ear:
        await happen(house, theirs, them, "B1", "B2", "B3")
        await happen(house, mine, me, "A1")
        assert tags(await ear.until(1)) == ["A1"]
        assert b"B1" not in ear.text


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_lost_or_doubled_over_reconnects(
    house: House, mode: Isolation
) -> None:
    """S2-90: whoever comes back with the last number goes on behind it."""
    tenant = await house.tenant(mode)
    owner = await house.user(tenant)
    heard: list[str] = []
    last = 0
    for turn in range(4):
        await happen(house, tenant, owner, f"away{turn}")
        async with listening(house, owner, after=last) as ear:
            await happen(house, tenant, owner, f"here{turn}", f"too{turn}")
            events = await ear.until(3)
        heard += tags(events)
        last = events[-1]["sequence"]
    assert heard == [
        f"{it}{turn}" for turn in range(4) for it in ("away", "here", "too")
    ]


async def test_a_resume_while_much_happens_misses_nothing(house: House) -> None:
    """The place in the room is taken while events come: none falls between."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    wanted = [f"M{at}" for at in range(60)]
    await happen(house, tenant, owner, *wanted[:20])

    async def go_on() -> None:
        for tag in wanted[20:]:
            await happen(house, tenant, owner, tag)

    making = asyncio.create_task(go_on())
    for _ in range(5):
        async with listening(house, owner, after=0) as ear:
            assert tags(await ear.until(20))[:20] == wanted[:20]
    async with listening(house, owner, after=0) as ear:
        assert tags(await ear.until(60)) == wanted
    await making


async def test_the_relay_of_another_process_is_heard(house: House) -> None:
    """S2-62: servers and workers are processes of their own."""
    tenant = await house.tenant()
    owner, cluster = await house.user(tenant), house.platform.cluster
    async with listening(house, owner) as ear:
        await owner.create(ASSETS, name="A1", tag="A1")
        await number(house, tenant)
        worker = Bus(cluster.app(cluster.control))
        worker.announce(f"events:{tenant.id}")
        await worker.stop()
        assert tags(await ear.until(1)) == ["A1"]


async def test_a_lost_notice_delays_and_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK", 0.05)
    tenant = await house.tenant()
    owner = await house.user(tenant)
    async with listening(house, owner) as ear:
        await owner.create(ASSETS, name="A1", tag="A1")
        await number(house, tenant)
        assert tags(await ear.until(1)) == ["A1"]


async def test_signs_of_life_move_the_number_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may see none of much comes back behind it, not before it."""
    monkeypatch.setattr(stream, "BEAT", 0.05)
    tenant = await house.tenant()
    owner, nobody = await house.user(tenant), await house.user(tenant, "customer")
    async with listening(house, nobody) as ear:
        await happen(house, tenant, owner, "A1", "A2")
        await settled(lambda: b": beat\nid: 2\n\n" in ear.text)
        assert b"data" not in ear.text


async def test_an_unknown_number_is_answered_with_a_reset(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await happen(house, tenant, owner, "A1")
    async with listening(house, owner, after=10**9) as ear:
        [hello, reset] = ear.blocks() if ear.text.count(b"\n\n") == 2 else [{}, {}]
        await happen(house, tenant, owner, "A2")
        assert tags(await ear.until(1)) == ["A2"]
    assert (hello.get("id"), reset.get("event")) in (("1", "reset"), (None, None))
    assert b'event: reset\nid: 1\ndata: {"position":1}' in ear.text


async def test_only_what_was_asked_for_is_told(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    async with (
        listening(house, owner, events="maintenance.location.*") as places,
        listening(house, owner, events="maintenance.*") as all_of_it,
    ):
        await owner.create("maintenance/locations", name="Roof")
        await happen(house, tenant, owner, "A1")
        names = [it["name"] for it in await all_of_it.until(2)]
        [place] = await places.until(1)
    assert names == ["maintenance.location.created", "maintenance.asset.created"]
    assert place["data"]["name"] == "Roof"
    assert b"A1" not in places.text


async def test_only_what_a_role_may_read_is_told(house: House) -> None:
    """S2-90: the permission that reads the resource decides."""
    tenant = await house.tenant()
    owner, viewer = await house.user(tenant), await house.user(tenant, "viewer")
    nobody = await house.user(tenant, "customer")
    async with listening(house, viewer) as sees, listening(house, nobody) as blind:
        await happen(house, tenant, owner, "A1")
        assert tags(await sees.until(1)) == ["A1"]
        assert b"A1" not in blind.text
    assert (await nobody.get("events")).data == []


async def settled(claim: Callable[[], bool]) -> None:
    """Return when the claim has become true."""
    for _ in range(500):
        if claim():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never became true")


async def test_who_does_not_read_is_hung_up_on_and_loses_nothing(house: House) -> None:
    """S2-90: the queue of a slow listener is bounded."""
    tenant = await house.tenant()
    owner = await house.user(tenant)
    hub = house.platform.live
    async with listening(house, owner, taking=False) as ear:
        await settled(lambda: tenant.id in hub._rooms)
        [place] = hub._rooms[tenant.id].values()
        [slow] = place.listeners
        await happen(house, tenant, owner, "A1")
        await settled(lambda: bool(slow._waiting))
        event = slow._waiting[0]
        for at in range(MOST_WAITING):
            slow.offer([event._replace(sequence=2 + at)])
        assert len(slow._waiting) == 0
        ear.take(taking=True)
        await ear.over()
    assert b"come again" in ear.text
    async with listening(house, owner, after=0) as again:
        assert tags(await again.until(1)) == ["A1"]


async def test_a_stuck_client_does_not_hold_up_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 16: a server that stops waits for nobody who reads nothing."""
    monkeypatch.setattr(listener, "FAREWELL", 0.05)
    tenant = await house.tenant()
    owner = await house.user(tenant)
    hub = house.platform.live
    async with listening(house, owner) as ear:
        ear.take(taking=False)
        await happen(house, tenant, owner, "A1", "A2")
        [place] = hub._rooms[tenant.id].values()
        [stuck] = place.listeners
        await settled(lambda: not stuck._waiting or stuck._waiting[0].sequence > 1)
        stuck.end(listener.Ending.restart)
        await ear.over()
    assert len(hub) == 0


async def test_the_list_is_the_same_for_who_pulls(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await happen(house, tenant, owner, *(f"A{at}" for at in range(5)))
    page = await owner.get("events?events=maintenance.asset.created&per_page=2")
    found = tags(page.data)
    while page.body["links"]["next"]:
        page = await owner.get(page.body["links"]["next"])
        found += tags(page.data)
    assert found == [f"A{at}" for at in range(5)]
    assert page.body["meta"]["position"] == 5
    assert (await owner.get("events?cursor=5")).data == []


async def test_events_are_told_once_they_have_their_number(house: House) -> None:
    tenant = await house.tenant()
    owner = await house.user(tenant)
    await owner.create("maintenance/assets", name="A1", tag="A1")
    assert (await owner.get("events")).data == []
    await relay(house, tenant)
    assert tags((await owner.get("events")).data) == ["A1"]


@pytest.mark.parametrize("query", ["events=", "events=A.b", "after=x", "after=-1"])
async def test_an_odd_wish_is_refused_before_the_stream(
    house: House, query: str
) -> None:
    """Promise 15."""
    owner = await house.user(await house.tenant())
    assert (await owner.get(f"events/stream?{query}")).status == 400
    listed = query.replace("after", "cursor")
    assert (await owner.get(f"events?{listed}")).status == 400
