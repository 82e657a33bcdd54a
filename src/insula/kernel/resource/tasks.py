"""Tasks: what a job is done by; each says how it is tried again, and with what rights."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from insula.kernel.events.stored import StoredEvent
from insula.kernel.jobs.dispatching import Rate
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.unit import WorkContext

BACKOFF = (60.0, 300.0, 900.0)
"""Seconds before each retry of a job (S0-62, R23)."""
TIMEOUT = 60.0
"""Seconds that a job may take (S1-42)."""


class Again(Exception):
    """Not yet: what was written so far commits, and the job is due again later."""

    def __init__(self, delay: timedelta, reason: str) -> None:
        super().__init__(reason)
        self.delay, self.reason = delay, reason


@dataclass(slots=True)
class Progress:
    """How far long work has come; ``cursor`` says to the task itself where to go on."""

    cursor: str | None = None
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work in one transaction: its effects and the job's end commit together.

    ``run`` takes the context and the command. It has the rights of whoever asked, as
    they are when it runs; with a ``permission`` it is refused to those who lost it.
    ``on_dead`` runs in the transaction in which the job is given up. A job may carry a
    ``bucket``: those of one bucket keep to ``rate``.
    """

    name: str
    command: type[Command]
    run: Callable[..., Awaitable[Any]]
    queue: Queue = Queue.default
    backoff: tuple[float, ...] = BACKOFF
    timeout: float = TIMEOUT
    permission: str | None = None
    rate: Rate | None = None
    on_dead: Callable[[WorkContext, Any, str], Awaitable[None]] | None = None


@dataclass(frozen=True, kw_only=True)
class Errand(Task):
    """Work outside the database, never inside an open transaction; at least once.

    ``prepare`` reads what is needed, or answers None if there is nothing to do;
    ``perform`` does it with no transaction open; ``run`` takes context, command and
    what came of it, and commits with the job's end.
    """

    prepare: Callable[[WorkContext, Any], Awaitable[Any]]
    perform: Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Chunked(Task):
    """Long work, a chunk a transaction: progress, pause, cancel, resume come with it.

    ``run`` takes context, command and ``Progress``, and answers whether it is finished.
    Between two chunks other tenants have their turn.
    """


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an app does when something happened, its own or another app's.

    Its effects happen once for each event, however often that is delivered. With
    ``replay`` an app that is installed later hears of what is stored from before.
    """

    event: str
    run: Callable[[WorkContext, StoredEvent], Awaitable[None]]
    name: str
    replay: bool = False
