"""Assets: the things that are maintained, and whether they work."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from insula.sdk import (
    Code,
    Command,
    Context,
    Event,
    Holds,
    Json,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    Year,
    column,
    ref,
    state,
)

from .downtime import AssetDowntime
from .routines import Routine


class AssetState(StrEnum):
    """Whether an asset is in use."""

    in_service = "in_service"
    down = "down"
    retired = "retired"


class Asset(TenantModel):
    """A machine, a vehicle, a boiler: something that is kept working."""

    __tablename__ = "maintenance_assets"

    name: Mapped[ShortText] = column(holds=Holds.text)
    tag: Mapped[Code] = column(unique=True, holds=Holds.text)
    category: Mapped[Code | None] = column(default=None, holds=Holds.text)
    serial: Mapped[Code | None] = column(default=None, holds=Holds.text)
    location_id: Mapped[UUID | None] = ref("maintenance.locations", default=None)
    warranty_until: Mapped[date | None] = column(default=None, holds=Holds.nothing)
    custom: Mapped[Json] = column(default={}, holds=Holds.text)
    state: Mapped[AssetState] = state(
        AssetState.in_service,
        {
            AssetState.in_service: (AssetState.down, AssetState.retired),
            AssetState.down: (AssetState.in_service, AssetState.retired),
        },
    )


assets = Resource(
    Asset,
    filters=(Asset.state, Asset.category, Asset.location_id),
    sort=(Asset.created_at, Asset.name),
    search=(Asset.name, Asset.tag, Asset.serial, Asset.category),
    include=(Asset.location_id,),
    dimensions=(
        Asset.state,
        Asset.category,
        Asset.location_id,
        Year(Asset.warranty_until),
    ),
    title=Asset.name,
    comments=True,
    timeline=True,
)


class AssetDown(Event):
    """An asset stopped working."""

    name: ClassVar[str] = "maintenance.asset.down"
    asset_id: UUID
    reason: str


class AssetUp(Event):
    """An asset works again."""

    name: ClassVar[str] = "maintenance.asset.up"
    asset_id: UUID


class TakeDown(Command):
    """Why the asset does not work."""

    reason: Annotated[str, Field(min_length=1, max_length=255)]


@assets.action("take-down")
async def take_down(ctx: Context, asset: Asset, command: TakeDown) -> Asset:
    """Take an asset out of service until it works again."""
    ctx.move(asset, AssetState.down)
    reason = command.reason
    await ctx.add(AssetDowntime(asset_id=asset.id, started_at=ctx.now, reason=reason))
    ctx.emit(AssetDown(asset_id=asset.id, reason=reason))
    return asset


@assets.action("bring-up")
async def bring_up(ctx: Context, asset: Asset) -> Asset:
    """Put an asset that was down back into service."""
    ctx.move(asset, AssetState.in_service)
    await _end_downtime(ctx, asset)
    ctx.emit(AssetUp(asset_id=asset.id))
    return asset


@assets.action("retire")
async def retire(ctx: Context, asset: Asset) -> Asset:
    """Take an asset out of use for good; its routines end."""
    ctx.move(asset, AssetState.retired)
    await _end_downtime(ctx, asset)
    its_own = Routine.asset_id == asset.id
    async for routine in ctx.each(Routine, its_own, Routine.active.is_(True)):
        routine.active = False
    return asset


async def _end_downtime(ctx: Context, asset: Asset) -> None:
    still = AssetDowntime.asset_id == asset.id, AssetDowntime.ended_at.is_(None)
    for downtime in await ctx.select(AssetDowntime, *still):
        downtime.ended_at = max(ctx.now, downtime.started_at)
