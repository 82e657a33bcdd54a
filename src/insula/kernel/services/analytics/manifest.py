"""Login analytics: who signed in, how, when, and who failed to."""

from datetime import timedelta
from pathlib import Path

from insula.kernel.identity.throttle_rows import PRUNE
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.analytics.days import nightly
from insula.kernel.services.analytics.rebuilding import REBUILD
from insula.kernel.services.analytics.recording import RECORD_FAILED, RECORD_LOGIN


async def forget_attempts(work: WorkContext) -> None:
    """Let go of the attempts to sign in that count no more."""
    await work.transaction.fetch(PRUNE, work.now)


service = App(
    name="analytics",
    title="Login analytics",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(),
    tasks=(RECORD_LOGIN, RECORD_FAILED, REBUILD),
    schedules=(
        Schedule("logins", run=nightly, cron="15 1 * * *"),
        Schedule("attempts", run=forget_attempts, every=timedelta(hours=6)),
    ),
)
