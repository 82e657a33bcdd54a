"""Delivering: from something that happens to a signed request, as often as it takes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from standardwebhooks.webhooks import Webhook

from insula.kernel.database.home import Isolation
from insula.kernel.services.webhooks.payload import LARGEST
from tests.house import House
from tests.kernel.events.webhooks.sink import Sink, answer
from tests.kernel.services.webhooks.rig import Rig, Seen, new_rig

STANDARD = [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
SHORT = [0, 60, 300, 900]
EXTENDED = [0, 60, 300, 900, 3600, 14400, 43200, 86400, 86400]


async def test_the_official_library_verifies_what_arrived(rig: Rig, sink: Sink) -> None:
    """S4-34: over a real connection, signed with the endpoint's own secret."""
    endpoint = await rig.endpoint(sink.url("/insula"))
    (asset,) = await rig.happen()
    await rig.work()
    (got,) = sink.got
    told = Webhook(endpoint["secret"]).verify(got.body, got.headers)
    assert told["type"] == "maintenance.asset.created"
    assert (told["resource_id"], told["data"]["tag"]) == (asset["id"], asset["tag"])
    link = f"https://{rig.tenant.domain}/api/v1/maintenance/assets/{asset['id']}"
    assert (got.target, told["link"]) == ("/insula", link)
    (delivery,) = await rig.rows("webhook_deliveries")
    assert (delivery["state"], delivery["last_status"]) == ("delivered", 200)


@pytest.mark.parametrize("isolation", [Isolation.schema, Isolation.database])
async def test_a_home_of_its_own_makes_no_difference(
    house: House, sink: Sink, isolation: Isolation
) -> None:
    """S4-34: in every isolation mode."""
    rig = await new_rig(house, isolation)
    endpoint = await rig.endpoint(sink.url(), ordering="resource")
    await rig.happen(2)
    await rig.work()
    assert len(sink.got) == 2
    for got in sink.got:
        Webhook(endpoint["secret"]).verify(got.body, got.headers)
    await rig.webhooks.close()


@pytest.mark.parametrize(
    ("schedule", "waits"),
    [("standard", STANDARD), ("extended", EXTENDED), ("short", SHORT)],
)
async def test_the_whole_schedule_of_an_endpoint_that_is_down(
    rig: Rig, schedule: str, waits: list[float]
) -> None:
    """S0-62, S0-63: every attempt at its time, one id, then a row of its failure."""
    rig.receive(lambda _: 400)
    await rig.endpoint(schedule=schedule)
    await rig.happen()
    await rig.work()
    gaps = [b.at - a.at for a, b in pairwise(rig.seen)]
    assert [round(it.total_seconds()) for it in gaps] == waits[1:]
    assert len({it.id for it in rig.seen}) == 1
    stamps = {it.request.headers["webhook-timestamp"] for it in rig.seen}
    assert len(stamps) == len(waits)
    (failure,) = await rig.rows("webhook_failures")
    assert (failure["attempts"], failure["error"]) == (len(waits), "answered 400")


async def test_what_was_refused_once_arrives_the_next_time(
    rig: Rig, sink: Sink
) -> None:
    """S0-62."""
    sink.reply = lambda count: answer(500 if count < 3 else 204)
    await rig.endpoint(sink.url())
    await rig.happen()
    await rig.work()
    (delivery,) = await rig.rows("webhook_deliveries")
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert len({it.headers["webhook-id"] for it in sink.got}) == 1
    assert not await rig.rows("webhook_failures")


async def test_a_worker_that_dies_after_sending_sends_again_with_the_same_id(
    rig: Rig, sink: Sink
) -> None:
    """At least once, and the receiver can tell."""
    await rig.endpoint(sink.url())
    await rig.happen()
    (job,) = await rig.jobs()
    await rig.run(job, lost=True)
    await rig.work()
    first, second = sink.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (delivery,) = await rig.rows("webhook_deliveries")
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)


