"""The operations of comments: those of a row, and one's own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from pydantic import Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.session import CONTEXT, Statement
from insula.kernel.foundation.errors import Denied, FieldError, Invalid, NotFound
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.discarding import discard
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.querying.includes import readable
from insula.kernel.resource.reaching import Reaching
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.comments.mentions import Calling, mentioned
from insula.kernel.services.comments.models import LONGEST_TEXT, Comment
from insula.kernel.services.comments.pages import PAGING, BadPage, next_page, page_of

COMMENT = "comment"
PAGE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT c.id, c.parent_id, CASE WHEN c.deleted_at IS NULL THEN c.text END AS text,
           c.created_at, c.edited_at, c.created_by, u.name AS author
      FROM home__.comments c
      LEFT JOIN home__.users u ON u.tenant_id = c.tenant_id AND u.id = c.created_by
     WHERE c.tenant_id = ctx.tenant_id AND c.resource = $2::varchar
       AND c.row_id = $3::uuid
       AND c.id < COALESCE($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
       AND (c.deleted_at IS NULL OR EXISTS (
            SELECT 1 FROM home__.comments a WHERE a.tenant_id = c.tenant_id
               AND a.parent_id = c.id AND a.deleted_at IS NULL))
     ORDER BY c.id DESC LIMIT $5::bigint) r"""  # noqa: S608  # our names
)
Said = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class Say(Command):
    """What is said, as Markdown; with ``parent_id`` it answers that comment."""

    text: Said
    parent_id: UUID | None = None


class SayOtherwise(Command):
    """What is said instead."""

    text: Said


class CommentView(msgspec.Struct, tag="comment", tag_field="type"):
    """A comment as callers read it; one that is deleted but answered has no text."""

    id: UUID
    parent_id: UUID | None
    text: str | None
    created_at: Any
    edited_at: Any
    created_by: UUID | None
    author: str | None = None


class Forum(NamedTuple):
    """What the comments on one resource's rows need."""

    api: ResourceApi
    reaching: Reaching
    calling: Calling

    @property
    def name(self) -> str:
        """The resource."""
        return self.api.resource.name


