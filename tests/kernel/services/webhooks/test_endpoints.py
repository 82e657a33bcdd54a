"""Endpoints: who may have them, what they may hear of, and what is never shown."""

import json
from typing import Any

import pytest

from tests.house import House
from tests.kernel.events.webhooks.sink import Sink
from tests.kernel.services.webhooks.rig import Rig, new_rig


async def test_the_secret_is_shown_once_and_lies_sealed(rig: Rig) -> None:
    """S4-34: a secret of its own for each endpoint, in no table, log or answer."""
    endpoint = await rig.endpoint(asymmetric=True)
    path = f"webhook-endpoints/{endpoint['id']}"
    assert endpoint["secret"].startswith("whsec_")
    assert endpoint["public_key"].startswith("whpk_")
    other = (await rig.endpoint())["secret"]
    assert other != endpoint["secret"]
    read = await rig.owner.get(path)
    assert "secret" not in read.data
    await rig.relay()
    for table in (
        "webhook_endpoints",
        "webhook_secrets",
        "audit_log",
        "outbox",
        "jobs",
    ):
        text = str(await rig.rows(table))
        assert "whsec_" not in text
        assert "whsk_" not in text
        assert endpoint["secret"][6:20] not in text


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://hook.test/"},
        {"url": "https://"},
        {"url": "nonsense"},
        {"url": "https://user:pass@hook.test/"},
        {"url": "https://hook.test/" + "x" * 2000},
        {"url": "https://hook.test/", "events": ["Nonsense!"]},
        {"url": "https://hook.test/", "events": ["a.*.b"]},
        {"url": "https://hook.test/", "concurrency": 0},
        {"url": "https://hook.test/", "rate": 0},
        {"url": "https://hook.test/", "schedule": "never"},
        {"url": "https://hook.test/", "state": "disabled"},
        {"url": "https://hook.test/", "keeper_id": "x"},
        {"url": "https://hook.test/", "secret": "whsec_mine"},
    ],
)
async def test_what_cannot_be_an_endpoint_is_refused(
    rig: Rig, body: dict[str, Any]
) -> None:
    assert (await rig.owner.post("webhook-endpoints", body)).status == 422


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([], 1),
        (["*"], 1),
        (["maintenance.*"], 1),
        (["maintenance.asset.*"], 1),
        (["maintenance.asset.created"], 1),
        (["maintenance.asset.updated"], 0),
        (["maintenance.asse.*"], 0),
        (["billing.*", "maintenance.asset.created"], 1),
    ],
)
async def test_an_endpoint_hears_of_what_it_asked_for(
    rig: Rig, events: list[str], count: int
) -> None:
    rig.receive()
    await rig.endpoint(events=events)
    await rig.happen()
    await rig.work()
    assert [it.body["type"] for it in rig.seen] == ["maintenance.asset.created"] * count


async def test_nobody_hears_of_what_their_keeper_may_not_read(
    rig: Rig, house: House
) -> None:
    """Promise 1: a webhook is no way around a permission, taken away later or not."""
    rig.receive()
    admin = await house.user(rig.tenant, "admin")
    await admin.create("webhook-endpoints", url="https://hook.test/")
    await rig.happen()
    await rig.work()
    assert len(rig.seen) == 1
    await rig.happen()
    await rig.set_roles(admin, ["customer"])
    await rig.work()
    await rig.happen()
    await rig.work()
    assert len(rig.seen) == 1
    rows = await rig.rows("webhook_failures")
    assert [it["error"] for it in rows] == [
        "whoever answers for the endpoint may not read this any more"
    ]


