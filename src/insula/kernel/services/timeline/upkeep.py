"""Upkeep: old events get their place in timelines, and what hangs on no row goes."""

from collections.abc import Callable, Iterator
from functools import cached_property

from sqlalchemy import Table

from insula.kernel.database.attached import attached_tables
from insula.kernel.database.session import HOME, Statement
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.events.stored import FIELDS, StoredEvent
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Chunked, Progress
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.timeline.feeding import Feeder

CHUNK = 500
OLDER = Statement(
    f"""SELECT {FIELDS} FROM home__.outbox
 WHERE tenant_id = $1::text::uuid AND sequence > $2::bigint
 ORDER BY sequence LIMIT {CHUNK}"""  # noqa: S608  # our names
)
MOST_SWEPT = 5_000
"""Rows of one kind in one night; the rest goes in those that follow."""


class Backfill(Command):
    """Which stored events are read again: all of them."""


class TimelineUpkeep:
    """What is done for timelines while nobody waits."""

    def __init__(self, engine: Callable[[], Engine], feeder: Feeder) -> None:
        self._engine, self._feeder = engine, feeder
        self.backfill = Chunked(
            name="timeline.backfill", command=Backfill, run=self._backfill
        )

    async def _backfill(
        self, ctx: WorkContext, _: Backfill, progress: Progress
    ) -> bool:
        """Read the stored events again; those that have their entries get no others."""
        rows = await ctx.transaction.fetch(OLDER, int(progress.cursor or 0))
        events = [StoredEvent.of(row) for row in rows]
        await self._feeder.feed(ctx.transaction, events)
        if events:
            progress.cursor = str(events[-1].sequence)
        progress.done += len(events)
        return len(events) < CHUNK

    async def sweep(self, ctx: WorkContext) -> None:
        """Remove what hangs on rows that went for good as parts of others."""
        for statement in self._sweeps:
            await ctx.transaction.fetch(statement)

    @cached_property
    def _sweeps(self) -> tuple[Statement, ...]:
        return tuple(self._each())

    def _each(self) -> Iterator[Statement]:
        for api in self._engine().apis:
            it = api.resource
            if it.tags or it.comments or it.timeline:
                for table in attached_tables(TENANT_METADATA):
                    yield _orphans(table, it.name, it.table.name)


def _orphans(table: Table, resource: str, rows: str) -> Statement:
    whose = f"a.tenant_id = $1::text::uuid AND a.resource = '{resource}'"
    return Statement(
        f"DELETE FROM {HOME}.{table.name} WHERE tenant_id = $1::text::uuid"  # noqa: S608  # our names
        f" AND id = ANY(ARRAY(SELECT a.id FROM {HOME}.{table.name} a WHERE {whose}"
        f" AND NOT EXISTS (SELECT 1 FROM {HOME}.{rows} c"
        " WHERE c.tenant_id = a.tenant_id AND c.id = a.row_id)"
        f" LIMIT {MOST_SWEPT}))"
    )
