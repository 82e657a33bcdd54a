"""Downtime: when an asset did not work, without gaps or overlaps to argue about."""

from datetime import datetime
from uuid import UUID

from insula.sdk import (
    Holds,
    Mapped,
    NoOverlap,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)


class AssetDowntime(TenantModel):
    """A time in which an asset was down; it has no end while it still is."""

    __tablename__ = "maintenance_asset_downtimes"

    asset_id: Mapped[UUID] = ref("maintenance.assets", part_of=True)
    started_at: Mapped[datetime] = column(read_only=True)
    ended_at: Mapped[datetime | None] = column(default=None, read_only=True)
    reason: Mapped[ShortText] = column(holds=Holds.text)


asset_downtimes = Resource(
    AssetDowntime,
    filters=(AssetDowntime.asset_id,),
    sort=(AssetDowntime.started_at,),
    rules=(
        NoOverlap(
            AssetDowntime.asset_id,
            start=AssetDowntime.started_at,
            end=AssetDowntime.ended_at,
        ),
    ),
    without=("create", "delete"),
)
