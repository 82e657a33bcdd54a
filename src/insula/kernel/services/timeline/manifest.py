"""The service of timelines."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import Engine
from insula.kernel.services.timeline.feeding import Feeder
from insula.kernel.services.timeline.reading import Timelines
from insula.kernel.services.timeline.upkeep import Backfill, TimelineUpkeep

JOB = {"type": "object", "properties": {"job": {"type": "string", "format": "uuid"}}}
BACKFILL = "timeline.backfill"


class Timeline:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self.feeder = Feeder(engine)
        self._upkeep = TimelineUpkeep(engine, self.feeder)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="timeline",
            title="Timeline",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(),
            tasks=(self._upkeep.backfill,),
            schedules=(Schedule("sweep", run=self._upkeep.sweep, cron="40 3 * * *"),),
        )

    def operations(self) -> tuple[Operation, ...]:
        """The timelines, and having them made of what is stored from before."""
        return (
            *Timelines(self._engine).operations(),
            Operation(
                name=BACKFILL,
                method="POST",
                path="/api/v1/timeline/backfill",
                run=self._backfill,
                summary="Give stored events their place in timelines",
                permission=BACKFILL,
                status=202,
                answer=lambda: JOB,
            ),
        )

    async def _backfill(self, ctx: Context, _: Call) -> Reply:
        """Ask for it; whoever asks twice gets it once."""
        async with self._engine().work(ctx) as work:
            job = work.enqueue(self._upkeep.backfill, Backfill(), unique=BACKFILL)
        return Reply(msgspec.json.encode({"job": job}), status=202)
