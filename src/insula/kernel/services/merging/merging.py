"""Merging: two rows become one, in one transaction, and as far as possible two again."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from pydantic import TypeAdapter

from insula.kernel.access.context import Context
from insula.kernel.database.model import TenantModel
from insula.kernel.database.session import HOME, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import (
    FieldError,
    Invalid,
    NotFound,
    Stale,
    refers_to_nothing,
)
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.masking import refuse_protected
from insula.kernel.resource.merging.declaring import MERGED_INTO
from insula.kernel.resource.merging.errors import (
    MergeInCircle,
    MergeNotUndone,
    MergeWithItself,
)
from insula.kernel.resource.merging.plan import EMPTY, Plan
from insula.kernel.resource.merging.pointers import Pointers
from insula.kernel.resource.merging.statements import telling
from insula.kernel.resource.shape import Facet
from insula.kernel.resource.statements import Deed
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.writing import DELETE, RESTORE, UPDATE
from insula.kernel.services.merging.merges import KEPT
from insula.kernel.services.merging.models import Merge


class Pair(NamedTuple):
    """Who stays, who goes, and the fields that the one takes from the other."""

    survivor: UUID
    other: UUID
    take: tuple[str, ...] = ()


class Merger:
    """Merges rows of every resource that says that they may be merged."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    @cached_property
    def plans(self) -> Mapping[str, Plan]:
        """By resource: how its rows are merged."""
        apis = self._engine().apis
        pointers = Pointers(api.resource for api in apis)
        return {
            api.resource.name: Plan(api, pointers)
            for api in apis
            if api.resource.merge is not None
        }

    async def merge(
        self, ctx: WorkContext, plan: Plan, pair: Pair, version: int | None = None
    ) -> Merge:
        """Merge a row into another one; raises what forbids it."""
        survivor, other = await _locked(ctx, plan, pair)
        if version is not None and survivor.version != version:
            raise Stale
        if await plan.is_above(ctx.transaction, other.id, survivor.id):
            raise MergeInCircle
        taken = _taken(ctx, plan, pair, survivor, other)
        key, moment = uuid7(), ctx.now
        await _leave(ctx, plan, other.id, survivor.id, moment)
        ends = other.id, survivor.id
        moved = await plan.move(ctx.transaction, key, moment, *ends)
        made = Merge(
            resource=plan.resource.name,
            survivor_id=survivor.id,
            merged_id=other.id,
            moved=dict(moved),
            filled=_fill(survivor, taken),
            undo_until=moment + KEPT,
        )
        made.id = key
        await ctx.write(survivor)
        await ctx.add(made)
        await ctx.flush()
        await _tell(ctx, plan, made, "merge", "merged")
        return made

    async def undo(self, ctx: WorkContext, merge: Merge) -> None:
        """Make two rows of one again; raises ``MergeNotUndone``."""
        plan = self.plans.get(merge.resource)
        if plan is None:
            raise MergeNotUndone(reason=Words("its app is gone"))
        pair, model = Pair(merge.survivor_id, merge.merged_id), plan.resource.model
        await _lock_merged(ctx, plan, pair)
        try:
            scope = plan.api.writer.scoping.of(ctx.actor, "read", "merge")
            survivor = await ctx.lock_within(model, pair.survivor, scope)
        except NotFound:
            reason = Words("the one that stayed is gone")
            raise MergeNotUndone(reason=reason) from None
        left = await plan.move_back(
            ctx.transaction, merge.id, ctx.now, pair.other, pair.survivor
        )
        fields = _unfill(plan, survivor, merge)
        await ctx.write(survivor)  # what is unique there is free again
        await _come_back(ctx, plan, pair.other)
        merge.undone_at = ctx.now
        merge.stayed = {**left, **({"fields": fields} if fields else {})}
        await _tell(ctx, plan, merge, "unmerge", "unmerged")


async def _locked(
    ctx: WorkContext, plan: Plan, pair: Pair
) -> tuple[TenantModel, TenantModel]:
    """Both rows, locked in key order, as far as the caller reaches them."""
    if pair.survivor == pair.other:
        raise MergeWithItself
    model = plan.resource.model
    scope = plan.api.writer.scoping.of(ctx.actor, "read", "merge")
    found: dict[UUID, TenantModel] = {}
    for key in sorted((pair.survivor, pair.other)):
        try:
            found[key] = await ctx.lock_within(model, key, scope)
        except NotFound:
            if key == pair.survivor:
                raise
    if pair.other not in found:
        raise Invalid(refers_to_nothing("from"))
    return found[pair.survivor], found[pair.other]


