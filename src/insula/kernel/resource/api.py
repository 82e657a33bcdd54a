"""The engine: from a declaration to the operations that callers see."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import NoneType
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
from pydantic import BaseModel

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.access.operation import Call, Parameter, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import NotFound, Stale
from insula.kernel.foundation.ids import parse_uuid, uuid7
from insula.kernel.foundation.ranks import fresh_rank
from insula.kernel.resource.acting import Acts, answered
from insula.kernel.resource.declaration import CREATED_BY, Action, Resource
from insula.kernel.resource.followers import Follower
from insula.kernel.resource.following import Saved
from insula.kernel.resource.freezing import frozen
from insula.kernel.resource.listing import Lister
from insula.kernel.resource.masking import (
    MOST_LENSES,
    PartOfARow,
    refuse_protected,
)
from insula.kernel.resource.placing import offer_place
from insula.kernel.resource.querying.describing import included_schemas
from insula.kernel.resource.querying.includes import Includes, Inclusion
from insula.kernel.resource.querying.selecting import Selection, shaped
from insula.kernel.resource.schemas import (
    create_schema,
    patch_schema,
    replace_schema,
    row_schema,
)
from insula.kernel.resource.scoping import Scope, companions
from insula.kernel.resource.searching.search import Search
from insula.kernel.resource.shape import Shape
from insula.kernel.resource.statements import getting
from insula.kernel.resource.trash import Trash
from insula.kernel.resource.unit import WorkContext, held, values_of
from insula.kernel.resource.writers import Writers
from insula.kernel.resource.writing import DELETE, RESTORE, UPDATE, Verb, Writer


class Overtaken(Stale):
    """Somebody changed this in the meantime: read it again, then repeat."""

    told = ("version", "current")
    """The row as it is now, so that whoever lost can merge without asking again."""


REF = "#/components/schemas/{model}"


def row_id(call: Call) -> UUID:
    """The id in the path; one that is malformed is simply not found."""
    found = parse_uuid(call.key)
    if found is None:
        raise NotFound
    return found


def tag(version: int, mark: str = "") -> str:
    """The ETag of a version (RFC 9110, 8.8.3), and of what is beside its fields."""
    return f'"{version}{mark}"'


class ResourceApi:
    """The operations of one resource, derived once when its app loads.

    ``writers`` is filled for all resources, so that an action can touch rows of
    any of them; ``changed`` is told the tenant after every write.
    """

    def __init__(
        self,
        resource: Resource[Any],
        writers: Writers,
        secret: bytes,
        changed: Callable[[UUID], None],
    ) -> None:
        self.resource, self._writers, self._changed = resource, writers, changed
        self.shape = shape = Shape(resource.model, resource.hidden)
        custom = writers.columns_of(resource)
        self.writer = writers[resource.model] = Writer(resource, shape, custom)
        self._scoping, self._masking = self.writer.scoping, self.writer.masking
        self.acts = Acts(resource, writers, self._scoping, changed)
        self.follower = Follower(resource, writers)
        self._trash = Trash(resource, shape, self._scoping)
        self._includes = Includes(writers)
        self._lister = Lister(self.writer, secret, self._includes, Search.of(resource))
        self._listers = OrderedDict[frozenset[str], Lister]()
        self._getting = {
            reach: getting(
                resource.table.name,
                shape.readable,
                trashable=shape.trashable,
                within=partial(self._scoping.sql, reach=reach),
            )
            for reach in Reach
        }
        if shape.ranks:
            offer_place(resource)
        self._version_at = _place(shape, "version")
        self._fixed = {
            facet.name: facet.field.default
            for facet in shape.stored
            if facet.field.read_only
        }
        title = f"{resource.app.title()}{resource.model.__name__}"
        self.title = title
        self.create_body = create_schema(f"{title}Create", shape.creatable)
        self.replace_body = replace_schema(f"{title}Replace", shape.changeable)
        self.patch_body = patch_schema(f"{title}Patch", shape.changeable)

    def includable(self) -> Mapping[str, Inclusion]:
        """What can be included in a row; raises ``DeclarationError``.

        It is known only when all resources are.
        """
        return self._includes.of(self.writer)

    def row_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of one row."""
        return row_schema(self.title, self.resource.type, self.shape)

    def answer_schema(self, action: Action) -> Mapping[str, Any]:
        """The JSON Schema of what an action says it returns: also another's row."""
        model = get_type_hints(action.run).get("return")
        if model is NoneType:
            return {"type": "null"}
        if isinstance(model, type) and issubclass(model, BaseModel):
            return model.model_json_schema(mode="serialization", ref_template=REF)
        writer = self._writers.get(model) if isinstance(model, type) else None
        if writer is None or writer is self.writer:
            return self.row_schema()
        title = f"{writer.resource.app.title()}{writer.resource.model.__name__}"
        return row_schema(title, writer.type, writer.shape)

    def read_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of one row and of what may be included in it."""
        row, included = dict(self.row_schema()), included_schemas(self.includable())
        included |= {it.name: it.schema for it in self._lister.beside}
        if not included:
            return row
        properties = {**row["properties"], **included}
        return {**row, "title": f"{self.title}Read", "properties": properties}

    def list_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of a page of rows, each with any of its fields."""
        row = dict(self.read_schema())
        row["required"] = ["type", "id"]
        return {"type": "array", "items": {**row, "title": f"{self.title}Item"}}

    async def get(self, ctx: Context, call: Call) -> Reply:
        """One row."""
        if self._lister.beside or (call.query and shaped(call.query)):
            return await self._get_shaped(ctx, call)
        key, scope = row_id(call), self._scoping.of(ctx.actor, "read")
        if scope is None:
            rows = await ctx.session.fetch(self._getting[Reach.all], key)
        else:
            statement = self._getting[scope.reach]
            rows = await ctx.session.fetch(statement, key, *scope.args)
        if not rows:
            raise NotFound
        return self._reply(ctx, rows[0])

    async def _get_shaped(self, ctx: Context, call: Call) -> Reply:
        """One row as the query wants it.

        What is included has a version of its own: then the answer's tag is of it all.
        """
        lister = self._lister_for(ctx.actor)
        row, version, mark = await lister.one(ctx, call, row_id(call))
        whole = version is not None and "include" not in call.query
        return Reply(row, etag=tag(version, mark) if whole else None)

    def _reply(self, ctx: Context, record: Any) -> Reply:
        etag = None if self._version_at is None else tag(record[self._version_at])
        return Reply(self.writer.lens(ctx.actor).encode_record(record), etag=etag)

    def new_values(self, body: BaseModel, actor: Actor | None = None) -> dict[str, Any]:
        """All values of a new row: the caller's, and those that the kernel gives."""
        moment = now()
        values = {**self._fixed, **body.__dict__}
        values["id"] = uuid7()
        values["created_at"] = moment
        if "updated_at" in values:
            values["updated_at"] = moment
        for name in self.shape.ranks:
            values[name] = fresh_rank()
        if actor is not None and values.get(CREATED_BY, actor) is None:
            values[CREATED_BY] = actor.id
        return values

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a row: it, its audit and its event in one statement."""
        actor = ctx.actor
        refuse_protected(self._masking.of(actor), call.body.model_fields_set)
        values = self.new_values(call.body, actor)
        await self.writer.fill(ctx, values)
        scope = self._scoping.of(actor, "create")
        if scope is not None:
            known = await self._companions(ctx, scope, values)
            values = self._scoping.claim(scope, values, known)
        if self.resource.preparing is None:
            return await self._make(ctx, call, values)
        async with ctx.session.joint() as joint:
            within = ctx.within(joint)
            (values,) = await self.prepared(within, [values])
            return await self._make(within, call, values)

    async def prepared(
        self, ctx: Context, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """The values of new rows as their app completes them; raises what it raises."""
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            made = [held(self.resource.model, values) for values in rows]
            if self.resource.preparing is not None:
                await self.resource.preparing(work, made)
        return [
            {**values, **values_of(row, self.writer)}
            for values, row in zip(rows, made, strict=True)
        ]

    async def _make(self, ctx: Context, call: Call, values: dict[str, Any]) -> Reply:
        """Write a new row of which everything is known but its numbers."""
        if self.writer.fast:
            await self.writer.number(values, ctx)
        statement, args, body = self.writer.create(values, ctx)
        saved = Saved(values["id"], values)
        rows = await self.follower.fetch(ctx, statement, args, saved)
        if self.writer.derived:
            body = self.writer.whole(values, rows)
        self._changed(ctx.tenant.id)
        lens = self.writer.lens(ctx.actor)
        return Reply(
            body if lens is self.writer else lens.encode(values),
            status=201,
            etag=tag(1),
            location=f"{call.path}/{values['id']}",
        )

    async def _companions(
        self, ctx: Context, scope: Scope, values: Mapping[str, Any]
    ) -> Collection[UUID]:
        """Who is in the actor's teams, if that matters for these values."""
        if not self._scoping.strangers(scope, values):
            return ()
        return await companions(ctx.session, scope)

    async def replace(self, ctx: Context, call: Call) -> Reply:
        """Replace every field that callers may write."""
        if self._masking.of(ctx.actor).freeze:
            raise PartOfARow
        values = dict(call.body.__dict__)
        await self.writer.refill(ctx, values)
        return await self._change(ctx, call, values)

    async def patch(self, ctx: Context, call: Call) -> Reply:
        """Change the fields that the caller sent."""
        sent = call.body.model_fields_set
        values = {k: v for k, v in call.body.__dict__.items() if k in sent}
        await self.writer.amend(ctx, values)
        return await self._change(ctx, call, values)

    async def _change(self, ctx: Context, call: Call, changed: dict[str, Any]) -> Reply:
        changed.pop("version", None)
        refuse_protected(self._masking.of(ctx.actor), changed)
        return await self._write(ctx, call, changed, UPDATE)

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Put a row in the trash, from where it can be restored."""
        await self.throw_away(ctx, call)
        return Reply()

    async def throw_away(self, ctx: Context, call: Call) -> Reply:
        """The same, and the row as it lies there."""
        return await self._write(ctx, call, {"deleted_at": now()}, DELETE)

    async def restore(self, ctx: Context, call: Call) -> Reply:
        """Bring a row back from the trash, if what it is part of is not there too."""
        if not self._trash.parents:
            return await self._write(ctx, call, {"deleted_at": None}, RESTORE)
        async with ctx.session.joint() as joint:
            within = ctx.within(joint)
            reply = await self._write(within, call, {"deleted_at": None}, RESTORE)
            await self._trash.refuse_orphan(within, row_id(call))
        return reply

    async def purge(self, ctx: Context, call: Call) -> Reply:
        """Delete a row that is in the trash for good."""
        await self._trash.purge(ctx, row_id(call), call.version)
        self._changed(ctx.tenant.id)
        return Reply()

    async def _write(
        self, ctx: Context, call: Call, changed: Mapping[str, Any], verb: Verb
    ) -> Reply:
        key, scope = row_id(call), self._scoping.of(ctx.actor, "read", verb.permission)
        if scope is not None:
            known = await self._companions(ctx, scope, changed)
            self._scoping.keep(scope, changed, known)
        writes = self.writer.change(key, call.version, changed, ctx, verb, scope)
        rows = await self.follower.fetch(ctx, *writes, Saved(key, changed))
        if not rows:
            raise NotFound
        if rows[0]["id"] is None:
            refused = await frozen(ctx.session, self.writer, key, changed)
            raise refused or await self._overtaken(ctx, key)
        self._changed(ctx.tenant.id)
        return self._reply(ctx, rows[0])

    async def _overtaken(self, ctx: Context, key: UUID) -> Stale:
        """What to tell of a row that has another version, to whom may read it."""
        if ctx.actor.reach(f"{self.resource.name}.read") is None:
            return Stale()
        scope = self._scoping.of(ctx.actor, "read")
        reach, args = (Reach.all, ()) if scope is None else scope
        rows = await ctx.session.fetch(self._getting[reach], key, *args)
        if not rows or self._version_at is None:
            return Stale()
        record: Any = rows[0]
        row = msgspec.Raw(self.writer.lens(ctx.actor).encode_record(record))
        return Overtaken(version=record[self._version_at], current=row)

    async def act(self, action: Action, ctx: Context, call: Call) -> Reply:
        """Run an action on a locked row; all that it does commits together."""
        key = row_id(call)
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            scope = self._scoping.of(ctx.actor, "read", action.permission)
            row = await work.lock_within(self.resource.model, key, scope)
            if call.version is not None and row.version != call.version:
                raise self._outdated(ctx, row)
            command = () if action.command is None else (call.body,)
            answer = await action.run(work, row, *command)
            await work.flush()
        self._changed(ctx.tenant.id)
        return answered(answer, ctx, self._writers)

    def _outdated(self, ctx: Context, row: Any) -> Stale:
        """The same for a row that is at hand."""
        if ctx.actor.reach(f"{self.resource.name}.read") is None:
            return Stale()
        values = values_of(row, self.writer)
        current = msgspec.Raw(self.writer.lens(ctx.actor).encode(values))
        return Overtaken(version=row.version, current=current)

    @property
    def lister(self) -> Lister:
        """What answers the lists of those from whom nothing is hidden."""
        return self._lister

    def read_parameters(self) -> tuple[Parameter, ...]:
        """The query parameters of one row."""
        return self._lister.shaping()

    def list_parameters(self) -> tuple[Parameter, ...]:
        """The query parameters of the list."""
        return self._lister.parameters()

    async def list(self, ctx: Context, call: Call) -> Reply:
        """One page of rows, as far as the caller sees them."""
        return await self._lister_for(ctx.actor)(ctx, call)

    def selection(
        self, ctx: Context, query: Mapping[str, str], *actions: str
    ) -> Selection:
        """The rows that a list's query is about, to which all this may be done."""
        return self._lister_for(ctx.actor).selection(ctx, query, *actions)

    def _lister_for(self, actor: Actor) -> Lister:
        """What answers somebody, from whom some fields may be hidden."""
        hidden = self._masking.of(actor).hide
        if not hidden:
            return self._lister
        lister = self._listers.get(hidden)
        if lister is None:
            lister = self._listers[hidden] = self._lister.without(hidden)
            if len(self._listers) > MOST_LENSES:
                self._listers.popitem(last=False)
        self._listers.move_to_end(hidden)
        return lister


def _place(shape: Shape, name: str) -> int | None:
    places = [facet.name for facet in shape.readable]
    return places.index(name) if name in places else None
