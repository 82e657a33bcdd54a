"""Tickets: the queue engine behind a small port, so that another could take its place.

pgqueuer hands each ticket to one worker, watches the worker's heartbeat, and gives the
ticket to another when it stops. Retries, schedules and payloads are not its business:
those are columns of the tenant's own job row.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from struct import Struct
from typing import Any
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job as EngineJob
from pgqueuer.domain.settings import DBSettings

from insula.kernel.database.home import Login
from insula.kernel.database.pool import Connection
from insula.kernel.jobs.models import Queue
from insula.kernel.jobs.places import take_places

SCHEMA = "queue"
HEARTBEAT = timedelta(seconds=5)
"""How long a worker may be silent before its jobs are given to others."""
LOOK = timedelta(seconds=2)
"""How often a worker looks for the tickets of silent ones."""
SLOTS: Mapping[Queue, int] = {
    Queue.default: 3,
    Queue.webhooks: 2,
    Queue.email: 2,
    Queue.sync: 1,
}
"""Jobs of a queue that run at once for each worker process (S0-58..61)."""
AWAY = timedelta(seconds=10)
"""How long a ticket waits whose home could not be reached."""
PAYLOAD = Struct(">16s16sq")
MOST_DEATHS = 3
"""Workers that one job may take with it before it is buried."""

SETTINGS = DBSettings(db_schema=SCHEMA)
# A worker that asked for a retry has told why, and lives.
PICKS = f"""
SELECT count(*) FILTER (WHERE status = 'picked')
       - count(*) FILTER (WHERE status = 'queued' AND traceback IS NOT NULL) AS deaths
  FROM {SCHEMA}.pgqueuer_log WHERE job_id = $1"""  # noqa: S608  # our names
PRUNE = f"""
DELETE FROM {SCHEMA}.pgqueuer_log WHERE created < now() - $1::interval"""  # noqa: S608  # our names
DEPTHS = f"""
SELECT entrypoint, status::text, count(*), extract(epoch FROM now() - min(created))
  FROM {SCHEMA}.pgqueuer GROUP BY entrypoint, status"""  # noqa: S608  # our names


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to run one job of one tenant.

    It is good for one ``version`` of the job: whoever comes with it when the job has
    run, was paused or waits for its next attempt comes too late.
    """

    tenant_id: UUID
    job_id: UUID
    version: int
    queue: Queue


def _queries(connection: Connection) -> Queries:
    return Queries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(settings=SETTINGS),
        qbq=QueryQueueBuilder(settings=SETTINGS),
        qbs=QuerySchedulerBuilder(settings=SETTINGS),
    )


async def install(owner: Connection, app_role: str) -> None:
    """Make or update the engine's tables in the control database, as their owner."""
    engine = f"pgqueuer {version('pgqueuer')}"
    seen = await owner.fetchval(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace"
        " WHERE nspname = $1",
        SCHEMA,
    )
    if seen == engine:
        return
    queries = _queries(owner)
    async with owner.transaction():
        await owner.execute("SELECT pg_advisory_xact_lock(hashtext('insula.queue'))")
        await owner.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install(create_schema=False)
        await owner.execute(
            f'GRANT USAGE ON SCHEMA {SCHEMA} TO "{app_role}";'
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"
            f' {SCHEMA} TO "{app_role}";'
            f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO "{app_role}";'
            f"COMMENT ON SCHEMA {SCHEMA} IS '{engine}'"
        )


async def _connect(login: Login) -> Connection:
    """A connection as the engine wants it: our pools read and write JSON otherwise."""
    connection: Connection = await asyncpg.connect(
        host=login.host,
        port=login.port,
        database=login.database,
        user=login.user,
        password=login.password or None,
        ssl=False if login.host.startswith("/") else login.ssl,
        timeout=10,
        server_settings={"application_name": "insula worker", "jit": "off"},
    )
    return connection