async def test_another_tenant_sees_changes_and_hears_nothing(
    rig: Rig, house: House, sink: Sink
) -> None:
    """Promise 1: foreign endpoints and deliveries are not found."""
    endpoint = await rig.endpoint(sink.url())
    await rig.happen()
    await rig.work()
    (delivery,) = await rig.rows("webhook_deliveries")
    stranger = await new_rig(house)
    await stranger.happen()
    await stranger.work()
    assert len(sink.got) == 1
    for path in (
        f"webhook-endpoints/{endpoint['id']}/rotate-secret",
        f"webhook-endpoints/{endpoint['id']}/disable",
        f"webhook-endpoints/{endpoint['id']}/test",
        f"webhook-deliveries/{delivery['id']}/replay",
    ):
        assert (await stranger.owner.post(path)).status == 404
    for path in ("webhook-endpoints", "webhook-deliveries", "webhook-failures"):
        assert (await stranger.owner.get(path)).data == []
    span = {"since": "2020-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}
    body = {"endpoint_id": endpoint["id"], **span}
    assert (await stranger.owner.post("webhook-deliveries/replay", body)).status == 404


async def test_members_have_no_webhooks(rig: Rig, house: House) -> None:
    member = await house.user(rig.tenant, "member")
    assert (await member.get("webhook-endpoints")).status == 403
    body = {"url": "https://hook.test/"}
    assert (await member.post("webhook-endpoints", body)).status == 403


async def test_a_test_arrives_like_any_other(rig: Rig) -> None:
    rig.receive()
    endpoint = await rig.endpoint(events=["maintenance.*"])
    sent = await rig.owner.post(f"webhook-endpoints/{endpoint['id']}/test")
    assert sent.data["event_name"] == "webhook.test"
    await rig.work()
    assert [it.body["type"] for it in rig.seen] == ["webhook.test"]
    found = await rig.owner.get("webhook-deliveries?state=delivered")
    assert [it["id"] for it in found.data] == [sent.data["id"]]


async def test_a_disabled_endpoint_hears_nothing_until_it_is_enabled(rig: Rig) -> None:
    rig.receive()
    endpoint = await rig.endpoint(events=["maintenance.*"])
    path = f"webhook-endpoints/{endpoint['id']}"
    await rig.happen()
    assert (await rig.owner.post(f"{path}/disable")).data["disabled_reason"] == "asked"
    assert (await rig.owner.post(f"{path}/disable")).status == 409
    await rig.happen()
    await rig.work()
    assert not rig.seen
    assert (await rig.owner.post(f"{path}/enable")).data["state"] == "active"
    await rig.happen()
    await rig.work()
    assert len(rig.seen) == 1


async def test_who_leaves_leaves_no_endpoint_behind_unnoticed(
    rig: Rig, house: House
) -> None:
    """It is disabled and told of; whoever enables it answers for it from then on."""
    rig.receive()
    admin = await house.user(rig.tenant, "admin")
    endpoint = await admin.create("webhook-endpoints", url="https://hook.test/")
    path = f"webhook-endpoints/{endpoint['id']}"
    await rig.dismiss(admin)
    await rig.tidy()
    row = (await rig.owner.get(path)).data
    assert (row["state"], row["disabled_reason"]) == ("disabled", "orphaned")
    enabled = (await rig.owner.post(f"{path}/enable")).data
    assert enabled["keeper_id"] == str(rig.owner.actor_id)
    await rig.happen()
    await rig.work()
    assert len(rig.seen) == 1


async def test_an_address_of_the_inside_is_never_connected_to(rig: Rig) -> None:
    """S4-34: whatever URL a tenant writes."""
    await rig.endpoint("http://10.0.0.1:8080/")
    await rig.happen()
    await rig.work(until=None, most=1)
    (delivery,) = await rig.rows("webhook_deliveries")
    assert delivery["error"] == "refused: the host has an address that is not public"


async def test_a_test_of_a_deleted_endpoint_is_not_found(rig: Rig) -> None:
    endpoint = await rig.endpoint()
    path = f"webhook-endpoints/{endpoint['id']}"
    await rig.happen()
    deleted = await rig.owner.send("DELETE", path, headers={"if-match": '"1"'})
    assert deleted.status == 200, json.dumps(deleted.body)
    await rig.work()
    assert (await rig.owner.post(f"{path}/test")).status == 404
    states = {it["state"] for it in await rig.rows("webhook_deliveries")}
    assert states == {"failed"}
