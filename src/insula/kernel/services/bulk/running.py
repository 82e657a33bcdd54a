"""Running: a chunk of rows a transaction, with what became of each of them.

The rows, their results and how far the run has come commit together: killed at any
line, a run goes on behind the last row of which there is a result.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from uuid import UUID

import msgspec

from insula.kernel.database.session import Statement
from insula.kernel.foundation.errors import NotFound, Problem
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.languages import Catalog, Languages
from insula.kernel.resource.bulk.deeds import PURGE, REVERSE, Deed, deed_of
from insula.kernel.resource.bulk.items import Item, Outcome, spoken
from insula.kernel.resource.bulk.writing import BulkWriter
from insula.kernel.resource.engine import Engine, UnknownResource
from insula.kernel.resource.tasks import Chunked, Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.violations import Breach
from insula.kernel.services.bulk.models import BulkSource, BulkState, RowState
from insula.kernel.services.bulk.runs import KEPT, WORK, BulkRunEnded, CarryOn
from insula.kernel.services.bulk.sources import Run, following
from insula.kernel.services.bulk.statements import (
    ADVANCE,
    END,
    HOLD,
    RECORD,
    SETTLE,
    UNTIE,
)
from insula.kernel.services.bulk.upkeep import refuse_held

TIMEOUT = 120.0
"""Seconds for one chunk, however slow the rows' actions are."""


class BulkRunner:
    """Carries runs on; ``engine`` is asked for once all apps are known."""

    def __init__(
        self, engine: Callable[[], Engine], languages: Callable[[], Languages]
    ) -> None:
        self._engine, self._languages = engine, languages

    @cached_property
    def task(self) -> Chunked:
        """What a job carries a run on with."""
        return Chunked(
            name=WORK.name,
            command=CarryOn,
            run=self.carry_on,
            timeout=TIMEOUT,
            on_dead=self._bury,
        )

    @cached_property
    def _breaches(self) -> Mapping[str, Breach]:
        return self._engine().breaches()

    def deed(self, run: Run) -> Deed:
        """What a run does; raises ``NotFound`` if its resource is gone."""
        try:
            api = self._engine().api(run.resource)
        except UnknownResource:
            raise NotFound from None
        return deed_of(api, run.verb, run.common)

    async def carry_on(
        self, ctx: WorkContext, command: CarryOn, progress: Progress
    ) -> bool:
        """Do the next rows; whether these were the last."""
        held = await ctx.transaction.fetch(HOLD, command.run_id)
        if not held:
            return True
        run = Run.of(held[0])
        if run.ended:
            return True
        try:
            deed = self.deed(run)
            deed.check(ctx)
            if run.verb == PURGE:
                await refuse_held(ctx)
            items = await following(ctx, run, deed, progress)
        except Problem as problem:
            if problem.status >= 500:
                raise
            await self._end(ctx, run, BulkState.failed, self._said(ctx, problem))
            return True
        return await self._write(ctx, run, deed, items, progress)

    async def _write(  # a run, what it does, to what, and how far it is
        self,
        ctx: WorkContext,
        run: Run,
        deed: Deed,
        items: Sequence[Item],
        progress: Progress,
    ) -> bool:
        catalog = self._catalog(ctx)
        writer = BulkWriter(ctx, ctx.transaction, deed, self._breaches, catalog)
        write = writer.write_all if run.whole else writer.write
        outcomes = await write(items)
        failed = sum(bool(it.errors) for it in outcomes)
        undone = run.whole and failed > 0
        await _keep(ctx, run, outcomes, undone=undone)
        done = 0 if undone else len(outcomes) - failed
        progress.done += len(items)
        await ctx.transaction.fetch(
            ADVANCE, run.id, ctx.now, done, failed, progress.total
        )
        if len(items) == run.limit and not run.whole:
            return False
        await self._end(ctx, run, BulkState.failed if undone else BulkState.done, None)
        return True

    async def _end(
        self, ctx: WorkContext, run: Run, state: BulkState, problem: str | None
    ) -> None:
        until = ctx.now + KEPT if run.verb in REVERSE else None
        ending = run.id, ctx.now, state.value, problem, until
        rows = await ctx.transaction.fetch(END, *ending)
        if run.undoes is not None and state is not BulkState.done:
            await ctx.transaction.fetch(UNTIE, run.id, run.undoes)
        for row in rows:
            counts = row["done"], row["failed"]
            ctx.emit(_ended(run.id, state, *counts))

    async def _bury(self, ctx: WorkContext, command: CarryOn, reason: str) -> None:
        """Its job was given up: what is done stays, and can be undone."""
        held = await ctx.transaction.fetch(HOLD, command.run_id)
        if held:
            await self._end(ctx, Run.of(held[0]), BulkState.failed, reason)

    def _catalog(self, ctx: WorkContext) -> Catalog | None:
        usual = ctx.actor.locale, ctx.tenant.policy.locale
        return self._languages().choose({}, usual)

    def _said(self, ctx: WorkContext, problem: Problem) -> str:
        return " ".join(it.message for it in spoken(problem, self._catalog(ctx)))


def _ended(run_id: UUID, state: BulkState, done: int, failed: int) -> BulkRunEnded:
    return BulkRunEnded(run_id=run_id, state=state.value, done=done, failed=failed)


async def _keep(
    ctx: WorkContext, run: Run, outcomes: Sequence[Outcome], *, undone: bool
) -> None:
    """Write down what became of the rows, in the transaction in which it became."""
    listed = run.source is BulkSource.listed
    statement: Statement = SETTLE if listed else RECORD
    states = [_state(it, undone=undone).value for it in outcomes]
    kept = [None if it.before is None else it.before.decode() for it in outcomes]
    made = not undone or run.verb != "create"
    await ctx.transaction.fetch(
        statement,
        run.id,
        [uuid7() for _ in outcomes],
        [it.number for it in outcomes],
        [it.row_id if made else None for it in outcomes],
        [None if undone else it.version for it in outcomes],
        states,
        [None if undone else it for it in kept],
        [_errors(it) for it in outcomes],
        ctx.now,
    )


def _state(outcome: Outcome, *, undone: bool) -> RowState:
    if outcome.errors:
        return RowState.failed
    return RowState.untouched if undone else RowState.done


def _errors(outcome: Outcome) -> str | None:
    if not outcome.errors:
        return None
    return msgspec.json.encode(outcome.errors).decode()
