"""Rebuilding: the counts of all days again, from the events (S4-26)."""

from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.analytics.days import rebuild


class RebuildDays(Command):
    """All days of which there are events."""


async def rebuild_days(work: WorkContext, _: RebuildDays) -> None:
    """Count them again."""
    await rebuild(work)


REBUILD = Task(
    name="analytics.rebuild", command=RebuildDays, run=rebuild_days, timeout=600
)