async def _lock_merged(ctx: WorkContext, plan: Plan, pair: Pair) -> None:
    """Lock both rows again; raises ``MergeNotUndone`` where they are not as they were."""
    table = plan.resource.table
    into = MERGED_INTO if MERGED_INTO in table.columns else "NULL::uuid"
    rows = await ctx.transaction.fetch(
        Statement(
            f"SELECT id, {into} AS merged_into FROM {HOME}.{table.name}"  # noqa: S608  # our names
            " WHERE tenant_id = $1::text::uuid AND id = ANY($2::uuid[])"
            " ORDER BY id FOR UPDATE"
        ),
        sorted((pair.survivor, pair.other)),
    )
    known = {row["id"]: row["merged_into"] for row in rows}
    if pair.other not in known:
        raise MergeNotUndone(reason=Words("the one that was merged is gone"))
    if MERGED_INTO in table.columns and known[pair.other] != pair.survivor:
        raise MergeNotUndone(reason=Words("a later merge comes first"))


async def _leave(
    ctx: WorkContext, plan: Plan, row: UUID, into: UUID, moment: datetime
) -> None:
    """Go to the trash, and say where it went."""
    away = {"deleted_at": moment} | _pointing(plan, into)
    statement, args = plan.api.writer.change(row, None, away, ctx, DELETE)
    await ctx.transaction.fetch(statement, *args)


async def _come_back(ctx: WorkContext, plan: Plan, row: UUID) -> None:
    """Leave the trash; somebody may have restored it already."""
    write, alone = plan.api.writer.change, _pointing(plan, None)
    back: dict[str, Any] = {"deleted_at": None} | alone
    statement, args = write(row, None, back, ctx, RESTORE)
    if not await ctx.transaction.fetch(statement, *args) and alone:
        statement, args = write(row, None, alone, ctx, UPDATE)
        await ctx.transaction.fetch(statement, *args)


def _pointing(plan: Plan, where: UUID | None) -> dict[str, Any]:
    known = MERGED_INTO in plan.api.shape.facets
    return {MERGED_INTO: where} if known else {}


def _taken(
    ctx: Context, plan: Plan, pair: Pair, survivor: Any, other: Any
) -> dict[str, Any]:
    """The values that the survivor gets: those asked for, and where it has none."""
    known = {facet.name for facet in plan.api.shape.changeable}
    faults = [
        FieldError(
            f"take.{at}", "unknown", Words("There is no {field} field.", field=it)
        )
        for at, it in enumerate(pair.take)
        if it not in known
    ]
    if faults:
        raise Invalid(*faults)
    refuse_protected(plan.api.writer.masking.of(ctx.actor), pair.take)
    taken = {name: getattr(other, name) for name in pair.take}
    for facet in plan.fillable():
        mine, theirs = getattr(survivor, facet.name), getattr(other, facet.name)
        if facet.name in taken or theirs in EMPTY:
            continue
        if isinstance(mine, dict) and isinstance(theirs, dict):
            taken[facet.name] = {**theirs, **mine}
        elif mine in EMPTY:
            taken[facet.name] = theirs
    return {k: v for k, v in taken.items() if v != getattr(survivor, k)}


def _fill(survivor: TenantModel, taken: Mapping[str, Any]) -> dict[str, Any]:
    """Set the values that are taken; answers each field's old and new one."""
    before = {name: _plain(survivor, name) for name in taken}
    for name, value in taken.items():
        setattr(survivor, name, value)
    return {name: [old, _plain(survivor, name)] for name, old in before.items()}


def _plain(row: TenantModel, name: str) -> Any:
    """A value as JSON has it."""
    return msgspec.to_builtins(getattr(row, name), str_keys=True)


def _unfill(plan: Plan, survivor: TenantModel, merge: Merge) -> list[str]:
    """Give the survivor its own values back; the fields that were changed since."""
    changed = []
    for name, (before, after) in merge.filled.items():
        facet = plan.api.shape.facets.get(name)
        if facet is None or _plain(survivor, name) != after:
            changed.append(name)
        else:
            setattr(survivor, name, _value(facet, before))
    return changed


def _value(facet: Facet, plain: Any) -> Any:
    if plain is None:
        return None
    return TypeAdapter(facet.annotation).validate_json(msgspec.json.encode(plain))


async def _tell(
    ctx: WorkContext, plan: Plan, merge: Merge, verb: str, past: str
) -> None:
    """The journal says of the survivor what became of it."""
    kind = plan.resource.type
    deed = Deed(f"{plan.resource.name}.{verb}", kind, f"{kind}.{past}")
    told = {
        "id": str(merge.survivor_id),
        "merged_id": str(merge.merged_id),
        "merge_id": str(merge.id),
    }
    payload = msgspec.json.encode(told).decode()
    journal = uuid7(), *ctx.origin
    await ctx.transaction.fetch(
        telling(deed), merge.survivor_id, now(), payload, *journal
    )
