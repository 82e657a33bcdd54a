"""Routines: what is done again and again, to an asset or to all of a category."""

from enum import StrEnum
from uuid import UUID

from insula.sdk import (
    Check,
    Code,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)

from .recurrence import RecurrenceRule, StartDate, TimeZone


class BasedOn(StrEnum):
    """From where the next occurrence is counted."""

    schedule = "schedule"
    completion = "completion"


class Routine(TenantModel):
    """Work that comes back: from it, work orders are made ahead of time."""

    __tablename__ = "maintenance_routines"

    title: Mapped[ShortText] = column(holds=Holds.text)
    asset_id: Mapped[UUID | None] = ref("maintenance.assets", default=None)
    category: Mapped[Code | None] = column(default=None, holds=Holds.text)
    rrule: Mapped[RecurrenceRule] = column(holds=Holds.nothing)
    tz: Mapped[TimeZone] = column(default="UTC", holds=Holds.nothing)
    starts_on: Mapped[StartDate] = column(holds=Holds.nothing)
    lead_days: Mapped[int] = column(default=14, min=0, max=366)
    based_on: Mapped[BasedOn] = column(default=BasedOn.schedule)
    checklist_id: Mapped[UUID | None] = ref("maintenance.checklists", default=None)
    active: Mapped[bool] = column(default=True)


routines = Resource(
    Routine,
    filters=(Routine.active, Routine.asset_id, Routine.category),
    sort=(Routine.created_at, Routine.title),
    search=(Routine.title, Routine.category),
    include=(Routine.asset_id, Routine.checklist_id),
    title=Routine.title,
    rules=(
        Check(
            "asset_or_category",
            Routine.asset_id.is_(None) != Routine.category.is_(None),
            field=Routine.asset_id,
            code="asset_or_category",
        ),
    ),
)
routines.scope("active", Routine.active, True)
