"""Reading: the timeline of a row, as far as the reader may know what stands in it.

An entry about another row is there for whoever may read that row alone; its data has no
field that is hidden from them; and what was said in a comment is read from the comment,
so that nothing stays of it here when it is deleted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.attached import ATTACHED
from insula.kernel.database.pool import Record
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.querying.includes import readable
from insula.kernel.resource.reaching import Reaching
from insula.kernel.resource.statements import Numbers
from insula.kernel.services.comments.pages import PAGING, BadPage, next_page, page_of

PAGE = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT e.id, e.created_at, e.name, e.subject, e.subject_id, e.field, e.actor_id,
           u.name AS actor, e.data
      FROM home__.timeline_entries e
      LEFT JOIN home__.users u ON u.tenant_id = e.tenant_id AND u.id = e.actor_id
     WHERE e.tenant_id = ctx.tenant_id AND e.resource = $2::varchar
       AND e.row_id = $3::uuid AND e.subject = ANY($5::varchar[])
       AND e.id < COALESCE($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY e.id DESC LIMIT $6::bigint) r"""  # noqa: S608  # our names
)


class Actor(msgspec.Struct):
    """Who did it; a user has a name."""

    id: UUID
    name: str | None


class Subject(msgspec.Struct):
    """The row to which it happened."""

    type: str
    id: UUID
    title: str | None
    path: str


class Entry(msgspec.Struct, tag="timeline_entry", tag_field="type"):
    """Something that happened: to the row itself, or to one whose ``field`` names it."""

    id: UUID
    at: Any
    app: str | None
    name: str
    verb: str
    actor: Actor | None
    subject: Subject
    field: str | None
    data: Any


class Seen(NamedTuple):
    """What a reader may know of the rows of one resource that entries tell of."""

    api: ResourceApi
    hidden: frozenset[str]
    whole: bool
    """Whether they reach every row, those that are gone too."""
    rows: Mapping[UUID, Any]
    """What those are called that were found; of comments, what they say."""


class Timelines:
    """What resources with a timeline offer beyond themselves."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._naming: dict[tuple[str, Reach, str], Statement] = {}

    def operations(self) -> tuple[Operation, ...]:
        """One of every resource that has a timeline."""
        apis = (api for api in self._engine().apis if api.resource.timeline)
        return tuple(self._of(api) for api in apis)

    def _of(self, api: ResourceApi) -> Operation:
        resource = api.resource
        return Operation(
            name=f"{resource.name}.timeline",
            method="GET",
            path=f"{resource.address}/{{id}}/timeline",
            run=partial(self._read, api, Reaching(api.writer)),
            summary=f"Read what happened to a {resource.singular.replace('_', ' ')}",
            permission=f"{resource.name}.read",
            app=resource.app or None,
            scoped=bool(resource.owner or resource.team),
            writes=False,
            parameters=PAGING,
            answer=_schema,
            errors=(NotFound, BadPage),
        )

    async def _read(
        self, api: ResourceApi, reaching: Reaching, ctx: Context, call: Call
    ) -> Reply:
        """A page of what happened, the newest first."""
        key, page = row_id(call), page_of(call.query)
        await reaching.title(ctx.session, ctx.actor, key)
        known = [it for it in self._engine().apis if _told(it, ctx)]
        names = [it.resource.name for it in known]
        asked = api.resource.name, key, page.after, names, page.size + 1
        rows = await ctx.session.fetch(PAGE, *asked)
        reply = Reply(per_page=page.size)
        shown, reply.next_cursor = next_page(rows, page)
        seen = await self._seen(ctx, known, shown)
        found = (_entry(row, seen[row["subject"]]) for row in shown)
        reply.data = msgspec.json.encode([it for it in found if it is not None])
        return reply

    async def _seen(
        self, ctx: Context, known: Iterable[ResourceApi], shown: Sequence[Record]
    ) -> Mapping[str, Seen]:
        """What may be known of the rows on a page: a statement for each resource."""
        wanted: dict[str, set[UUID]] = {}
        for row in shown:
            wanted.setdefault(row["subject"], set()).add(row["subject_id"])
        found = {}
        for api in known:
            name = api.resource.name
            if name in wanted:
                found[name] = await self._rows(ctx, api, sorted(wanted[name]))
        return found

    async def _rows(self, ctx: Context, api: ResourceApi, ids: Sequence[UUID]) -> Seen:
        resource = api.resource
        scope = api.writer.scoping.of(ctx.actor, "read")
        reach, args = (Reach.all, ()) if scope is None else scope
        hidden = self._engine().hidden_from(ctx.actor, resource.type)
        said = _is_said(api)
        title = "text" if said else str(resource.title or "id")
        column = "id" if title in hidden | resource.hidden else title
        statement = self._named(api, reach, column)
        rows = await ctx.session.fetch(statement, ids, *args)
        by_id = {row["id"]: row["title"] for row in rows}
        whole = reach is Reach.all and not said
        return Seen(api, hidden | resource.hidden, whole, by_id)

    def _named(self, api: ResourceApi, reach: Reach, column: str) -> Statement:
        """Rows by their ids, as far as they are reached, and what they are called."""
        key = api.resource.name, reach, column
        found = self._naming.get(key)
        if found is None:
            scope = api.writer.scoping.sql(Numbers(used=2), reach)
            live = " AND c.deleted_at IS NULL" if _is_said(api) else ""
            title = "NULL" if column == "id" else f"c.{column}::text"
            found = self._naming[key] = Statement(
                f"WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL"  # noqa: S608  # our names
                f" (SELECT c.id, {title} AS title FROM {HOME}.{api.resource.table.name} c"
                " WHERE c.tenant_id = ctx.tenant_id AND c.id = ANY($2::uuid[])"
                f"{live}{scope}) r"
            )
        return found


def _is_said(api: ResourceApi) -> bool:
    """Whether it hangs on rows itself: whoever may read these may read it."""
    return bool(api.resource.table.info.get(ATTACHED))


def _told(api: ResourceApi, ctx: Context) -> bool:
    return _is_said(api) or readable(api.resource, ctx)


def _entry(row: Record, seen: Seen) -> Entry | None:
    """An entry as its reader may know it; None for what they may not know of."""
    key, resource = row["subject_id"], seen.api.resource
    if row["field"] in seen.hidden or not (seen.whole or key in seen.rows):
        return None
    data: dict[str, Any] = msgspec.json.decode(row["data"])
    shown: dict[str, Any] = {k: it for k, it in data.items() if k not in seen.hidden}
    title = seen.rows.get(key)
    if _is_said(seen.api):
        shown, title = {"text": title}, None
    actor = row["actor_id"]
    return Entry(
        id=row["id"],
        at=row["created_at"],
        app=resource.app or None,
        name=row["name"],
        verb=row["name"].rpartition(".")[2],
        actor=None if actor is None else Actor(actor, row["actor"]),
        subject=Subject(resource.type, key, title, f"{resource.address}/{key}"),
        field=row["field"],
        data=shown,
    )


def _schema() -> Mapping[str, Any]:
    made, parts = msgspec.json.schema_components(
        [list[Entry]], ref_template="#/components/schemas/{name}"
    )
    return {**made[0], "$defs": parts}
