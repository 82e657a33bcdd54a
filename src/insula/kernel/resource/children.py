"""Children: rows that are part of another one, written together with it.

``POST`` takes them as a list under their plural name; ``PUT`` makes the list what it is
told: those with an ``id`` are changed in the fields that are sent, those without are
new, and those that it leaves out go to the trash. All of it commits with the parent, in
as many statements as there are rows; a parent without children is written by one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field, create_model

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import (
    Denied,
    FieldError,
    Invalid,
    Problem,
    Stale,
    refers_to_nothing,
)
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.declaration import DeclarationError, Resource
from insula.kernel.resource.freezing import frozen
from insula.kernel.resource.masking import refuse_protected
from insula.kernel.resource.schemas import create_schema
from insula.kernel.resource.statements import names
from insula.kernel.resource.violations import (
    Breach,
    breaches,
    translate,
)
from insula.kernel.resource.wordings import WORDINGS
from insula.kernel.resource.writing import DELETE, Writer

MOST = 200
"""Rows of one kind that are written with their parent."""
REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, Problem)


class Brood(NamedTuple):
    """One kind of children: how they are read and written, and what hangs them on."""

    api: ResourceApi
    link: str
    name: str
    here: Statement
    """Those of one parent, locked in the order of their ids."""

    @property
    def writer(self) -> Writer:
        """What writes them."""
        return self.api.writer


class Family:
    """A resource with the children that are written with it."""

    def __init__(self, api: ResourceApi, children: Sequence[ResourceApi]) -> None:
        self._api = api
        links = api.resource.children
        self._broods = [_brood(child, links[child.resource]) for child in children]
        self._breaches = breaches(child.resource for child in children)
        made = {brood.name: _items(brood, []) for brood in self._broods}
        kept = {brood.name: _items(brood, None) for brood in self._broods}
        if followed := [it.name for it in self._broods if it.api.resource.following]:
            raise DeclarationError(f"{followed} are written with their parent alone")
        self.create_body = _with(api.create_body, made)
        self.replace_body = _with(api.replace_body, kept)

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of the row with the children that were sent."""
        row = dict(self._api.row_schema())
        lists = {
            brood.name: {"type": "array", "items": brood.api.row_schema()}
            for brood in self._broods
        }
        title, properties = f"{self._api.title}Family", {**row["properties"], **lists}
        return {**row, "title": title, "properties": properties}

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a row and its children."""
        sent = [it for it in self._broods if getattr(call.body, it.name)]
        if not sent:
            return await self._api.create(ctx, call)
        self._admit(ctx, sent, "create")
        async with ctx.session.joint() as joint:
            reply = await self._api.create(ctx.within(joint), call)
            assert reply.location is not None
            parent = UUID(reply.location.rpartition("/")[2])
            for brood in sent:
                items = list(enumerate(getattr(call.body, brood.name)))
                await _Writing(ctx, joint.whole, brood, parent, self._breaches).add(
                    items
                )
            return await _shown(ctx, joint.whole, reply, parent, sent)

    async def replace(self, ctx: Context, call: Call) -> Reply:
        """Replace a row, and its children as far as they are sent."""
        sent = [it for it in self._broods if getattr(call.body, it.name) is not None]
        if not sent:
            return await self._api.replace(ctx, call)
        self._admit(ctx, sent, "create", "update", "delete")
        async with ctx.session.joint() as joint:
            parent = row_id(call)
            reply = await self._api.replace(ctx.within(joint), call)
            for brood in sent:
                items = getattr(call.body, brood.name)
                writing = _Writing(ctx, joint.whole, brood, parent, self._breaches)
                await writing.match(items)
            return await _shown(ctx, joint.whole, reply, parent, sent)

    @staticmethod
    def _admit(ctx: Context, broods: Iterable[Brood], *actions: str) -> None:
        needed = (f"{it.writer.name}.{action}" for it in broods for action in actions)
        if not all(ctx.actor.may(permission) for permission in needed):
            raise Denied


@dataclass(frozen=True, slots=True)
class _Writing:
    """Writes one kind of children of one parent, in the parent's transaction."""

    ctx: Context
    transaction: Transaction
    brood: Brood
    parent: UUID
    breaches: Mapping[str, Breach]

    async def add(self, items: Iterable[tuple[int, Any]]) -> None:
        """Make new ones; ``items`` are numbered as the caller sent them."""
        ctx, api, writer = self.ctx, self.brood.api, self.brood.writer
        for at, item in items:
            with self._blaming(at):
                sent = item.model_fields_set - {"id"}
                refuse_protected(writer.masking.of(ctx.actor), sent)
                values = api.new_values(item, ctx.actor)
                values |= {"id": uuid7(), self.brood.link: self.parent}
                await writer.fill(ctx, values)
                if writer.fast:
                    await writer.number(values, ctx)
                statement, args, _ = writer.create(values, ctx)
                await self.transaction.fetch(statement, *args)

    async def match(self, items: Sequence[Any]) -> None:
        """Have exactly these: others go to the trash, first of all."""
        rows = await self.transaction.fetch(self.brood.here, self.parent)
        known = {row["id"]: row for row in rows}
        self._refuse_strangers(items, known)
        writer, wanted = self.brood.writer, {item.id for item in items}
        for gone in (it for it in known if it not in wanted):
            away = {"deleted_at": now()}
            statement, args = writer.change(gone, None, away, self.ctx, DELETE)
            await self.transaction.fetch(statement, *args)
        for at, item in enumerate(items):
            if item.id is not None:
                with self._blaming(at):
                    await self._change(item, known[item.id])
        await self.add((at, it) for at, it in enumerate(items) if it.id is None)

    def _refuse_strangers(
        self, items: Sequence[Any], known: Mapping[UUID, Any]
    ) -> None:
        seen: set[UUID] = set()
        for at, item in enumerate(items):
            if item.id is None:
                continue
            if item.id not in known or item.id in seen:
                field = f"{self.brood.name}.{at}.id"
                raise Invalid(refers_to_nothing(field))
            seen.add(item.id)

    async def _change(self, item: Any, row: Any) -> None:
        writer, facets = self.brood.writer, self.brood.api.shape.facets
        changed = {
            name: value
            for name in item.model_fields_set - {"id"}
            if (value := getattr(item, name)) != facets[name].loaded(row[name])
        }
        if not changed:
            return
        _refuse_immutable(self.brood, changed)
        refuse_protected(writer.masking.of(self.ctx.actor), changed)
        await writer.amend(self.ctx, changed)
        statement, args = writer.change(item.id, None, changed, self.ctx)
        rows = await self.transaction.fetch(statement, *args)
        if not rows or rows[0]["id"] is None:
            refusal = await frozen(self.transaction, writer, item.id, changed)
            raise refusal or Stale()

    @contextmanager
    def _blaming(self, at: int) -> Iterator[None]:
        """Tell what goes wrong within as a fault of the child whose it is."""
        try:
            yield
        except REFUSED as error:
            problem = (
                error if isinstance(error, Problem) else translate(error, self.breaches)
            )
            if problem is None:
                raise
            where = f"{self.brood.name}.{at}"
            problem.fields = tuple(
                FieldError(f"{where}.{it.field}", it.code, it.message)
                for it in problem.fields
            )
            raise problem from None


