"""Meters: what an asset counts, hours or kilometres, and what was read from it."""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime

from insula.sdk import (
    Average,
    Code,
    Command,
    Conflict,
    Context,
    Day,
    Holds,
    Mapped,
    Max,
    Min,
    Month,
    Resource,
    ShortText,
    TenantModel,
    Unique,
    column,
    ref,
)


class Meter(TenantModel):
    """A counter on an asset; it only ever goes up."""

    __tablename__ = "maintenance_meters"

    asset_id: Mapped[UUID] = ref("maintenance.assets", part_of=True)
    name: Mapped[ShortText] = column(holds=Holds.text)
    unit: Mapped[Code] = column(holds=Holds.text)
    value: Mapped[float] = column(default=0.0, read_only=True, holds=Holds.nothing)
    read_at: Mapped[datetime | None] = column(default=None, read_only=True)


class Reading(TenantModel):
    """What a meter showed at a time."""

    __tablename__ = "maintenance_readings"

    meter_id: Mapped[UUID] = ref("maintenance.meters", part_of=True)
    taken_at: Mapped[datetime] = column()
    value: Mapped[float] = column(holds=Holds.nothing)


meters = Resource(
    Meter,
    filters=(Meter.asset_id,),
    sort=(Meter.created_at, Meter.name),
    include=(Meter.asset_id,),
    rules=(Unique(Meter.asset_id, Meter.name),),
)
readings = Resource(
    Reading,
    filters=(Reading.meter_id, Reading.taken_at),
    sort=(Reading.taken_at,),
    measures=(Average(Reading.value), Min(Reading.value), Max(Reading.value)),
    dimensions=(Reading.meter_id, Day(Reading.taken_at), Month(Reading.taken_at)),
    without=("create", "update", "delete"),
)


class ReadingGoesBack(Conflict):
    """The meter shows {value} already: a reading is neither smaller nor earlier."""

    code = "maintenance.reading_goes_back"


class ReadingAhead(Conflict):
    """A reading cannot have been taken in the future."""

    code = "maintenance.reading_ahead"


class RecordReading(Command):
    """What the meter shows, and when, if that was not just now."""

    value: float
    taken_at: AwareDatetime | None = None


@meters.action("record", raises=(ReadingGoesBack, ReadingAhead))
async def record(ctx: Context, meter: Meter, command: RecordReading) -> Meter:
    """Keep what a meter shows."""
    present = ctx.now
    taken_at = command.taken_at or present
    if taken_at > present:
        raise ReadingAhead
    earlier = meter.read_at is not None and taken_at <= meter.read_at
    if earlier or command.value < meter.value:
        raise ReadingGoesBack(value=meter.value)
    await ctx.add(Reading(meter_id=meter.id, taken_at=taken_at, value=command.value))
    meter.value, meter.read_at = command.value, taken_at
    return meter
