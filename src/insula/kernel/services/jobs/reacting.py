"""Reacting: apps hear of events, their own and each other's, each of them once."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from insula.kernel.database.session import Statement, Transaction
from insula.kernel.events.stored import FIELDS, StoredEvent
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.resource.app import App
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.tasks import Chunked, Progress, Reaction, Task
from insula.kernel.resource.unit import WorkContext

REPLAY_PAGE = 200
SETTLED = timedelta(seconds=1)

EVENT = Statement(
    f"""SELECT {FIELDS} FROM home__.outbox
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid"""  # noqa: S608  # our names
)
TAKE_IN = Statement(
    """INSERT INTO home__.inbox (tenant_id, id, created_at, reaction, event_id)
VALUES ($1::text::uuid, $2, $3, $4, $5)
ON CONFLICT (tenant_id, reaction, event_id) DO NOTHING RETURNING 1"""
)
OLDER = Statement(
    f"""SELECT {FIELDS} FROM home__.outbox
 WHERE tenant_id = $1::text::uuid AND sequence > $2::bigint
 ORDER BY sequence LIMIT {REPLAY_PAGE}"""  # noqa: S608  # our names
)


Installed = Callable[[UUID], Awaitable[frozenset[str]]]
"""The names of the apps that a tenant has."""


class React(Command):
    """Which reaction has which event to deal with."""

    reaction: str
    event_id: str


class Replay(Command):
    """Whose reactions shall hear of what is stored."""

    app: str


def _keys(app: App) -> Iterable[tuple[str, Reaction]]:
    return ((f"{app.name}.{it.name}", it) for it in app.reactions)


class Reactions:
    """All reactions of the registered apps, as a subscriber of the relay.

    ``installed`` tells the names of the apps that a tenant has. An event waits for no
    reaction of an app that is not there; if it comes later, it can ask for a replay.
    """

    def __init__(self, apps: Callable[[], Iterable[App]], installed: Installed) -> None:
        self._list, self._installed = apps, installed
        self.react = Task(name="events.react", command=React, run=self._react)
        self.replay = Chunked(name="events.replay", command=Replay, run=self._replay)

    @property
    def _apps(self) -> Mapping[str, App]:
        return {app.name: app for app in self._list()}

    async def jobs_for(
        self, transaction: Transaction, tenant_id: UUID, events: Sequence[StoredEvent]
    ) -> Sequence[NewJob]:
        """One job for each event and each reaction of an app that the tenant has."""
        _ = transaction
        wanted: dict[str, list[str]] = {}
        names: frozenset[str] | None = None
        for app in self._apps.values():
            for key, reaction in _keys(app):
                if not app.always:
                    names = names or await self._installed(tenant_id)
                    if app.name not in names:
                        continue
                wanted.setdefault(reaction.event, []).append(key)
        return [
            self._job(key, event)
            for event in events
            for key in wanted.get(event.name, ())
        ]

    def _job(self, key: str, event: StoredEvent) -> NewJob:
        command = {"reaction": key, "event_id": str(event.id)}
        return NewJob(self.react.name, command)

    def replay_for(self, app: str) -> NewJob:
        """The job that has an app hear of what happened before it came.

        It begins late enough for the installation to have committed.
        """
        later = now() + SETTLED
        return NewJob(
            self.replay.name, {"app": app}, run_at=later, unique_key=f"replay:{app}"
        )

    async def _react(self, ctx: WorkContext, command: React) -> None:
        """The effects and the inbox row commit together: again does nothing."""
        app = self._apps.get(command.reaction.partition(".")[0])
        found = dict(_keys(app)) if app is not None else {}
        reaction = found.get(command.reaction)
        rows = await ctx.transaction.fetch(EVENT, UUID(command.event_id))
        if reaction is None or not rows:
            return
        event = StoredEvent.of(rows[0])
        entry = uuid7(), now(), command.reaction, event.id
        if await ctx.transaction.fetch(TAKE_IN, *entry):
            await reaction.run(ctx, event)

    async def _replay(
        self, ctx: WorkContext, command: Replay, progress: Progress
    ) -> bool:
        """Hand an app the stored events that it asks for, the oldest first."""
        app = self._apps.get(command.app)
        if app is None:
            return True
        wanted: dict[str, list[str]] = {}
        for key, reaction in _keys(app):
            if reaction.replay:
                wanted.setdefault(reaction.event, []).append(key)
        rows = await ctx.transaction.fetch(OLDER, int(progress.cursor or 0))
        events = [StoredEvent.of(row) for row in rows]
        jobs = [
            self._job(key, event)
            for event in events
            for key in wanted.get(event.name, ())
        ]
        await insert_jobs(ctx.transaction, jobs)
        if events:
            progress.cursor = str(events[-1].sequence)
        progress.done += len(events)
        return len(events) < REPLAY_PAGE
