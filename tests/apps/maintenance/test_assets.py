"""Assets: where they are, whether they work, and what their meters count."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from insula.apps.maintenance.assets import Asset
from insula.apps.maintenance.downtime import AssetDowntime
from insula.apps.maintenance.locations import InsideItself
from insula.apps.maintenance.meters import ReadingAhead, ReadingGoesBack
from insula.kernel.foundation.errors import Invalid
from insula.kernel.resource.machines import WrongMove
from insula.kernel.resource.violations import Busy
from tests.apps.maintenance.plant import Plant


async def test_an_asset_that_goes_down_and_up_leaves_one_closed_downtime(
    plant: Plant,
) -> None:
    asset = await plant.asset()
    down = await plant.ask("assets.take_down", asset, reason="Leaks")
    (open_,) = await plant.every("asset_downtimes", asset_id=asset)
    up = await plant.ask("assets.bring_up", asset)
    (closed,) = await plant.every("asset_downtimes", asset_id=asset)
    assert (down["state"], up["state"]) == ("down", "in_service")
    assert (open_["ended_at"], open_["reason"]) == (None, "Leaks")
    assert closed["ended_at"] >= closed["started_at"]
    events = await plant.events("maintenance.asset.")
    assert [it for it in events if not it.endswith("d")] == [
        "maintenance.asset.down",
        "maintenance.asset.up",
    ]


async def test_what_is_down_cannot_go_down_again(plant: Plant) -> None:
    asset = await plant.asset()
    await plant.ask("assets.take_down", asset, reason="Leaks")
    with pytest.raises(WrongMove):
        await plant.ask("assets.take_down", asset, reason="Leaks")
    assert len(await plant.every("asset_downtimes")) == 1


async def test_retiring_ends_the_downtime_and_the_routines(plant: Plant) -> None:
    asset = await plant.asset()
    await plant.routine(asset_id=asset)
    await plant.ask("assets.take_down", asset, reason="Broken for good")
    await plant.ask("assets.retire", asset)
    (downtime,) = await plant.every("asset_downtimes")
    assert downtime["ended_at"] is not None
    assert await plant.every("routines", scope="active") == []
    with pytest.raises(WrongMove):
        await plant.ask("assets.bring_up", asset)


async def test_downtimes_of_one_asset_never_overlap(plant: Plant) -> None:
    asset = await plant.asset()
    other = await plant.asset(tag="P-2")
    (row,) = [it for it in await plant.rows(Asset) if str(it.id) == asset]
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    spans = [(row.id, noon, None), (row.id, noon + timedelta(hours=1), None)]
    with pytest.raises(Invalid) as refused:
        await plant.write(
            AssetDowntime(asset_id=key, started_at=start, ended_at=end, reason="x")
            for key, start, end in spans
        )
    assert [it.field for it in refused.value.fields] == ["asset_id"]
    await plant.ask("assets.take_down", other, reason="Another asset may")


async def test_two_assets_cannot_have_one_tag(plant: Plant) -> None:
    await plant.asset()
    with pytest.raises(Invalid) as refused:
        await plant.asset()
    assert [(it.field, it.code) for it in refused.value.fields] == [("tag", "taken")]


async def test_a_place_moves_with_what_is_in_it_but_not_into_itself(
    plant: Plant,
) -> None:
    site = await plant.make("locations", name="Site")
    hall = await plant.make("locations", name="Hall", parent_id=site["id"])
    shelf = await plant.make("locations", name="Shelf", parent_id=hall["id"])
    for inner in (site, shelf):
        with pytest.raises(InsideItself):
            await plant.ask("locations.move", site["id"], parent_id=inner["id"])
    await plant.ask("locations.move", hall["id"], parent_id=None)
    (moved,) = await plant.every("locations", parent_id=hall["id"])
    assert moved["id"] == shelf["id"]


async def test_two_moves_at_once_make_no_ring(plant: Plant) -> None:
    first, second = [await plant.make("locations", name=it) for it in ("A", "B")]
    outcomes = await asyncio.gather(
        plant.ask("locations.move", first["id"], parent_id=second["id"]),
        plant.ask("locations.move", second["id"], parent_id=first["id"]),
        return_exceptions=True,
    )
    refused = [it for it in outcomes if isinstance(it, Busy | InsideItself)]
    assert len(refused) == 1


async def test_a_meter_only_goes_up(plant: Plant) -> None:
    asset = await plant.asset()
    meter = await plant.make("meters", asset_id=asset, name="Hours", unit="h")
    first, second = "2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z"
    await plant.ask("meters.record", meter["id"], value=10.5, taken_at=first)
    shown = await plant.ask("meters.record", meter["id"], value=11, taken_at=second)
    assert (shown["value"], shown["read_at"]) == (11.0, second)
    for value, taken_at in ((10.9, "2026-06-03T12:00:00Z"), (12, first), (12, second)):
        with pytest.raises(ReadingGoesBack):
            await plant.ask(
                "meters.record", meter["id"], value=value, taken_at=taken_at
            )
    readings = await plant.every("readings", meter_id=meter["id"], sort="taken_at")
    assert [it["value"] for it in readings] == [10.5, 11.0]


async def test_nobody_reads_a_meter_in_the_future(plant: Plant) -> None:
    asset = await plant.asset()
    meter = await plant.make("meters", asset_id=asset, name="Hours", unit="h")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(ReadingAhead):
        await plant.ask(
            "meters.record", meter["id"], value=1, taken_at=tomorrow.isoformat()
        )
