"""What SCIM keeps beside users and teams: its tokens, and the words of the directory."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from insula.kernel.database.columns import (
    Code,
    Holds,
    Json,
    ShortText,
    TextList,
    column,
    ref,
)
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure


class ScimToken(TenantModel):
    """What a directory shows to keep the tenant's people here as they are there.

    ``roles`` bound it: it changes nobody who has another, and brings nobody into a
    team that gives another. Its text is shown once and kept as a hash.
    """

    __tablename__ = "scim_tokens"

    name: Mapped[ShortText] = column(holds=Holds.nothing)
    roles: Mapped[TextList] = column(default=[], immutable=True, holds=Holds.nothing)
    expires_at: Mapped[datetime | None] = column(default=None, immutable=True)
    hash: Mapped[Code] = column(read_only=True, holds=Holds.secret)
    made_by: Mapped[UUID | None] = column(default=None, read_only=True)
    last_used_at: Mapped[datetime | None] = column(default=None, read_only=True)
    revoked_at: Mapped[datetime | None] = column(default=None, read_only=True)


class ScimUser(TenantModel):
    """What the directory says of a user that no column of users holds."""

    __tablename__ = "scim_users"
    __table_args__ = (
        Index("uq_scim_users_user", "tenant_id", "user_id", unique=True),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    user_id: Mapped[UUID] = ref("users", immutable=True)
    user_name: Mapped[ShortText] = column(holds=Holds.name)
    user_key: Mapped[ShortText] = column(unique=True, holds=Holds.name)
    """The name without its case: no two people differ in that alone."""
    attributes: Mapped[Json] = column(default={}, holds=Holds.text)


class ScimGroup(TenantModel):
    """How the directory calls a team."""

    __tablename__ = "scim_groups"
    __table_args__ = (
        Index("uq_scim_groups_team", "tenant_id", "team_id", unique=True),
    )

    team_id: Mapped[UUID] = ref("teams", part_of=True)
    external_id: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