async def _shown(
    ctx: Context,
    transaction: Transaction,
    reply: Reply,
    parent: UUID,
    broods: Iterable[Brood],
) -> Reply:
    """The row's answer with the children in it, as they are now."""
    parts = [reply.data[:-1]]
    for brood in broods:
        if not ctx.actor.may(f"{brood.writer.name}.read"):
            continue
        rows = await transaction.fetch(brood.here, parent)
        order = next(iter(brood.api.shape.ranks), "id")
        lens = brood.writer.lens(ctx.actor)
        told = [lens.encode(dict(row)) for row in sorted(rows, key=itemgetter(order))]
        parts.append(b',"%s":[%s]' % (brood.name.encode(), b",".join(told)))
    reply.data = b"".join([*parts, b"}"])
    return reply


def _brood(api: ResourceApi, link: str) -> Brood:
    resource: Resource[Any] = api.resource
    shown = api.writer.facets
    here = Statement(
        f"SELECT {names(shown, 'c')} FROM {HOME}.{resource.table.name} c"  # noqa: S608  # our names
        f" WHERE c.tenant_id = $1::text::uuid AND c.{link} = $2::uuid"
        " AND c.deleted_at IS NULL ORDER BY c.id FOR UPDATE"
    )
    return Brood(api, link, resource.plural, here)


def _items(brood: Brood, default: Any) -> tuple[Any, Any]:
    """The list of a kind of children in a body; with ids where rows may be there."""
    facets = [it for it in brood.api.shape.creatable if it.name != brood.link]
    title = f"{brood.api.title}{'Item' if default is None else 'New'}"
    schema = create_schema(f"{title}Child", facets)
    if default is None:
        schema = create_model(title + "Child", __base__=schema, id=(UUID | None, None))
        return Annotated[list[schema], Field(max_length=MOST)] | None, None  # type: ignore[valid-type]  # made here
    return Annotated[list[schema], Field(max_length=MOST)], Field(default_factory=list)  # type: ignore[valid-type]  # made here


def _with(body: type[BaseModel], lists: Mapping[str, Any]) -> type[BaseModel]:
    fields: dict[str, Any] = dict(lists)
    return create_model(body.__name__, __base__=body, __module__=__name__, **fields)


def _refuse_immutable(brood: Brood, changed: Mapping[str, Any]) -> None:
    may = {it.name for it in brood.api.shape.changeable}
    wrong = [
        FieldError(name, "immutable", Words(WORDINGS["frozen_field"], field=name))
        for name in changed
        if name not in may
    ]
    if wrong:
        raise Invalid(*wrong)
