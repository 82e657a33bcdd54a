"""Segments: groups of contacts, those that a filter finds or those that somebody chose.

A filter is written as a list's ``filter`` is, looked at when it is saved, and evaluated
whenever the segment is used, with the rights of whoever uses it.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, select

from insula.sdk import (
    PERSON,
    About,
    BadQuery,
    Command,
    Conflict,
    Context,
    Erasure,
    FieldError,
    Holds,
    Invalid,
    LongText,
    Mapped,
    OnDelete,
    Resource,
    Saved,
    ShortText,
    TenantModel,
    Unique,
    check_filter,
    column,
    computed,
    count_filtered,
    filtered,
    ref,
    refers_to_nothing,
)

from .contacts import Contact

MOST_ADDED = 500
"""Contacts that are put into a segment at once."""


class Segment(TenantModel):
    """A group of contacts under a name: with a filter they come and go by themselves."""

    __tablename__ = "people_segments"

    name: Mapped[ShortText] = column(unique=True, holds=Holds.text)
    filter: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    is_dynamic: Mapped[bool] = computed(lambda row: row["filter"].is_not(None))


class SegmentMember(TenantModel):
    """A contact that somebody put into a segment."""

    __tablename__ = "people_segment_members"
    __table_args__ = ({"info": {PERSON: About("contact_id", Erasure.delete)}},)

    segment_id: Mapped[UUID] = ref("people.segments", part_of=True)
    contact_id: Mapped[UUID] = ref(
        "people.contacts", immutable=True, on_delete=OnDelete.cascade
    )


segments = Resource(
    Segment,
    sort=(Segment.created_at, Segment.name),
    search=(Segment.name,),
    title=Segment.name,
)
segment_members = Resource(
    SegmentMember,
    filters=(SegmentMember.segment_id, SegmentMember.contact_id),
    sort=(SegmentMember.created_at,),
    include=(SegmentMember.contact_id, SegmentMember.segment_id),
    rules=(Unique(SegmentMember.segment_id, SegmentMember.contact_id),),
    without=("create", "update"),
)


class Size(BaseModel):
    """How many contacts there are."""

    count: int


@segments.follow
async def look_at_filters(ctx: Context, saved: Sequence[Saved]) -> dict[UUID, Invalid]:
    """Refuse filters that would find nothing but faults."""
    refused: dict[UUID, Invalid] = {}
    for it in saved:
        if text := it.values.get("filter"):
            try:
                check_filter(ctx, Contact, text)
            except BadQuery as fault:
                error = FieldError("filter", "invalid", fault.message)
                refused[it.id] = Invalid(error)
    return refused


class HasFilter(Conflict):
    """This segment finds its contacts by a filter: nobody puts any in."""

    code = "people.segment_has_filter"


class AddMembers(Command):
    """Which contacts."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_ADDED)]


@segments.action("add", raises=(HasFilter,))
async def add(ctx: Context, segment: Segment, command: AddMembers) -> Size:
    """Put contacts into a segment; who is in it already stays."""
    if segment.filter is not None:
        raise HasFilter
    wanted = set(command.contact_ids)
    those = Contact.id.in_(wanted), await ctx.visible(Contact)
    found = [it.id for it in await ctx.select(Contact, *those)]
    if len(found) < len(wanted):
        raise Invalid(refers_to_nothing("contact_ids"))
    rows = [SegmentMember(segment_id=segment.id, contact_id=it) for it in found]
    await ctx.add_missing(rows)
    return await count(ctx, segment)


@segments.question("count")
async def count(ctx: Context, segment: Segment) -> Size:
    """Count the contacts that are in a segment now, of those that one may see."""
    if segment.filter is not None:
        return Size(count=await count_filtered(ctx, Contact, segment.filter))
    visible = await ctx.visible(Contact)
    return Size(count=await ctx.count(Contact, chosen(segment.id), visible))


async def members(
    ctx: Context, segment: Segment, after: UUID, limit: int
) -> list[Contact]:
    """The contacts that are in a segment now, by their ids: those behind one of them."""
    if segment.filter is not None:
        return await filtered(ctx, Contact, segment.filter, after=after, limit=limit)
    those = chosen(segment.id), Contact.id > after, await ctx.visible(Contact)
    return await ctx.select(Contact, *those, limit=limit)


def chosen(segment_id: UUID) -> ColumnElement[bool]:
    """A condition for contacts: somebody put them into the segment."""
    theirs = SegmentMember.segment_id == segment_id, SegmentMember.deleted_at.is_(None)
    ours = SegmentMember.tenant_id == Contact.tenant_id
    return Contact.id.in_(select(SegmentMember.contact_id).where(*theirs, ours))
