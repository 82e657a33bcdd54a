"""Asking: how an app has a task done after its transaction, and on what terms."""

from datetime import datetime, timedelta
from typing import Protocol, TypedDict

from insula.kernel.access.context import Context
from insula.kernel.foundation.clock import now
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.request import NewJob
from insula.kernel.resource.declaration import Command


class Asked(Protocol):
    """What a job is done by, as far as who asks for one must know it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def command(self) -> type[Command]:
        """What it is asked with."""

    @property
    def queue(self) -> Queue:
        """Where its jobs wait."""


class Terms(TypedDict, total=False):
    """On what terms a job is done.

    ``at`` or ``delay``: later; ``unique``: no live job of that key is doubled; ``lane``:
    one after the other; ``bucket``: within the task's rate; ``system``: with all
    rights, instead of those of whoever asks.
    """

    at: datetime | None
    delay: timedelta | None
    unique: str | None
    lane: str | None
    bucket: str | None
    system: bool


def requested(ctx: Context, task: Asked, command: Command, terms: Terms) -> NewJob:
    """The job that somebody asks for."""
    delay, system = terms.get("delay"), terms.get("system", False)
    bounds = ctx.actor.bounds
    return NewJob(
        task=task.name,
        command=command.model_dump(mode="json"),
        queue=task.queue,
        run_at=terms.get("at") if delay is None else now() + delay,
        unique_key=terms.get("unique"),
        lane=terms.get("lane"),
        bucket=terms.get("bucket"),
        actor_kind="system" if system else ctx.actor.kind,
        actor_id=None if system else ctx.actor.id,
        credential=None if system else ctx.actor.credential,
        scopes=None if system or bounds is None else " ".join(sorted(bounds)),
        request_id=ctx.request_id or None,
    )
