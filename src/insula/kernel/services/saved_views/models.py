"""Saved views: how somebody likes to look at the rows of a resource."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import Holds, TextList, column
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About

LONGEST_NAME, LONGEST_FILTER, LONGEST_SORT = 80, 4096, 255


class ViewKind(StrEnum):
    """As what a screen shows the rows."""

    table = "table"
    board = "board"
    calendar = "calendar"
    timeline = "timeline"


ResourceName = Annotated[
    str,
    mapped_column(String(64)),
    Field(min_length=1, max_length=64, examples=["people.contacts"]),
]
ViewName = Annotated[
    str,
    mapped_column(String(LONGEST_NAME)),
    Field(min_length=1, max_length=LONGEST_NAME),
]
Filter = Annotated[
    str,
    mapped_column(Text),
    Field(min_length=1, max_length=LONGEST_FILTER, examples=["owner_id==@me"]),
]
Sort = Annotated[
    str,
    mapped_column(String(LONGEST_SORT)),
    Field(min_length=1, max_length=LONGEST_SORT, examples=["-id"]),
]
Layout = Annotated[dict[str, Any], mapped_column(JSONB)]


class SavedView(TenantModel):
    """A filter, an order and a layout that somebody gave a name.

    It is its owner's alone, unless it is ``shared``; ``roles`` begin with it.
    """

    __tablename__ = "saved_views"
    __table_args__ = (
        Index("ix_saved_views_owner_id", "tenant_id", "owner_id", "id"),
        Index("ix_saved_views_resource", "tenant_id", "resource", "id"),
        {"info": {PERSON: About("owner_id")}},
    )

    resource: Mapped[ResourceName] = column(holds=Holds.nothing, immutable=True)
    name: Mapped[ViewName] = column(holds=Holds.text)
    kind: Mapped[ViewKind] = column(default=ViewKind.table)
    filter: Mapped[Filter | None] = column(default=None, holds=Holds.text)
    sort: Mapped[Sort | None] = column(default=None, holds=Holds.nothing)
    fields: Mapped[TextList] = column(default=[], holds=Holds.nothing)
    layout: Mapped[Layout] = column(default={}, holds=Holds.text)
    pinned: Mapped[bool] = column(default=False)
    shared: Mapped[bool] = column(default=False)
    roles: Mapped[TextList] = column(default=[], holds=Holds.nothing)
    owner_id: Mapped[UUID | None] = column(default=None, read_only=True)
