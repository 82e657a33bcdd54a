"""Checklists: what is to be looked at, measured and shown whenever work is done."""

from enum import StrEnum
from uuid import UUID

from insula.sdk import (
    Check,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)


class ItemKind(StrEnum):
    """How a checklist item is answered."""

    tick = "tick"
    number = "number"
    text = "text"
    photo = "photo"


class Checklist(TenantModel):
    """A template: work orders get a copy of its items."""

    __tablename__ = "maintenance_checklists"

    name: Mapped[ShortText] = column(unique=True, holds=Holds.text)


class Line(TenantModel):
    """What is asked; a number may have bounds within which it is fine."""

    __abstract__ = True

    position: Mapped[int] = column(default=0, min=0, max=9999)
    label: Mapped[ShortText] = column(holds=Holds.text)
    kind: Mapped[ItemKind] = column(default=ItemKind.tick)
    required: Mapped[bool] = column(default=True)
    minimum: Mapped[float | None] = column(default=None, holds=Holds.nothing)
    maximum: Mapped[float | None] = column(default=None, holds=Holds.nothing)


class ChecklistItem(Line):
    """One line of a checklist."""

    __tablename__ = "maintenance_checklist_items"

    checklist_id: Mapped[UUID] = ref("maintenance.checklists", part_of=True)


checklist_items = Resource(
    ChecklistItem,
    filters=(ChecklistItem.checklist_id,),
    sort=(ChecklistItem.position,),
    rules=(
        Check(
            "bounds",
            ChecklistItem.minimum <= ChecklistItem.maximum,
            field=ChecklistItem.minimum,
            code="above_maximum",
        ),
    ),
)
checklists = Resource(
    Checklist,
    sort=(Checklist.created_at, Checklist.name),
    search=(Checklist.name,),
    title=Checklist.name,
    children=(checklist_items,),
)
