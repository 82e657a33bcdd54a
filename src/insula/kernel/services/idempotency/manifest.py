"""The idempotency service: keys are forgotten when their time is over."""

from pathlib import Path

from insula.kernel.resource.app import App, Schedule
from insula.kernel.services.idempotency.keeping import prune

service = App(
    name="idempotency",
    title="Idempotency keys",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(),
    schedules=(Schedule("prune", run=prune, cron="40 2 * * *"),),
)
