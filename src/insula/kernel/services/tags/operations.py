"""The operations of tags: on one row, and on all rows of a selection."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.foundation.errors import Denied, FieldError, Invalid, NotFound
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import row_id
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.services.tags.models import TagName
from insula.kernel.services.tags.tagging import (
    MOST_OF_A_ROW,
    Tagger,
    TooManyTags,
    known,
    known_or_new,
)

MOST_ROWS = 10_000
"""That are tagged at once: all of them are locked meanwhile."""
MOST_NAMES = 20
Names = Annotated[
    list[TagName],
    Field(default_factory=list, max_length=MOST_NAMES, examples=[["vip"]]),
]
ROWS = {"type": "object", "properties": {"rows": {"type": "integer"}}}
NAMES = {"type": "array", "items": {"type": "string"}}
TAG = Parameter("tag", "The name of the tag to take.", {"type": "string"})


class SetTags(Command):
    """All tags that a row is to have, or some more."""

    tags: Annotated[list[TagName], Field(max_length=MOST_OF_A_ROW, examples=[["vip"]])]


class TagMany(Command):
    """What the rows that a filter selects are given and lose, or those of ``ids``."""

    filter: Annotated[
        str | None, Field(min_length=1, max_length=4096, examples=["tags==vip"])
    ] = None
    ids: Annotated[list[UUID] | None, Field(min_length=1, max_length=MOST_ROWS)] = None
    add: Names
    remove: Names


class TagOperations:
    """What resources with tags offer beyond themselves."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def operations(self) -> tuple[Operation, ...]:
        """Those of every resource that has tags."""
        apis = [api for api in self._engine().apis if api.resource.tags]
        return tuple(it for api in apis for it in self._of(Tagger(api)))

    def _of(self, tagger: Tagger) -> tuple[Operation, ...]:
        resource = tagger.api.resource
        one = f"{resource.address}/{{id}}/tags"
        noun, nouns = (
            it.replace("_", " ") for it in (resource.singular, resource.plural)
        )
        whose: Mapping[str, Any] = {
            "app": resource.app or None,
            "scoped": bool(resource.owner or resource.team),
        }
        name, update = resource.name, f"{resource.name}.update"
        errors = (NotFound, Invalid, TooManyTags)
        return (
            Operation(
                name=f"{name}.tag", method="POST", path=one, permission=update,
                run=partial(self._give, tagger), summary=f"Give a {noun} more tags",
                body=SetTags, answer=lambda: NAMES, errors=errors, **whose,
            ),
            Operation(
                name=f"{name}.set_tags", method="PUT", path=one, permission=update,
                run=partial(self._set, tagger), summary=f"Say which tags a {noun} has",
                body=SetTags, answer=lambda: NAMES, errors=errors, **whose,
            ),
            Operation(
                name=f"{name}.untag", method="DELETE", path=one, permission=update,
                run=partial(self._take, tagger), summary=f"Take a tag from a {noun}",
                parameters=(TAG,), answer=lambda: NAMES, errors=errors, **whose,
            ),
            Operation(
                name=f"{name}.tag_many", method="POST", path=f"{resource.address}/tags",
                permission=f"{name}.bulk", run=partial(self._many, tagger),
                summary=f"Give many {nouns} tags, and take others", body=TagMany,
                limit="bulk", answer=lambda: ROWS, errors=(Invalid, Denied), **whose,
            ),
        )  # fmt: skip

    async def _give(self, tagger: Tagger, ctx: Context, call: Call) -> Reply:
        """Add to the tags of a row."""
        key = row_id(call)
        async with self._engine().work(ctx) as work:
            await tagger.reaching.lock(work.transaction, ctx.actor, key, "update")
            given = await known_or_new(work, call.body.tags)
            await tagger.retag(work, [key], given, ())
            return _names(await tagger.of_row(work, key))

    async def _set(self, tagger: Tagger, ctx: Context, call: Call) -> Reply:
        """Make the tags of a row what they are said to be."""
        key = row_id(call)
        async with self._engine().work(ctx) as work:
            await tagger.reaching.lock(work.transaction, ctx.actor, key, "update")
            given = await known_or_new(work, call.body.tags)
            await tagger.retag(work, [key], given, await tagger.of_row(work, key))
            return _names(await tagger.of_row(work, key))

    async def _take(self, tagger: Tagger, ctx: Context, call: Call) -> Reply:
        """Take one tag from a row; one that it has not is no error."""
        key, name = row_id(call), call.query.get("tag", "")
        async with self._engine().work(ctx) as work:
            await tagger.reaching.lock(work.transaction, ctx.actor, key, "update")
            if not name or "\x00" in name:
                words = Words("The {field} field is required.", field="tag")
                raise Invalid(FieldError("tag", "required", words))
            await tagger.retag(work, [key], (), await known(work, [name]))
            return _names(await tagger.of_row(work, key))

    async def _many(self, tagger: Tagger, ctx: Context, call: Call) -> Reply:
        """Tag a selection in as many statements as one row takes."""
        wanted: TagMany = call.body
        if ctx.actor.reach(f"{tagger.name}.update") is None:
            raise Denied
        if (wanted.filter is None) is (wanted.ids is None):
            words = Words("Say either which ids or which filter.")
            raise Invalid(FieldError("filter", "ids_or_filter", words))
        query = {} if wanted.filter is None else {"filter": wanted.filter}
        await tagger.api.lister.offer.know(ctx, query)
        selection = tagger.api.selection(ctx, query, "update")
        listed = wanted.ids is not None
        statement = tagger.choosing.statement(selection, listed=listed)
        args = *selection.args, *([wanted.ids] if listed else []), MOST_ROWS + 1
        async with self._engine().work(ctx) as work:
            rows = await work.transaction.fetch(statement, *args)
            if len(rows) > MOST_ROWS:
                words = Words("At most {limit} rows at once.", limit=MOST_ROWS)
                raise Invalid(FieldError("filter", "too_many", words))
            given = await known_or_new(work, wanted.add)
            taken = await known(work, wanted.remove)
            keys = [row["id"] for row in rows]
            changed = await tagger.retag(work, keys, given, taken)
        return Reply(msgspec.json.encode({"rows": changed}))


def _names(tags: Mapping[UUID, str]) -> Reply:
    return Reply(msgspec.json.encode(list(tags.values())))
