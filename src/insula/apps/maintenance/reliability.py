"""Reliability: how often assets fail, how long repairs take, and how much is left."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from insula.sdk import (
    Axis,
    Chart,
    Context,
    Figure,
    Figures,
    Report,
    Scale,
    Span,
    Unit,
    rows_of,
)

from .assets import Asset, assets
from .downtime import AssetDowntime

USUAL = timedelta(days=365)
MOST = 200


async def reliability(ctx: Context, span: Span) -> Figures:
    """Of each asset that failed: MTBF, MTTR and availability within the span."""
    since, until = bounds(span, ctx.now)
    begun = func.greatest(Asset.created_at, since)
    ended = func.least(func.coalesce(AssetDowntime.ended_at, until), until)
    down = func.sum(ended - func.greatest(AssetDowntime.started_at, begun))
    met = (AssetDowntime.started_at < until) & (ended > begun)
    query = (
        select(Asset.id, Asset.name, func.count(), down, until - func.min(begun))
        .join(AssetDowntime, AssetDowntime.asset_id == Asset.id)
        .where(met)
        .group_by(Asset.tenant_id, Asset.id)
        .order_by(down.desc(), Asset.id)
        .limit(MOST)
    )
    return Figures([figure(*record) for record in await rows_of(ctx, query)])


def bounds(span: Span, now: datetime) -> tuple[datetime, datetime]:
    """The moments between which it is looked at: a year until now, if nobody says."""
    until = min(now, span.end or now)
    return span.begin or until - USUAL, until


def figure(
    asset_id: UUID, name: str, failures: int, down: timedelta, observed: timedelta
) -> Figure:
    """The figures of one asset; all times in seconds."""
    lost, whole = down.total_seconds(), observed.total_seconds()
    measures = {
        "failures": failures,
        "time_between_failures": round((whole - lost) / failures, 3),
        "time_to_repair": round(lost / failures, 3),
        "availability": round((whole - lost) / whole, 6),
    }
    return Figure({"asset_id": asset_id}, measures, {"asset_id": name})


REPORT = Report(
    name="reliability",
    title="Reliability of assets that failed",
    resource=assets,
    chart=Chart.table,
    run=reliability,
    axes=(Axis("asset_id", kind="reference"),),
    scales=(
        Scale("failures"),
        Scale("time_between_failures", Unit.seconds),
        Scale("time_to_repair", Unit.seconds),
        Scale("availability", Unit.share),
    ),
    reads=(
        Asset.name,
        Asset.created_at,
        AssetDowntime.asset_id,
        AssetDowntime.started_at,
        AssetDowntime.ended_at,
    ),
)
