"""The operations of saved views: one's own, and those that are shared."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.errors import (
    Conflict,
    Denied,
    FieldError,
    Invalid,
    NotFound,
    refers_to_nothing,
)
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi, row_id, tag
from insula.kernel.resource.discarding import discard
from insula.kernel.resource.engine import Engine, UnknownResource
from insula.kernel.resource.listing import BadQuery
from insula.kernel.resource.meta.contract import SavedViewMeta
from insula.kernel.resource.querying.includes import readable
from insula.kernel.resource.querying.tagging import TAGS
from insula.kernel.resource.statements import names
from insula.kernel.resource.unit import WorkContext, hydrate
from insula.kernel.resource.writing import Writer
from insula.kernel.services.notifications.views import UsersAlone, own_id
from insula.kernel.services.saved_views.models import SavedView
from insula.kernel.services.saved_views.resource import saved_views
from insula.kernel.services.saved_views.views import (
    ChangeView,
    SaveView,
    ViewAnswer,
    answer_of,
    schema_of,
)

PATH = "/api/v1/saved-views"
SHARE = "saved_views.share"
MOST_OWN, MOST_SHARED = 100, 200
LOCK = Statement(
    "SELECT pg_advisory_xact_lock(hashtextextended('saved_views:' || $1::text, 0))"
)
COUNT = Statement(
    """SELECT count(*) FILTER (WHERE owner_id = $2::uuid AND NOT shared) AS own,
       count(*) FILTER (WHERE shared) AS shared FROM home__.saved_views
 WHERE tenant_id = $1::text::uuid AND deleted_at IS NULL
   AND (owner_id = $2::uuid OR shared)"""
)
ONLY = Parameter("resource", "Only those of this resource, such as `people.contacts`.")


class TooManyViews(Conflict):
    """There are {limit} views already: delete one that nobody needs."""

    code = "saved_views.too_many"


class SavedViewOperations:
    """Keeps views for whoever may use them."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def operations(self) -> tuple[Operation, ...]:
        """No role gives or takes one's own; sharing has a permission of its own."""
        one, refused = f"{PATH}/{{id}}", (Invalid, Denied, TooManyViews, UsersAlone)
        return (
            Operation(
                name="saved_views.list", method="GET", path=PATH, run=self._list,
                summary="List the views that I may use", writes=False,
                parameters=(ONLY,), answer=lambda: schema_of(list[ViewAnswer]),
                errors=(UsersAlone,),
            ),
            Operation(
                name="saved_views.read", method="GET", path=one, run=self._read,
                summary="Read a view that I may use", writes=False,
                answer=lambda: schema_of(ViewAnswer), errors=(NotFound, UsersAlone),
            ),
            Operation(
                name="saved_views.create", method="POST", path=PATH, run=self._create,
                summary="Save a view", body=SaveView, status=201,
                answer=lambda: schema_of(ViewAnswer), errors=refused,
            ),
            Operation(
                name="saved_views.update", method="PATCH", path=one, run=self._update,
                summary="Change a saved view", body=ChangeView,
                answer=lambda: schema_of(ViewAnswer), errors=(NotFound, *refused),
            ),
            Operation(
                name="saved_views.delete", method="DELETE", path=one, run=self._delete,
                summary="Delete a saved view", answer=lambda: {"type": "null"},
                errors=(NotFound, Denied, UsersAlone),
            ),
        )  # fmt: skip

    async def usable(self, ctx: Context, resource: str) -> Sequence[SavedViewMeta]:
        """The views of a resource with which somebody's screens may begin."""
        if ctx.actor.kind is not ActorKind.user:
            return ()
        found = await self._found(ctx, resource)
        return [
            SavedViewMeta(
                id=str(it.id),
                name=it.name,
                kind=it.kind.value,
                filter=it.filter,
                sort=it.sort,
                fields=it.fields,
                layout=it.layout,
                pinned=it.pinned,
                shared=it.shared,
                mine=it.mine,
                standard=it.standard,
            )
            for it in found
            if it.usable
        ]

    @property
    def _writer(self) -> Writer:
        return self._engine().api(saved_views.name).writer

    @cached_property
    def _listing(self) -> Statement:
        """Arguments: the user, and the resource or nothing."""
        columns = names(self._writer.facets, "c")
        return Statement(
            f"WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (SELECT {columns}"  # noqa: S608  # our names
            f" FROM {HOME}.saved_views c WHERE c.tenant_id = ctx.tenant_id"
            " AND c.deleted_at IS NULL AND (c.owner_id = $2::uuid OR c.shared)"
            " AND ($3::varchar IS NULL OR c.resource = $3::varchar)"
            f" ORDER BY c.id DESC LIMIT {MOST_OWN + 2 * MOST_SHARED}) r"
        )

    async def _list(self, ctx: Context, call: Call) -> Reply:
        """One's own and the shared ones, the pinned first, by name."""
        own_id(ctx)
        found = await self._found(ctx, call.query.get("resource"))
        return Reply(msgspec.json.encode(found))

    async def _found(self, ctx: Context, resource: str | None) -> list[ViewAnswer]:
        rows = await ctx.session.fetch(self._listing, ctx.actor.id, resource)
        views = [hydrate(SavedView, self._writer, row) for row in rows]
        views.sort(key=lambda it: (not it.pinned, it.name.casefold(), it.id))
        return [await self._shown(ctx, it) for it in views if self._visible(ctx, it)]

    async def _read(self, ctx: Context, call: Call) -> Reply:
        own_id(ctx)
        rows = await ctx.session.fetch(self._writer.get, row_id(call))
        views = [hydrate(SavedView, self._writer, row) for row in rows]
        if not views or not self._visible(ctx, views[0]):
            raise NotFound
        (view,) = views
        return await self._reply(ctx, view)

    async def _create(self, ctx: Context, call: Call) -> Reply:
        owner, wanted = own_id(ctx), call.body
        values = {name: getattr(wanted, name) for name in type(wanted).model_fields}
        async with self._engine().work(ctx) as work:
            view = await work.add(SavedView(**values, owner_id=owner))
            await self._check(work, view)
        reply = await self._reply(ctx, view)
        reply.status, reply.location = 201, f"{PATH}/{view.id}"
        return reply

    async def _update(self, ctx: Context, call: Call) -> Reply:
        async with self._engine().work(ctx) as work:
            view = await self._own(work, call)
            for name in call.body.model_fields_set:
                setattr(view, name, getattr(call.body, name))
            await self._check(work, view)
        return await self._reply(ctx, view)

    async def _delete(self, ctx: Context, call: Call) -> Reply:
        async with self._engine().work(ctx) as work:
            await discard(work, await self._own(work, call))
        return Reply()

    async def _own(self, work: WorkContext, call: Call) -> SavedView:
        """A view that the caller may change: theirs, or a shared one for who may share."""
        owner = own_id(work)
        view = await work.lock(SavedView, row_id(call))
        if not self._visible(work, view):
            raise NotFound
        if (view.owner_id != owner or view.shared) and not work.actor.may(SHARE):
            raise Denied
        return view

    async def _check(self, work: WorkContext, view: SavedView) -> None:
        """Refuse what its owner could not ask for, and more views than anybody needs."""
        api = self._api(work, view)
        if api is None:
            raise Invalid(refers_to_nothing("resource"))
        try:
            await _asked(api, work, view)
        except BadQuery as error:
            reason = str(error.details.get("reason", error.message))
            raise Invalid(FieldError("filter", "not_understood", reason)) from None
        if view.roles and not view.shared:
            words = Words("Only a view that is shared can be where a role begins.")
            raise Invalid(FieldError("roles", "not_shared", words))
        if view.shared and not work.actor.may(SHARE):
            raise Denied
        await self._bound(work, view)

    async def _bound(self, work: WorkContext, view: SavedView) -> None:
        await work.transaction.fetch(LOCK)
        await work.flush()
        (row,) = await work.transaction.fetch(COUNT, view.owner_id)
        for there, limit in ((row["own"], MOST_OWN), (row["shared"], MOST_SHARED)):
            if there > limit:
                raise TooManyViews(limit=limit)

    def _api(self, ctx: Context, view: SavedView) -> ResourceApi | None:
        """The resource of a view, if its rows may be listed."""
        try:
            api = self._engine().api(view.resource)
        except UnknownResource:
            return None
        listed = "list" not in api.resource.without
        return api if listed and readable(api.resource, ctx) else None

    def _visible(self, ctx: Context, view: SavedView) -> bool:
        if view.owner_id == ctx.actor.id:
            return True
        return view.shared and self._api(ctx, view) is not None

    async def _shown(self, ctx: Context, view: SavedView) -> ViewAnswer:
        api = self._api(ctx, view)
        try:
            usable = api is not None and await _asked(api, ctx, view)
        except BadQuery:
            usable = False
        return answer_of(view, ctx, usable=usable)

    async def _reply(self, ctx: Context, view: SavedView) -> Reply:
        body = msgspec.json.encode(await self._shown(ctx, view))
        return Reply(body, etag=tag(view.version))


async def _asked(api: ResourceApi, ctx: Context, view: SavedView) -> bool:
    """That somebody may ask a list so; raises ``BadQuery``."""
    beside = {TAGS} if api.resource.tags else set[str]()
    fields = ",".join(it for it in view.fields if it not in beside)
    said: dict[str, Any] = {"filter": view.filter, "sort": view.sort, "fields": fields}
    query = {name: it for name, it in said.items() if it}
    await api.lister.offer.know(ctx, query)
    api.selection(ctx, query)
    return True