class CommentOperations:
    """What resources with comments offer beyond themselves."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._forums: dict[str, Forum] = {}

    def operations(self) -> tuple[Operation, ...]:
        """Those of every resource that has comments, and what authors do to theirs."""
        for api in self._engine().apis:
            if api.resource.comments:
                reaching = Reaching(api.writer)
                calling = Calling(self._engine, api, reaching)
                self._forums[api.resource.name] = Forum(api, reaching, calling)
        every = (it for forum in self._forums.values() for it in self._of(forum))
        path = "/api/v1/comments/{id}"
        return (
            *every,
            Operation(
                name="comments.update", method="PATCH", path=path, run=self._edit,
                summary="Say something else in a comment of mine", body=SayOtherwise,
                answer=_schema, errors=(NotFound, Denied, Invalid),
            ),
            Operation(
                name="comments.delete", method="DELETE", path=path, run=self._delete,
                summary="Delete a comment of mine", answer=lambda: {"type": "null"},
                errors=(NotFound, Denied),
            ),
        )  # fmt: skip

    def _of(self, forum: Forum) -> tuple[Operation, ...]:
        resource = forum.api.resource
        path, noun = f"{resource.address}/{{id}}/comments", resource.singular
        whose: Mapping[str, Any] = {
            "path": path,
            "app": resource.app or None,
            "scoped": bool(resource.owner or resource.team),
        }
        noun = noun.replace("_", " ")
        return (
            Operation(
                name=f"{resource.name}.comments", method="GET", writes=False,
                permission=f"{resource.name}.read", run=partial(self._list, forum),
                summary=f"Read what is said of a {noun}", parameters=PAGING,
                answer=lambda: {"type": "array", "items": _schema()},
                errors=(NotFound, BadPage), **whose,
            ),
            Operation(
                name=f"{resource.name}.{COMMENT}", method="POST", status=201, body=Say,
                permission=f"{resource.name}.{COMMENT}", run=partial(self._say, forum),
                summary=f"Say something of a {noun}", answer=_schema,
                errors=(NotFound, Invalid), **whose,
            ),
        )  # fmt: skip

    async def _list(self, forum: Forum, ctx: Context, call: Call) -> Reply:
        """A page of what is said of a row, the newest first."""
        key, page = row_id(call), page_of(call.query)
        await forum.reaching.title(ctx.session, ctx.actor, key)
        asked = forum.name, key, page.after, page.size + 1
        rows = await ctx.session.fetch(PAGE, *asked)
        reply = Reply(per_page=page.size)
        shown, reply.next_cursor = next_page(rows, page)
        reply.data = msgspec.json.encode([CommentView(**dict(row)) for row in shown])
        return reply

    async def _say(self, forum: Forum, ctx: Context, call: Call) -> Reply:
        """Write a comment; whoever it mentions is told of it with its commit."""
        key, said = row_id(call), call.body
        people = mentioned(said.text)
        async with self._engine().work(ctx) as work:
            where = work.transaction, ctx.actor, key
            title = _called(await forum.reaching.lock(*where, COMMENT))
            parent = await _parent(work, forum, key, said.parent_id)
            await forum.calling.check(work, people, key)
            comment = await work.add(
                Comment(
                    resource=forum.name,
                    row_id=key,
                    text=said.text,
                    parent_id=said.parent_id,
                )
            )
            await forum.calling.tell(work, comment, people, title)
            if parent is not None:
                await forum.calling.answer(work, comment, parent, title)
        return Reply(_encoded(comment), status=201)

    async def _edit(self, ctx: Context, call: Call) -> Reply:
        """Change the text of a comment; whoever it mentions now is told."""
        people = mentioned(call.body.text)
        async with self._engine().work(ctx) as work:
            comment, forum, title = await self._found(work, call)
            if comment.created_by != ctx.actor.id or not _may_comment(ctx, forum):
                raise Denied
            await forum.calling.check(work, people, comment.row_id)
            comment.text, comment.edited_at = call.body.text, work.now
            await forum.calling.tell(work, comment, people, title)
        return Reply(_encoded(comment))

    async def _delete(self, ctx: Context, call: Call) -> Reply:
        """Take back what was said; some may do so with what others said."""
        async with self._engine().work(ctx) as work:
            comment, forum, _ = await self._found(work, call)
            mine = comment.created_by == ctx.actor.id and _may_comment(ctx, forum)
            if not mine and not ctx.actor.may("comments.delete"):
                raise Denied
            await discard(work, comment, text="")
        return Reply()

    async def _found(self, work: WorkContext, call: Call) -> tuple[Comment, Forum, str]:
        """A comment on a row that the caller may read; raises ``NotFound``."""
        comment = await work.lock(Comment, row_id(call))
        forum = self._forums.get(comment.resource)
        if forum is None or not readable(forum.api.resource, work):
            raise NotFound
        where = work.transaction, work.actor, comment.row_id
        return comment, forum, _called(await forum.reaching.title(*where))


async def _parent(
    work: WorkContext, forum: Forum, key: UUID, parent_id: UUID | None
) -> Comment | None:
    """The comment that is answered: of the same row, and no answer itself."""
    if parent_id is None:
        return None
    try:
        parent = await work.lock(Comment, parent_id)
    except NotFound:
        parent = None
    here = parent is not None and (parent.resource, parent.row_id) == (forum.name, key)
    if parent is None or not here or parent.parent_id is not None:
        words = Words("Only a comment on the same row can be answered.")
        raise Invalid(FieldError("parent_id", "not_found", words))
    return parent


def _may_comment(ctx: Context, forum: Forum) -> bool:
    return ctx.actor.reach(f"{forum.name}.{COMMENT}") is not None


def _called(title: Any) -> str:
    return str(title)


def _encoded(it: Comment) -> bytes:
    seen = it.created_at, it.edited_at, it.created_by
    return msgspec.json.encode(CommentView(it.id, it.parent_id, it.text, *seen))


def _schema() -> Mapping[str, Any]:
    """The JSON Schema of a comment."""
    text, moment = {"type": "string"}, {"type": "string", "format": "date-time"}
    key = {"type": "string", "format": "uuid"}
    maybe: Mapping[str, Mapping[str, Any]] = {
        "parent_id": key,
        "text": text,
        "edited_at": moment,
        "created_by": key,
        "author": text,
    }
    nullable = {name: {**it, "type": ["string", "null"]} for name, it in maybe.items()}
    whole = {"type": {"const": "comment"}, "id": key, "created_at": moment, **nullable}
    return {
        "title": "Comment",
        "type": "object",
        "properties": whole,
        "required": list(whole),
        "additionalProperties": False,
    }