async def test_both_secrets_sign_for_a_day_after_a_rotation(rig: Rig) -> None:
    """S4-34, R34: a receiver may change its secret when it likes, for 24 hours."""
    rig.receive()
    endpoint = await rig.endpoint(asymmetric=True)
    turned = await rig.owner.post(f"webhook-endpoints/{endpoint['id']}/rotate-secret")
    old, new = endpoint["secret"], turned.data["secret"]
    began = rig.watch.moment
    for hours, good in ((0, [old, new]), (23, [old, new]), (25, [new])):
        rig.watch.moment = began + timedelta(hours=hours)
        await rig.happen()
        await rig.work()
        last = rig.seen[-1]
        given = last.request.headers["webhook-signature"].split(" ")
        assert sorted(it.partition(",")[0] for it in given) == [
            *(["v1"] * len(good)),
            *(["v1a"] * len(good)),
        ]
        assert [it for it in (old, new) if signed(it, last)] == good


def signed(secret: str, seen: Seen) -> bool:
    """Whether the official library, which has no clock, signs the same."""
    headers, body = seen.request.headers, seen.request.content.decode()
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    mine = Webhook(secret).sign(headers["webhook-id"], at, body)
    return mine in headers["webhook-signature"].split(" ")


async def test_too_much_to_tell_becomes_a_link(rig: Rig) -> None:
    rig.receive()
    await rig.endpoint()
    (asset,) = await rig.happen()
    await rig.enlarge(LARGEST)
    await rig.work()
    (seen,) = rig.seen
    assert len(seen.request.content) < 1000
    assert (seen.body["truncated"], seen.body["data"]) == (True, None)
    assert seen.body["link"].endswith(f"/api/v1/maintenance/assets/{asset['id']}")


async def test_an_endpoint_that_is_gone_is_disabled_at_once(rig: Rig) -> None:
    rig.receive(lambda _: 410)
    endpoint = await rig.endpoint()
    await rig.happen(3)
    ran = await rig.work()
    assert len(ran) == 1
    row = (await rig.owner.get(f"webhook-endpoints/{endpoint['id']}")).data
    assert (row["state"], row["disabled_reason"]) == ("disabled", "gone")
    states = {it["state"] for it in await rig.rows("webhook_deliveries")}
    assert states == {"failed"}
    assert len(await rig.rows("webhook_failures")) == 3


async def test_after_five_days_of_failure_an_endpoint_is_disabled_and_told_of(
    rig: Rig,
) -> None:
    """S0-63: and the notice is an event, so that somebody learns of it."""
    rig.receive(lambda _: 503)
    endpoint = await rig.endpoint()
    began = rig.watch.moment
    row = endpoint
    while row["state"] == "active" and rig.watch.moment - began < timedelta(days=6):
        await rig.happen()
        await rig.work(until=timedelta(hours=8))
        row = (await rig.owner.get(f"webhook-endpoints/{endpoint['id']}")).data
    lasted = rig.watch.moment - began
    assert timedelta(days=5) <= lasted < timedelta(days=5, hours=9)
    assert row["disabled_reason"] == "failing"
    names = [it["name"] for it in await rig.rows("outbox")]
    assert names.count("webhook_endpoint.disabled") == 1
    await rig.relay()
    assert not await rig.jobs()


async def test_one_success_begins_the_five_days_anew(rig: Rig) -> None:
    status = [500]
    rig.receive(lambda _: status[0])
    endpoint = await rig.endpoint()
    for status[0] in (500, 200, 500):
        await rig.happen()
        await rig.work(until=timedelta(days=3))
    row = (await rig.owner.get(f"webhook-endpoints/{endpoint['id']}")).data
    assert (row["state"], row["last_success_at"] is not None) == ("active", True)


async def test_nobody_is_told_of_webhooks_by_webhooks(rig: Rig) -> None:
    rig.receive()
    endpoint = await rig.endpoint()
    await rig.owner.patch(
        f"webhook-endpoints/{endpoint['id']}",
        {"description": "New"},
        headers={"if-match": '"1"'},
    )
    await rig.relay()
    await rig.work()
    assert not [it for it in rig.seen if it.body["type"].startswith("webhook_")]


async def test_a_forgotten_event_is_given_up(rig: Rig, sink: Sink) -> None:
    await rig.endpoint(sink.url())
    await rig.happen()
    (delivery,) = await rig.rows("webhook_deliveries")
    await rig.forget(delivery["event_id"])
    await rig.work()
    (failure,) = await rig.rows("webhook_failures")
    assert (failure["error"], sink.got) == ("the event is no longer kept", [])
