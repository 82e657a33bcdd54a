"""The floor of jobs: the bare queue engine on the same database, with empty handlers."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import QueueExecutionMode

SCHEMA = "bench_queue"
SETTINGS = DBSettings(db_schema=SCHEMA)
HEARTBEAT = timedelta(seconds=5)


async def engine_rate(dsn: str, count: int, *, batch: int, limit: int) -> float:
    """Jobs a second of one engine process; ``limit`` is its concurrency, 0 is none."""
    async with _queries(dsn) as queries:
        await queries.enqueue(["empty"] * count, [b"x" * 40] * count, [0] * count)
        manager = QueueManager(queries, channel=SETTINGS.channel)
        ended: list[float] = []

        @manager.entrypoint("empty", concurrency_limit=limit)
        async def empty(_: Job) -> None:
            ended.append(time.monotonic())

        await manager.run(
            dequeue_timeout=timedelta(seconds=2),
            batch_size=batch,
            mode=QueueExecutionMode.drain,
            heartbeat_timeout=HEARTBEAT,
            log_aggregation_interval=timedelta(0),
        )
        return count / (time.monotonic() - ended[0])


def middle_rate(moments: list[float]) -> float:
    """How many a second, without the first and the last tenth."""
    ordered = sorted(moments)
    edge = len(ordered) // 10
    first, last = ordered[edge], ordered[-edge - 1]
    return (len(ordered) - 2 * edge - 1) / (last - first)


@asynccontextmanager
async def _queries(dsn: str) -> AsyncIterator[Queries]:
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    queries = Queries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(settings=SETTINGS),
        qbq=QueryQueueBuilder(settings=SETTINGS),
        qbs=QuerySchedulerBuilder(settings=SETTINGS),
    )
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    await queries.install(create_schema=False)
    try:
        yield queries
    finally:
        await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        await connection.close()
