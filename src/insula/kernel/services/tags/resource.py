"""The vocabulary: a tenant's tags as callers list, rename and merge them."""

from uuid import UUID

from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import FieldError, Invalid, refers_to_nothing
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Command, Resource
from insula.kernel.resource.discarding import discard
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.tags.models import OneOfAName, Tag

tags = Resource(
    Tag,
    kernel=True,
    sort=(Tag.name,),
    filters=(Tag.name,),
    title=Tag.name,
    hidden=(Tag.key,),
    rules=(OneOfAName((Tag.name,), "taken"),),
)

HAND_OVER = Statement(
    """WITH gone AS (
    DELETE FROM home__.taggings WHERE tenant_id = $1::text::uuid AND tag_id = $2::uuid
    RETURNING tenant_id, id, created_at, resource, row_id)
INSERT INTO home__.taggings (tenant_id, id, created_at, resource, row_id, tag_id)
SELECT tenant_id, id, created_at, resource, row_id, $3::uuid FROM gone WHERE NOT EXISTS (
    SELECT 1 FROM home__.taggings g WHERE g.tenant_id = $1::text::uuid
       AND g.resource = gone.resource AND g.row_id = gone.row_id
       AND g.tag_id = $3::uuid)
ON CONFLICT (tenant_id, resource, row_id, tag_id) DO NOTHING"""
)


class MergeTags(Command):
    """The tag that takes the other's place."""

    into: UUID


@tags.action("merge", raises=(Invalid,))
async def merge(ctx: WorkContext, tag: Tag, command: MergeTags) -> Tag:
    """Give all rows of a tag another one instead; the tag goes to the trash."""
    if command.into == tag.id:
        words = Words("A tag cannot take its own place.")
        raise Invalid(FieldError("into", "same", words))
    others = await ctx.lock_rows(Tag, [command.into])
    if not others:
        raise Invalid(refers_to_nothing("into"))
    (into,) = others
    await ctx.transaction.fetch(HAND_OVER, tag.id, into.id)
    await discard(ctx, tag)
    return into
