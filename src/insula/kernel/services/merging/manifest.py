"""The merging service: rows that turn out to be one become one, and two again."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Conflict, Denied, Invalid, NotFound, Stale
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.commands import UnknownCommand
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.merging.errors import (
    MergeInCircle,
    MergeNotUndone,
    MergeUndoneAlready,
    MergeWithItself,
)
from insula.kernel.resource.merging.plan import Plan
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.merging.merges import merges, prune
from insula.kernel.services.merging.merging import Merger, Pair

MOST_FIELDS = 200


class MergeAsk(Command):
    """Which row is merged into this one, and the fields to take from it."""

    other: UUID = Field(alias="from")
    take: list[str] = Field(default=[], max_length=MOST_FIELDS, examples=[[]])


class MayNotUndo(Denied):
    """This needs the permission {permission}."""

    code = "FORBIDDEN"


class Merging:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self.merger = Merger(engine)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="merging",
            title="Merging",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(merges,),
            schedules=(Schedule("prune", run=prune, cron="40 3 * * *"),),
        )

    def operations(self) -> tuple[Operation, ...]:
        """Merging for every resource that allows it, and the way back."""
        return (
            *(self._merging(it) for it in self.merger.plans.values()),
            self._undoing(),
        )

    def _merging(self, plan: Plan) -> Operation:
        resource = plan.resource
        noun = resource.singular.replace("_", " ")
        return Operation(
            name=f"{resource.name}.merge",
            method="POST",
            path=f"{resource.address}/{{id}}/merge",
            run=partial(self._merge, plan),
            summary=f"Merge another {noun} into this one",
            permission=f"{resource.name}.merge",
            app=resource.app or None,
            scoped=bool(resource.owner or resource.team),
            body=MergeAsk,
            answer=self._engine().api(merges.name).row_schema,
            rehearsable=True,
            errors=(NotFound, MergeWithItself, MergeInCircle, Invalid, Stale, Conflict),
        )

    async def _merge(self, plan: Plan, ctx: Context, call: Call) -> Reply:
        pair = Pair(row_id(call), call.body.other, tuple(call.body.take))
        async with self._engine().work(ctx) as work:
            made = await self.merger.merge(work, plan, pair, call.version)
        return await self._shown(ctx, made.id)

    async def asked(
        self, ctx: WorkContext, api: ResourceApi, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What another app asks for: the row ``other`` becomes one with ``id``."""
        plan = self.merger.plans.get(api.resource.name)
        if plan is None:
            raise UnknownCommand(f"{api.resource.name}.merge")
        await ctx.flush()
        made = await self.merger.merge(ctx, plan, Pair(body["id"], body["other"]))
        return {"id": made.id}

    def _undoing(self) -> Operation:
        return Operation(
            name="merges.undo",
            method="POST",
            path=f"{merges.address}/{{id}}/undo",
            run=self._undo,
            summary="Make two rows of one again",
            permission="merges.undo",
            scoped=True,
            answer=self._engine().api(merges.name).row_schema,
            errors=(NotFound, MayNotUndo, MergeNotUndone, MergeUndoneAlready, Conflict),
        )

    async def _undo(self, ctx: Context, call: Call) -> Reply:
        key, api = row_id(call), self._engine().api(merges.name)
        scope = api.writer.scoping.of(ctx.actor, "read", "undo")
        async with self._engine().work(ctx) as work:
            merge = await work.lock_within(merges.model, key, scope)
            permission = f"{merge.resource}.merge"
            if ctx.actor.reach(permission) is None:
                raise MayNotUndo(permission=permission)
            if merge.undone_at is not None:
                raise MergeUndoneAlready
            if merge.undo_until < work.now:
                raise MergeNotUndone(reason=Words("its time is over"))
            await self.merger.undo(work, merge)
        return await self._shown(ctx, key)

    async def _shown(self, ctx: Context, key: UUID) -> Reply:
        """The merge, as its maker may see it."""
        api = self._engine().api(merges.name)
        return await api.get(ctx, Call(f"{merges.address}/{key}", str(key)))
