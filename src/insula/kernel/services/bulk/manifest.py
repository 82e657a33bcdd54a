"""The bulk service: many rows are written by one request, and can be put back."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from insula.kernel.access.operation import Operation
from insula.kernel.foundation.languages import Languages
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import Engine
from insula.kernel.services.bulk.operations import BulkOperations
from insula.kernel.services.bulk.running import BulkRunner
from insula.kernel.services.bulk.runs import BulkRunEnded, bulk_runs, prune
from insula.kernel.services.bulk.upkeep import Sweeper


class Bulk:
    """The service of one process: ``engine`` is asked for once all apps are known."""

    def __init__(
        self, engine: Callable[[], Engine], languages: Callable[[], Languages]
    ) -> None:
        self._runner, self._sweeper = BulkRunner(engine, languages), Sweeper(engine)
        self._operations = BulkOperations(engine, self._runner)

    @cached_property
    def service(self) -> App:
        """The service as the engine wants it."""
        return App(
            name="bulk",
            title="Bulk writes",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(bulk_runs,),
            events=(BulkRunEnded,),
            tasks=(self._runner.task,),
            schedules=(
                Schedule("prune", run=prune, cron="20 3 * * *"),
                Schedule("sweep", run=self._sweeper.sweep, cron="30 3 * * *"),
            ),
        )

    def operations(self) -> tuple[Operation, ...]:
        """What the resources do not offer by themselves."""
        return self._operations.operations()
