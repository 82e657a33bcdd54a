"""Recording: how a sign-in, and a failed one, becomes an event, exactly once.

A sign-in asks for a job of its own. Failures ask for one that is shared by all who fail
within a moment, so that a flood of them is no flood of jobs. What was lost on the way,
because a process died, the night finds in the journal.
"""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from insula.kernel.access.context import Context
from insula.kernel.foundation.clock import now
from insula.kernel.identity.gates import Entry
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.analytics.statements import (
    LAST_FAILURE,
    RECORD,
    RECORD_ALL,
    RECORD_FAILURES,
)

SOON = timedelta(seconds=5)
"""For how long failures gather until one job records them."""
OVERLAP = timedelta(minutes=10)
"""How far behind the last known failure others may appear: no sign-in takes longer."""
LOOK_BACK = timedelta(days=3)
"""How far the night looks for what was lost; sessions are kept for longer."""


class RecordLogin(Command):
    """The session of which the event tells."""

    session: Annotated[UUID, Field(strict=False)]


class RecordFailures(Command):
    """All that failed since the last time."""


async def note_arrival(entry: Entry, session: UUID) -> None:
    """Have a sign-in recorded (S4-24)."""
    job = NewJob(
        RECORD_LOGIN.name,
        RecordLogin(session=session).model_dump(mode="json"),
        unique_key=f"login:{session}",
    )
    async with entry.ctx.session.transaction() as transaction:
        await insert_jobs(transaction, [job])


async def note_failure(ctx: Context) -> None:
    """Have failures recorded, this one among them."""
    job = NewJob(
        RECORD_FAILED.name, {}, run_at=now() + SOON, unique_key="login-failures"
    )
    async with ctx.session.transaction() as transaction:
        await insert_jobs(transaction, [job])


async def record_login(work: WorkContext, command: RecordLogin) -> None:
    """Write the event of a session, unless it is there."""
    await work.transaction.fetch(RECORD, command.session)


async def record_failures(work: WorkContext, _: RecordFailures) -> None:
    """Write the events of all that failed lately, but for those that are there."""
    rows = await work.transaction.fetch(LAST_FAILURE, work.now - LOOK_BACK)
    last = rows[0]["at"]
    since = work.now - LOOK_BACK if last is None else last - OVERLAP
    await work.transaction.fetch(RECORD_FAILURES, first_id(since))


async def record_lost(work: WorkContext) -> None:
    """Write what the journal has of the last days and the events have not."""
    since = first_id(work.now - LOOK_BACK)
    await work.transaction.fetch(RECORD_ALL, since)
    await work.transaction.fetch(RECORD_FAILURES, since)


def first_id(moment: datetime) -> UUID:
    """The least id that the journal can have given at that moment."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


RECORD_LOGIN = Task(
    name="analytics.record_login", command=RecordLogin, run=record_login
)
RECORD_FAILED = Task(
    name="analytics.record_failures", command=RecordFailures, run=record_failures
)
