"""The dashboard: how much there is to maintain, and what was done last."""

from pydantic import BaseModel

from insula.sdk import Activity, Context

from .assets import Asset
from .routines import Routine
from .work_orders import PENDING, WorkOrder


class MaintenanceDashboard(BaseModel):
    """The counts of a tenant's maintenance."""

    assets: int
    active_routines: int
    pending_executions: int
    recent_activities: list[Activity]


async def dashboard(ctx: Context) -> MaintenanceDashboard:
    """Count, and look up what was done last."""
    return MaintenanceDashboard(
        assets=await ctx.count(Asset),
        active_routines=await ctx.count(Routine, Routine.active.is_(True)),
        pending_executions=await ctx.count(WorkOrder, WorkOrder.state.in_(PENDING)),
        recent_activities=await ctx.activities("maintenance"),
    )
