"""The flow: nobody waits for somebody else's endpoint, and nobody is flooded."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.events.webhooks.schedule import Plan
from insula.kernel.services.webhooks.flow import Flow
from insula.kernel.services.webhooks.models import EndpointState, Ordering
from tests.kernel.events.webhooks.sink import Sink, answer
from tests.kernel.services.webhooks.rig import Rig, Seen, in_turn


async def test_an_endpoint_has_no_more_jobs_than_requests_in_flight(rig: Rig) -> None:
    """A slow one takes one worker, whatever waits for it."""
    await rig.endpoint()
    await rig.endpoint("https://other.test/", concurrency=3)
    await rig.happen(10)
    assert len(await rig.jobs()) == 1 + 3
    states = [it["state"] for it in await rig.rows("webhook_deliveries")]
    assert (states.count("sending"), states.count("waiting")) == (4, 16)
    rig.receive()
    await rig.work()
    states = [it["state"] for it in await rig.rows("webhook_deliveries")]
    assert states == ["delivered"] * 20


FLOW = Flow(
    id=UUID(int=0),
    url="https://hook.test/",
    state=EndpointState.active,
    schedule=Plan.standard,
    ordering=Ordering.none,
    concurrency=1,
    rate=None,
    keeper_id=None,
    failing_since=None,
    strikes=0,
    open_until=None,
    free_at=None,
)


async def arrivals(rig: Rig, sink: Sink, count: int) -> list[float]:
    """How long each of some events takes to arrive, with two workers (S0-59)."""
    await rig.happen(count)
    began, wanted = time.monotonic(), len(sink.got) + count
    enough = asyncio.Event()

    async def worker() -> None:
        while not enough.is_set():
            job = await rig.take()
            await (asyncio.sleep(0.005) if job is None else rig.run(job))

    async with asyncio.timeout(20):
        workers = [asyncio.create_task(worker()) for _ in range(2)]
        arrived = [await sink.next() - began for _ in range(count)]
    enough.set()
    _, stuck = await asyncio.wait(workers, timeout=0.5)
    for task in stuck:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert len(sink.got) == wanted
    return sorted(arrived)


async def test_a_slow_endpoint_delays_no_other_by_a_second(
    rig: Rig, sink: Sink
) -> None:
    """Promise 11: p95 of the delay, though one endpoint never answers."""
    await rig.endpoint(sink.url(), events=["maintenance.*"])
    before = await arrivals(rig, sink, 20)
    slow = await Sink(delay=30).start()
    try:
        await rig.endpoint(slow.url(), events=["maintenance.*"])
        after = await arrivals(rig, sink, 20)
    finally:
        await slow.stop()
    assert len(slow.got) == 1
    assert after[18] - before[18] < 1


async def test_an_endpoint_that_is_down_is_tried_by_one_request_at_a_time(
    rig: Rig,
) -> None:
    """After three failures it rests; then one delivery finds out whether it is up."""
    rig.receive(lambda _: 502)
    endpoint = await rig.endpoint(concurrency=2)
    await rig.happen(100)
    await rig.work(until=timedelta(minutes=30))
    assert len(rig.seen) < 20
    row = (await rig.owner.get(f"webhook-endpoints/{endpoint['id']}")).data
    assert row["open_until"] is not None
    rests = [b.at - a.at for a, b in pairwise(rig.seen[3:])]
    assert rests == sorted(rests)
    rig.receive()
    await rig.work(until=timedelta(hours=1))
    states = {it["state"] for it in await rig.rows("webhook_deliveries")}
    assert states == {"delivered"}


async def test_a_receiver_that_asks_for_a_pause_has_it(rig: Rig, sink: Sink) -> None:
    sink.reply = lambda count: (
        answer(429, "retry-after: 90") if count < 2 else answer(200)
    )
    await rig.endpoint(sink.url())
    await rig.happen(3)
    ran = await rig.work()
    assert (ran[1] - ran[0]) >= timedelta(seconds=90)
    assert len(sink.got) == 4


async def test_a_rate_is_kept_on_average(rig: Rig) -> None:
    rig.receive()
    await rig.endpoint(rate=2, concurrency=10)
    await rig.happen(20)
    await rig.work()
    assert len(rig.seen) == 20
    lasted = rig.seen[-1].at - rig.seen[0].at
    assert timedelta(seconds=8.5) <= lasted <= timedelta(seconds=11)


@given(st.integers(1, 1000), st.integers(0, 999_999), st.integers(1, 1000))
def test_what_is_replenished_may_go(rate: int, micro: int, gone: int) -> None:
    """Whoever looks again in time always finds something to do: nobody spins."""
    moment = datetime(2026, 1, 1, microsecond=micro, tzinfo=UTC)
    flow = replace(FLOW, rate=rate)
    spent = flow.spent(min(gone, flow.allowance(moment)), moment)
    later = spent.replenished(moment)
    assert later >= moment
    assert spent.allowance(later) >= 1
    if later > moment:
        assert spent.allowance(later - timedelta(microseconds=1)) == 0


async def test_in_order_all_wait_for_the_first(rig: Rig) -> None:
    """`endpoint`: a delivery that fails holds up all those behind it."""
    rig.receive(in_turn(422, 422, 200))
    await rig.endpoint(ordering="endpoint", concurrency=5, events=["maintenance.*"])
    await rig.happen(4)
    await rig.work()
    told = [it.body["sequence"] for it in rig.seen]
    first = told[0]
    assert told == [first, first, first, first + 1, first + 2, first + 3]


async def test_in_order_of_rows_others_do_not_wait(rig: Rig) -> None:
    """`resource`: what happens to one row stays in order, other rows go on."""
    assets = await rig.happen(2)
    broken = assets[0]["id"]
    left = [422, 422]

    def moody(seen: Seen) -> int:
        return left.pop() if left and seen.body["resource_id"] == broken else 200

    rig.receive(moody)
    await rig.endpoint(ordering="resource", concurrency=5, events=["maintenance.*"])
    for asset in assets:
        for name in ("One", "Two"):
            path = f"maintenance/assets/{asset['id']}"
            version = (await rig.owner.get(path)).data["version"]
            sent = {"name": name, "version": version}
            await rig.owner.patch(path, sent)
    await rig.relay()
    await rig.work()
    told = [(it.body["resource_id"], it.body["sequence"]) for it in rig.seen]
    theirs = [at for key, at in told if key == broken]
    assert theirs == [theirs[0]] * 3 + [theirs[0] + 1]
    assert [key for key, _ in told].index(assets[1]["id"]) < 2
