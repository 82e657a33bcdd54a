"""Roles of a tenant's own, and teams: what may be done in company."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

from insula.kernel.database.columns import (
    Code,
    Holds,
    LongText,
    Mapped,
    ShortText,
    column,
    ref,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure

RoleNames = Annotated[
    list[str], mapped_column(JSONB), Field(max_length=50, examples=[["member"]])
]
Grants = Annotated[
    list[str], mapped_column(JSONB), Field(examples=[["crm.deals.read"]])
]
MaskTable = Annotated[
    dict[str, Any],
    mapped_column(JSONB),
    Field(examples=[{}]),
]
"""``{"crm.deals": {"hide": ["amount"], "freeze": ["stage"]}}``"""


class Role(TenantModel):
    """A role that a tenant made for itself; users and teams have it by its name.

    ``masks`` are fields that the role hides or freezes, by resource.
    """

    __tablename__ = "roles"

    name: Mapped[Code] = column(unique=True, immutable=True, holds=Holds.nothing)
    title: Mapped[ShortText] = column(holds=Holds.nothing)
    grants: Mapped[Grants] = column(default=[], holds=Holds.nothing)
    masks: Mapped[MaskTable] = column(default={}, holds=Holds.nothing)


class Team(TenantModel):
    """People who work together; each of them has the team's roles (S3-04)."""

    __tablename__ = "teams"

    name: Mapped[ShortText] = column(unique=True, holds=Holds.nothing)
    description: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    roles: Mapped[RoleNames] = column(default=[], holds=Holds.nothing)


class TeamRole(StrEnum):
    """What somebody is within a team."""

    member = "member"
    lead = "lead"
    """Whom others turn to: a label, which gives no right."""


class TeamMember(TenantModel):
    """Somebody in a team; ``grants`` are theirs beyond the team's roles (S3-05)."""

    __tablename__ = "team_members"
    __table_args__ = ({"info": {PERSON: About("user_id", Erasure.delete)}},)

    team_id: Mapped[UUID] = ref("teams", part_of=True)
    user_id: Mapped[UUID] = ref("users", immutable=True)
    role: Mapped[TeamRole] = column(default=TeamRole.member)
    grants: Mapped[Grants] = column(default=[], holds=Holds.nothing)
