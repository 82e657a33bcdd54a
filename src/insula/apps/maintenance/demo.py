"""Demonstration data: a small plant, so that a new tenant has something to look at."""

from datetime import timedelta
from typing import NamedTuple

from insula.sdk import Context

from .assets import Asset, AssetState
from .checklists import Checklist, ChecklistItem, ItemKind
from .downtime import AssetDowntime
from .locations import Location
from .meters import Meter
from .occurrences import generate
from .routines import BasedOn, Routine
from .work_orders import W, WorkOrder, WorkState

HALLS = ("Boiler house", "Production hall", "Warehouse", "Workshop")


class Family(NamedTuple):
    """Assets of one sort, and what is done to each of them."""

    name: str
    number: int
    hall: str
    unit: str
    task: str
    rrule: str


FAMILIES = (
    Family("Cooling pump", 10, HALLS[1], "h", "Grease", "FREQ=MONTHLY"),
    Family("Steam boiler", 2, HALLS[0], "h", "Test", "FREQ=WEEKLY"),
    Family("Press", 6, HALLS[1], "cycles", "Inspect", "FREQ=MONTHLY;BYMONTHDAY=-1"),
    Family("Forklift", 7, HALLS[2], "km", "Check", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=6"),
    Family("Air compressor", 3, HALLS[3], "h", "Service", "FREQ=YEARLY"),
    Family("Bay door", 12, HALLS[2], "cycles", "Adjust", "FREQ=MONTHLY;INTERVAL=3"),
)
CHECKLIST = (
    ("No leaks, no noise", ItemKind.tick, None, None),
    ("Oil temperature in °C", ItemKind.number, 20.0, 75.0),
    ("What else was seen", ItemKind.text, None, None),
)
ON_HOLD = W.scheduled, W.in_progress, W.on_hold
VERIFIED = W.scheduled, W.in_progress, W.done, W.verified
REPAIRS: tuple[tuple[str, tuple[WorkState, ...]], ...] = (
    ("Drips at the shaft seal", ()),
    ("Does not close", ON_HOLD[:1]),
    ("Shakes under load", ON_HOLD[:2]),
    ("Waits for a spare valve", ON_HOLD),
    ("Belt replaced", VERIFIED[:3]),
    ("Brakes adjusted", VERIFIED),
    ("Was a false alarm", (W.cancelled,)),
)


async def demo(ctx: Context) -> None:
    """Fill an empty tenant; does nothing where there are assets."""
    if await ctx.exists(Asset):
        return
    site = Location(name="Riverside plant")
    halls = {name: Location(name=name, parent_id=site.id) for name in HALLS}
    await ctx.add_missing([site, *halls.values()])
    members = [
        (family, _asset(family, number, halls[family.hall]))
        for family in FAMILIES
        for number in range(1, family.number + 1)
    ]
    assets = [asset for _, asset in members]
    broken = assets[4::15]
    for asset in broken:
        ctx.move(asset, AssetState.down)
    await ctx.add_missing(assets)
    since, why = ctx.now - timedelta(hours=7), "Stopped by itself"
    await ctx.add_missing(
        [AssetDowntime(asset_id=it.id, started_at=since, reason=why) for it in broken]
    )
    await ctx.add_missing(
        [
            Meter(asset_id=it.id, name="Counter", unit=family.unit, value=at * 137.5)
            for at, (family, it) in enumerate(members)
        ]
    )
    await _add_routines(ctx, members)
    repairs = zip(assets[1::6], REPAIRS, strict=True)
    await ctx.add_missing([_repair(ctx, it, *story) for it, story in repairs])
    await generate(ctx)


def _asset(family: Family, number: int, hall: Location) -> Asset:
    sort = family.name.split()[-1]
    return Asset(
        name=f"{family.name} {number}",
        tag=f"{sort[:2].upper()}-{number:03}",
        category=sort.lower(),
        serial=f"{7919 * number:06}",
        location_id=hall.id,
    )


async def _add_routines(ctx: Context, members: list[tuple[Family, Asset]]) -> None:
    checklist = Checklist(name="Round")
    items = [
        ChecklistItem(
            checklist_id=checklist.id,
            position=position,
            label=label,
            kind=kind,
            required=kind is not ItemKind.text,
            minimum=minimum,
            maximum=maximum,
        )
        for position, (label, kind, minimum, maximum) in enumerate(CHECKLIST)
    ]
    routines = [
        Routine(
            title=f"{family.task} {asset.name.lower()}",
            asset_id=asset.id,
            rrule=family.rrule,
            tz="Europe/Berlin",
            starts_on=(ctx.now - timedelta(days=90)).date(),
            based_on=BasedOn.completion if family.unit == "h" else BasedOn.schedule,
            checklist_id=checklist.id,
        )
        for family, asset in members
    ]
    await ctx.add_missing([checklist])
    await ctx.add_missing(items)
    await ctx.add_missing(routines)


def _repair(
    ctx: Context, asset: Asset, title: str, states: tuple[WorkState, ...]
) -> WorkOrder:
    order = WorkOrder(title=f"{asset.name}: {title}", asset_id=asset.id)
    for wanted in states:
        ctx.move(order, wanted)
    order.done_at = ctx.now if W.done in states else None
    return order
