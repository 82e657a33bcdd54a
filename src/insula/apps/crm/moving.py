"""Moving: how deals begin, go from stage to stage, and end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from insula.sdk import (
    Command,
    Context,
    Event,
    FieldError,
    Invalid,
    Money,
    Saved,
    Words,
    place,
    put_rows,
    refers_to_nothing,
)

from .deals import Deal, DealStageSpan, LostReason, deals
from .pipelines import D, DealState, ExchangeRate, Pipeline, Stage


class DealMoved(Event):
    """A deal went to another stage."""

    name: ClassVar[str] = "crm.deal.moved"
    deal_id: UUID
    from_stage_id: UUID | None
    stage_id: UUID
    state: DealState


class LoseDeal(Command):
    """Why nothing comes of it."""

    lost_reason: LostReason


class MoveDeal(Command):
    """Into which stage, where in its column, and, if it is lost, why."""

    stage_id: UUID
    after: UUID | None = None
    before: Annotated[UUID | None, Field(examples=[None])] = None
    lost_reason: LostReason | None = None


@deals.prepare
async def begin(ctx: Context, new: Sequence[Deal]) -> None:
    """Give new deals a stage: the first open one, unless they name another."""
    first = Pipeline.position.asc()
    order = [it.id for it in await ctx.select(Pipeline, order_by=first)]
    known = {it.id: it for it in await ctx.select(Stage, order_by=Stage.position.asc())}
    rates = await _rates(ctx)
    for deal in new:
        wanted = deal.pipeline_id or next(iter(order), None)
        if deal.pipeline_id not in (None, *order):
            raise Invalid(refers_to_nothing("pipeline_id"))
        stage = known.get(deal.stage_id) if deal.stage_id else None
        if deal.stage_id is None:
            mine = [it for it in known.values() if it.pipeline_id == wanted]
            stage = next((it for it in mine if it.kind is D.open), None)
        if stage is None:
            raise Invalid(refers_to_nothing("stage_id"))
        deal.currency = deal.currency or ctx.tenant.currency
        deal.opened_at = deal.opened_at or ctx.now
        deal.state = stage.kind
        _close(deal, deal.closed_at or ctx.now, deal.lost_reason or LostReason.unknown)
        _enter(deal, stage, deal.closed_at or deal.opened_at, rates)


@deals.follow
async def open_spans(ctx: Context, saved: Sequence[Saved]) -> dict[UUID, Invalid]:
    """The time of a deal in its first stage begins with the deal, whatever makes it."""
    new = [it.values for it in saved if "created_at" in it.values]
    named = "id", "stage_id", "owner_id", "entered_at"
    await put_rows(ctx, [_span(*(row[it] for it in named)) for row in new])
    return {}


@deals.action("move", raises=(Invalid,))
async def move(ctx: Context, deal: Deal, command: MoveDeal) -> Deal:
    """Put a deal into a stage, at the end of its column unless a place is said."""
    found = await ctx.select(Stage, Stage.id == command.stage_id, limit=1)
    if not found:
        raise Invalid(refers_to_nothing("stage_id"))
    await _go(ctx, deal, found[0], command.lost_reason)
    await place(
        ctx,
        deal,
        after=await _neighbour(ctx, deal, "after", command.after),
        before=await _neighbour(ctx, deal, "before", command.before),
    )
    return deal


@deals.action("win", raises=(Invalid,))
async def win(ctx: Context, deal: Deal) -> Deal:
    """Put a deal into the stage of its pipeline in which deals are won."""
    await _end(ctx, deal, D.won, None)
    return deal


@deals.action("lose", raises=(Invalid,))
async def lose(ctx: Context, deal: Deal, command: LoseDeal) -> Deal:
    """Put a deal into the stage of its pipeline in which deals are lost."""
    await _end(ctx, deal, D.lost, command.lost_reason)
    return deal


async def _end(
    ctx: Context, deal: Deal, kind: DealState, reason: LostReason | None
) -> None:
    here = Stage.pipeline_id == deal.pipeline_id, Stage.kind == kind
    found = await ctx.select(Stage, *here, order_by=Stage.position.asc(), limit=1)
    if not found:
        raise Invalid(refers_to_nothing("stage_id"))
    await _go(ctx, deal, found[0], reason)
    await place(ctx, deal)


async def _go(
    ctx: Context, deal: Deal, stage: Stage, reason: LostReason | None
) -> None:
    """Everything that follows from another stage; nothing where it is the same."""
    if stage.id == deal.stage_id:
        return
    if stage.kind is D.lost and reason is None:
        words = Words("Say why it was lost.")
        raise Invalid(FieldError("lost_reason", "required", words))
    if stage.kind is not deal.state:
        ctx.move(deal, stage.kind)
    at = ctx.now
    await _leave(ctx, deal, stage, at)
    told = DealMoved(
        deal_id=deal.id,
        from_stage_id=deal.stage_id,
        stage_id=stage.id,
        state=deal.state,
    )
    ctx.emit(told)
    _close(deal, at, reason)
    _enter(deal, stage, at, await _rates(ctx))
    await ctx.add(_span(deal.id, stage.id, deal.owner_id, at))


def _span(deal: UUID, stage: UUID, owner: UUID | None, at: datetime) -> DealStageSpan:
    return DealStageSpan(deal_id=deal, stage_id=stage, owner_id=owner, started_at=at)


async def _leave(ctx: Context, deal: Deal, to: Stage, at: datetime) -> None:
    """End the time in the stage that the deal is in, before another one begins."""
    ending = DealStageSpan.deal_id == deal.id, DealStageSpan.ended_at.is_(None)
    (was,) = await ctx.select(Stage, Stage.id == deal.stage_id, limit=1) or [to]
    same = was.pipeline_id == to.pipeline_id and to.kind is not D.lost
    for span in await ctx.select(DealStageSpan, *ending):
        span.ended_at = max(at, span.started_at)
        span.forward = same and to.position > was.position
        await ctx.write(span)


def _enter(
    deal: Deal, stage: Stage, at: datetime | None, rates: dict[str, float]
) -> None:
    deal.stage_id, deal.pipeline_id = stage.id, stage.pipeline_id
    deal.probability, deal.entered_at = stage.probability, at
    deal.rate = rates.get(deal.currency or "")


def _close(deal: Deal, at: datetime, reason: LostReason | None) -> None:
    deal.closed_at = None if deal.state is D.open else at
    deal.lost_reason = reason if deal.state is D.lost else None


async def _rates(ctx: Context) -> dict[str, float]:
    """By currency: what its minor unit is worth in that of the organisation's own."""
    own = ctx.tenant.currency
    newest = await ctx.select(ExchangeRate, order_by=ExchangeRate.created_at.desc())
    worth = {it.currency: it.rate for it in reversed(newest)} | {own: 1.0}
    unit = Money.parse("1", own).minor
    return {it: by * unit / Money.parse("1", it).minor for it, by in worth.items()}


async def _neighbour(
    ctx: Context, deal: Deal, field: str, wanted: UUID | None
) -> Deal | None:
    """The deal beside which another one is put; raises ``Invalid``."""
    if wanted is None:
        return None
    beside = Deal.id == wanted, Deal.stage_id == deal.stage_id, Deal.id != deal.id
    found = await ctx.select(Deal, *beside, await ctx.visible(Deal), limit=1)
    if not found:
        raise Invalid(refers_to_nothing(field))
    return found[0]