class Issuer:
    """Puts tickets in the queue, over one connection that is opened when needed."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()

    async def issue(self, tickets: Sequence[Ticket], weight: int = 1) -> None:
        """Issue tickets of one tenant, but for jobs that have one already."""
        wanted = Counter(it.queue.value for it in tickets)
        async with self._lock:
            if self._connection is None or self._connection.is_closed():
                self._connection = await _connect(self._login)
            fetch = self._connection.fetch
            places = await take_places(fetch, tickets[0].tenant_id, wanted, weight)
            following = {queue: iter(given) for queue, given in places.items()}
            await _queries(self._connection).enqueue(
                [it.queue.value for it in tickets],
                [_payload(it) for it in tickets],
                [-next(following[it.queue.value]) for it in tickets],
                dedupe_key=[
                    f"{it.tenant_id}:{it.job_id}:{it.version}" for it in tickets
                ],
                on_conflict="skip",
            )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()


Handler = Callable[[Ticket], Awaitable[None]]
Bury = Callable[[Ticket], Awaitable[None]]


class TicketOffice:
    """Takes tickets for this process, each to be run by ``handle``.

    A ticket whose job has taken ``MOST_DEATHS`` workers with it goes to ``bury``.
    """

    def __init__(self, login: Login, handle: Handler, bury: Bury) -> None:
        self._login, self._handle, self._bury = login, handle, bury
        self._managers: list[QueueManager] = []
        self._fleet = 1

    def scale(self, fleet: int) -> None:
        """Tell how many worker processes share the queues now."""
        self._fleet = max(fleet, 1)
        for manager in self._managers:
            for name, executor in manager.entrypoint_registry.items():
                executor.parameters.concurrency_limit = self._limit(Queue(name))

    def _limit(self, queue: Queue) -> int:
        return SLOTS[queue] * self._fleet

    async def run(self) -> None:
        """Take tickets until ``stop``; raises when the connection is lost."""
        connection = await _connect(self._login)
        try:
            await self._work(connection)
        finally:
            self._managers.clear()
            connection.terminate()

    async def _work(self, connection: Connection) -> None:
        manager = QueueManager(_queries(connection), channel=SETTINGS.channel)
        for queue in Queue:
            manager.entrypoint(queue.value, concurrency_limit=self._limit(queue))(
                self._take
            )
        self._managers.append(manager)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        running = asyncio.create_task(
            manager.run(
                dequeue_timeout=LOOK,
                batch_size=1,
                heartbeat_timeout=HEARTBEAT,
                log_aggregation_interval=timedelta(0),
            )
        )
        watching = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({running, watching}, return_when="FIRST_COMPLETED")
            if running.done():
                await running
            else:
                raise ConnectionError("the connection to the queue is lost")
        finally:
            for task in (running, watching):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _take(self, job: EngineJob) -> None:
        ticket = _read(job)
        try:
            if await self._is_deadly(job):
                await self._bury(ticket)
            else:
                await self._handle(ticket)
        except Exception as error:
            # The job's row could not say so: its home is away.
            raise RetryRequested(delay=AWAY, reason=type(error).__name__) from error

    async def _is_deadly(self, job: EngineJob) -> bool:
        """Whether worker after worker fell silent over it; a new ticket costs no query."""
        if datetime.now(UTC) - job.created < HEARTBEAT:
            return False
        rows = await self._managers[0].queries.driver.fetch(PICKS, job.id)
        return int(str(rows[0]["deaths"])) > MOST_DEATHS

    def stop(self) -> None:
        """Take no more tickets; what runs is finished first."""
        for manager in self._managers:
            manager.shutdown.set()


def _payload(ticket: Ticket) -> bytes:
    return PAYLOAD.pack(ticket.tenant_id.bytes, ticket.job_id.bytes, ticket.version)


def _read(job: EngineJob) -> Ticket:
    tenant, key, version = PAYLOAD.unpack(job.payload or b"")
    return Ticket(UUID(bytes=tenant), UUID(bytes=key), version, Queue(job.entrypoint))


@dataclass(frozen=True, slots=True)
class Depth:
    """How many tickets of a queue wait or run, and how old the oldest is (seconds)."""

    queue: str
    status: str
    count: int
    age: float


async def depths(fetch: Callable[..., Awaitable[Sequence[Any]]]) -> list[Depth]:
    """What is in the queues now (S0-66)."""
    return [Depth(row[0], row[1], row[2], float(row[3])) for row in await fetch(DEPTHS)]
