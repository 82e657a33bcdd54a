"""Assignments: whose turn it is when leads come in that are nobody's."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

from insula.sdk import (
    Code,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    Unique,
    column,
)

Members = Annotated[
    list[UUID], mapped_column(JSONB), Field(min_length=1, max_length=50)
]


class Method(StrEnum):
    """Whose turn it is."""

    round_robin = "round_robin"
    least_busy = "least_busy"


class Assignment(TenantModel):
    """To whom leads of a source go that are nobody's; without a source, all others."""

    __tablename__ = "crm_assignments"

    name: Mapped[ShortText] = column(unique=True, holds=Holds.nothing)
    source: Mapped[Code | None] = column(default=None, holds=Holds.nothing)
    method: Mapped[Method] = column(default=Method.round_robin)
    members: Mapped[Members] = column(holds=Holds.nothing)
    active: Mapped[bool] = column(default=True)


assignments = Resource(
    Assignment,
    filters=(Assignment.active,),
    sort=(Assignment.created_at, Assignment.name),
    rules=(
        Unique(
            Assignment.source, where=Assignment.active.is_(True), code="one_a_source"
        ),
    ),
)
