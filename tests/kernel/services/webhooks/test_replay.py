"""Replay: what never arrived is sent again, singly or by its time."""

from datetime import timedelta
from typing import Any

from insula.kernel.foundation.clock import now
from tests.kernel.services.webhooks.rig import Rig, in_turn


def span(**more: Any) -> dict[str, Any]:
    """All of the last hour."""
    since, until = now() - timedelta(hours=1), now() + timedelta(days=60)
    return {"since": since.isoformat(), "until": until.isoformat(), **more}


async def test_a_failed_delivery_is_sent_again_under_its_id(rig: Rig) -> None:
    """S0-63: dead letters are listed, and can be replayed singly."""
    rig.receive(in_turn(400, 400, 400, 400, 200))
    await rig.endpoint(schedule="short")
    await rig.happen()
    await rig.work()
    (failure,) = (await rig.owner.get("webhook-failures")).data
    path = f"webhook-deliveries/{failure['delivery_id']}"
    assert (await rig.owner.post(f"{path}/replay")).status == 200
    assert (await rig.owner.post(f"{path}/replay")).code == "WEBHOOK_DELIVERY_PENDING"
    await rig.work()
    assert (await rig.owner.get(path)).data["state"] == "delivered"
    assert len({it.id for it in rig.seen}) == 1
    assert len(rig.seen) == 5


async def test_a_range_is_sent_again_but_only_what_failed(rig: Rig) -> None:
    """S0-63: and by range."""
    rig.receive(in_turn(200, 410))
    endpoint = await rig.endpoint(schedule="short")
    await rig.happen(30)
    await rig.work()
    path = f"webhook-endpoints/{endpoint['id']}"
    body = span(endpoint_id=endpoint["id"])
    refused = await rig.owner.post("webhook-deliveries/replay", body)
    assert refused.code == "WEBHOOK_ENDPOINT_DISABLED"
    await rig.owner.post(f"{path}/enable")
    rig.receive(in_turn(200))
    accepted = await rig.owner.post("webhook-deliveries/replay", body)
    assert accepted.status == 202
    assert accepted.data["job_id"]
    await rig.work()
    rows = await rig.rows("webhook_deliveries")
    assert {it["state"] for it in rows} == {"delivered"}
    assert len(rig.seen) == 2 + 29


async def test_all_of_a_range_is_sent_again_on_wish(rig: Rig) -> None:
    rig.receive(in_turn(200))
    endpoint = await rig.endpoint()
    await rig.happen(5)
    await rig.work()
    rig.receive(in_turn(200))
    body = span(endpoint_id=endpoint["id"], only_failed=False)
    await rig.owner.post("webhook-deliveries/replay", body)
    await rig.work()
    assert len(rig.seen) == 10
    assert len({it.id for it in rig.seen}) == 5


async def test_a_range_must_have_a_length(rig: Rig) -> None:
    endpoint = await rig.endpoint()
    body = span(endpoint_id=endpoint["id"], until="2020-01-01T00:00:00Z")
    assert (await rig.owner.post("webhook-deliveries/replay", body)).status == 422


async def test_a_delivery_whose_job_was_lost_goes_on_by_itself(rig: Rig) -> None:
    """Nothing waits for ever for a job that somebody has cancelled."""
    rig.receive(in_turn(200))
    await rig.endpoint()
    await rig.happen(2)
    (job,) = await rig.jobs()
    await rig.end(job["id"])
    assert not await rig.jobs()
    await rig.tidy()
    await rig.work()
    assert len(rig.seen) == 2


async def test_the_record_of_a_delivery_is_kept_for_a_month(rig: Rig) -> None:
    rig.receive(in_turn(200))
    await rig.endpoint()
    await rig.happen(2)
    await rig.work()
    rig.watch.moment += timedelta(days=29)
    await rig.tidy()
    assert len(await rig.rows("webhook_deliveries")) == 2
    rig.watch.moment += timedelta(days=2)
    await rig.tidy()
    assert not await rig.rows("webhook_deliveries")
