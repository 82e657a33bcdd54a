"""Goals: what somebody means to sell in a time, in the organisation's own currency."""

from datetime import date
from uuid import UUID

from insula.sdk import Check, Holds, Mapped, NoOverlap, Resource, TenantModel, column


class Goal(TenantModel):
    """How much somebody means to sell from the first to the last day."""

    __tablename__ = "crm_goals"

    owner_id: Mapped[UUID | None] = column(default=None)
    first_on: Mapped[date] = column(holds=Holds.nothing)
    last_on: Mapped[date] = column(holds=Holds.nothing)
    target_minor: Mapped[int] = column(min=1, max=10**15)


goals = Resource(
    Goal,
    owner=Goal.owner_id,
    filters=(Goal.owner_id, Goal.first_on),
    sort=(Goal.created_at, Goal.first_on),
    rules=(
        Check(
            "in_order",
            Goal.first_on <= Goal.last_on,
            field=Goal.last_on,
            code="before_it_begins",
        ),
        NoOverlap(Goal.owner_id, start=Goal.first_on, end=Goal.last_on),
    ),
)
