"""The maintenance app: assets, routines, work orders, and who may do what."""

from datetime import timedelta
from pathlib import Path

from insula.sdk import (
    App,
    NotificationKind,
    Reaction,
    Schedule,
    View,
    Wish,
    telling,
)

from .assets import AssetDown, assets
from .attachments import attachments
from .checklists import checklist_items, checklists
from .dashboard import MaintenanceDashboard, dashboard
from .demo import demo
from .downtime import asset_downtimes
from .locations import locations
from .meters import meters, readings
from .occurrences import generate_ahead
from .reports import reports
from .routines import routines
from .work_items import work_items
from .work_orders import work_orders

READ = "maintenance.*.read"
DOWN = NotificationKind(
    "maintenance.asset_down",
    {"en": "An asset is down", "de": "Eine Anlage steht", "ar": "أحد الأصول متوقف"},
    Wish(mail=True),
)

app = App(
    name="maintenance",
    title="Maintenance",
    version="1.0.0",
    folder=Path(__file__).parent,
    resources=(
        locations,
        assets,
        asset_downtimes,
        meters,
        readings,
        checklists,
        checklist_items,
        routines,
        work_orders,
        work_items,
        attachments,
    ),
    views=(
        View(
            path="dashboard",
            run=dashboard,
            answer=MaintenanceDashboard,
            summary="Count assets, routines and work, and show what was done last",
            cached=timedelta(seconds=300),
            cache_key="dashboard",
        ),
    ),
    reports=reports,
    events=(AssetDown,),
    notifications=(DOWN,),
    reactions=(
        Reaction(
            AssetDown.name,
            telling(
                DOWN,
                roles=("maintenance.manager", "maintenance.planner"),
                title=DOWN.titles,
                body="{reason}",
                link=lambda event: f"/maintenance/assets/{event.data['asset_id']}",
            ),
            "tell_planners",
        ),
    ),
    schedules=(
        Schedule("generate_occurrences", timedelta(hours=1), run=generate_ahead),
    ),
    roles={
        "manager": ("maintenance.*.manage",),
        "planner": (
            READ,
            "maintenance.routines.manage",
            "maintenance.checklists.manage",
            "maintenance.checklist_items.manage",
            "maintenance.work_orders.manage",
            "maintenance.work_items.manage",
            "maintenance.attachments.manage",
        ),
        "technician": (
            READ,
            "maintenance.assets.take_down",
            "maintenance.assets.bring_up",
            "maintenance.meters.record",
            "maintenance.work_orders.start",
            "maintenance.work_orders.hold",
            "maintenance.work_orders.finish",
            "maintenance.work_items.answer",
            "maintenance.attachments.create",
        ),
        "requester": (
            "maintenance.assets.read",
            "maintenance.locations.read",
            "maintenance.work_orders.read",
            "maintenance.work_orders.create",
            "maintenance.attachments.create",
        ),
    },
    demo=demo,
)
