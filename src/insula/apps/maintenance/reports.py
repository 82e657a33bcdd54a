"""Reports: how much work there is, how it goes, and how long assets are down."""

from sqlalchemy import func

from insula.sdk import (
    Average,
    Chart,
    Count,
    Elapsed,
    Month,
    Report,
    Sum,
)

from .downtime import AssetDowntime, asset_downtimes
from .reliability import REPORT
from .work_orders import PENDING, W, WorkKind, WorkOrder, work_orders

DONE = WorkOrder.state.in_((W.done, W.verified))
LASTED = Elapsed(AssetDowntime.started_at, AssetDowntime.ended_at)

reports = (
    Report(
        name="work_by_state",
        title="Work by state",
        resource=work_orders,
        chart=Chart.bar,
        measures=(Count(),),
        dimensions=(WorkOrder.state,),
        period=WorkOrder.created_at,
        card=True,
    ),
    Report(
        name="overdue",
        title="Overdue work",
        resource=work_orders,
        chart=Chart.number,
        measures=(Count(),),
        where=WorkOrder.state.in_(PENDING) & (WorkOrder.due_at < func.now()),
        card=True,
    ),
    Report(
        name="work_done",
        title="Work that was done",
        resource=work_orders,
        chart=Chart.area,
        measures=(
            Count(),
            Count(where=WorkOrder.kind == WorkKind.preventive, name="planned"),
            Average(Elapsed(WorkOrder.created_at, WorkOrder.done_at), name="took"),
        ),
        dimensions=(Month(WorkOrder.done_at),),
        where=DONE,
        period=WorkOrder.done_at,
        card=True,
    ),
    Report(
        name="by_technician",
        title="Work by technician",
        resource=work_orders,
        chart=Chart.bar,
        measures=(Count(),),
        dimensions=(WorkOrder.assignee_id,),
        where=DONE,
        period=WorkOrder.done_at,
        sort=("-count",),
        limit=50,
    ),
    Report(
        name="downtime",
        title="Time that assets were down",
        resource=asset_downtimes,
        chart=Chart.table,
        measures=(
            Count(name="failures"),
            Average(LASTED, name="time_to_repair"),
            Sum(LASTED, name="time_down"),
        ),
        dimensions=(AssetDowntime.asset_id,),
        period=AssetDowntime.started_at,
        sort=("-time_down",),
    ),
    REPORT,
)
