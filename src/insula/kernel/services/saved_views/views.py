"""What callers say and read of saved views."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field

from insula.kernel.access.context import Context
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Command
from insula.kernel.services.saved_views.models import (
    Filter,
    ResourceName,
    SavedView,
    Sort,
    ViewKind,
    ViewName,
)

LARGEST_LAYOUT = 8_192
"""Bytes of JSON."""


def bounded(layout: dict[str, Any]) -> dict[str, Any]:
    """A layout that is not too large; raises ``ValueError``."""
    if len(msgspec.json.encode(layout)) > LARGEST_LAYOUT:
        raise ValueError(Words("at most {limit} bytes", limit=LARGEST_LAYOUT))
    return layout


Layout = Annotated[dict[str, Any], Field(default_factory=dict), AfterValidator(bounded)]
FieldName = Annotated[str, Field(min_length=1, max_length=64)]
Fields = Annotated[
    list[FieldName],
    Field(default_factory=list, max_length=64, examples=[["name"]]),
]
Roles = Annotated[
    list[FieldName],
    Field(default_factory=list, max_length=20, examples=[["member"]]),
]


class SaveView(Command):
    """A view to keep. ``layout`` is what a screen remembers: columns and their widths."""

    resource: ResourceName
    name: ViewName
    kind: Annotated[ViewKind, Field(strict=False)] = ViewKind.table
    filter: Filter | None = None
    sort: Sort | None = None
    fields: Fields
    layout: Layout
    pinned: bool = False
    shared: bool = False
    roles: Roles


class ChangeView(Command):
    """What is to be other than it was; what is not said stays."""

    name: Annotated[ViewName, Field(default_factory=str)]
    kind: Annotated[ViewKind, Field(strict=False)] = ViewKind.table
    filter: Filter | None = None
    sort: Sort | None = None
    fields: Fields
    layout: Layout
    pinned: bool = False
    shared: bool = False
    roles: Roles


class ViewAnswer(msgspec.Struct, tag="saved_view", tag_field="type"):
    """A saved view, for whoever may use it.

    One that is not ``usable`` asks for what its reader may not see, or what is not
    there any more: it does not say what that is. With ``standard`` a screen begins.
    """

    id: UUID
    version: int
    resource: str
    name: str
    kind: ViewKind
    filter: str | None
    sort: str | None
    fields: list[str]
    layout: dict[str, Any]
    pinned: bool
    shared: bool
    roles: list[str]
    mine: bool
    usable: bool
    standard: bool


def answer_of(view: SavedView, ctx: Context, *, usable: bool) -> ViewAnswer:
    """A view as somebody reads it."""
    return ViewAnswer(
        id=view.id,
        version=view.version,
        resource=view.resource,
        name=view.name,
        kind=view.kind,
        filter=view.filter if usable else None,
        sort=view.sort if usable else None,
        fields=view.fields if usable else [],
        layout=view.layout if usable else {},
        pinned=view.pinned,
        shared=view.shared,
        roles=view.roles,
        mine=view.owner_id == ctx.actor.id,
        usable=usable,
        standard=view.shared and not set(view.roles).isdisjoint(ctx.actor.roles),
    )


def schema_of(kind: Any) -> Mapping[str, Any]:
    """The JSON Schema of a view, or of a list of views."""
    made, parts = msgspec.json.schema_components(
        [kind], ref_template="#/components/schemas/{name}"
    )
    return {**made[0], "$defs": parts}
