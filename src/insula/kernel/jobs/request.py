"""Requests for jobs: written in the transaction of their cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.models import LIVE_STATES, Queue

BATCH = 500


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be written; ``run_at`` None is as soon as possible."""

    task: str
    command: Mapping[str, Any]
    queue: Queue = Queue.default
    run_at: datetime | None = None
    unique_key: str | None = None
    lane: str | None = None
    bucket: str | None = None
    actor_kind: str = "system"
    actor_id: UUID | None = None
    credential: str | None = None
    scopes: str | None = None
    request_id: str | None = None
    id: UUID = field(default_factory=uuid7)


INSERT = Statement(
    """INSERT INTO home__.jobs (tenant_id, id, version, created_at, updated_at, task,
       queue, command, state, run_at, attempts, unique_key, lane, bucket, slotted,
       done_count, actor_kind, actor_id, credential, scopes, request_id)
SELECT $1::text::uuid, i.id, 1, $2::timestamptz, $2::timestamptz, i.task, i.queue,
       i.command::jsonb, CASE WHEN i.lane IS NULL THEN 'queued' ELSE 'waiting' END,
       COALESCE(i.run_at, $2::timestamptz), 0, i.unique_key, i.lane, i.bucket, false,
       0, i.actor_kind, i.actor_id, i.credential, i.scopes, i.request_id
  FROM unnest($3::uuid[], $4::varchar[], $5::varchar[], $6::text[], $7::timestamptz[],
              $8::varchar[], $9::varchar[], $10::varchar[], $11::varchar[], $12::uuid[],
              $13::varchar[], $14::text[], $15::varchar[])
       AS i(id, task, queue, command, run_at, unique_key, lane, bucket, actor_kind,
            actor_id, credential, scopes, request_id)
 ORDER BY i.id
ON CONFLICT (tenant_id, unique_key)
      WHERE unique_key IS NOT NULL
        AND state IN ('waiting', 'queued', 'dispatched', 'paused') DO NOTHING
RETURNING id"""
)
LOCK_LANES = Statement(
    """SELECT pg_advisory_xact_lock(hashtextextended($1::text || lane, 0))
  FROM (SELECT lane FROM unnest($2::varchar[]) AS lane ORDER BY lane) AS l"""
)
# A lane's first live job alone may be queued.
PROMOTE = Statement(
    f"""UPDATE home__.jobs w SET state = 'queued' WHERE w.tenant_id = $1::text::uuid
   AND w.state = 'waiting' AND w.id IN (
       SELECT h.id FROM unnest($2::varchar[]) AS l(lane) CROSS JOIN LATERAL (
           SELECT j.id FROM home__.jobs j
            WHERE j.tenant_id = $1::text::uuid AND j.lane = l.lane
              AND j.state IN {LIVE_STATES} ORDER BY j.id LIMIT 1) h)"""  # noqa: S608  # our names
)


async def insert_jobs(transaction: Transaction, jobs: Sequence[NewJob]) -> set[UUID]:
    """Write jobs; answers the ids of those that no live job of their key prevented."""
    made: set[UUID] = set()
    for start in range(0, len(jobs), BATCH):
        batch = jobs[start : start + BATCH]
        columns = (
            [it.id for it in batch],
            [it.task for it in batch],
            [it.queue.value for it in batch],
            [msgspec.json.encode(it.command).decode() for it in batch],
            [it.run_at for it in batch],
            [it.unique_key for it in batch],
            [it.lane for it in batch],
            [it.bucket for it in batch],
            [it.actor_kind for it in batch],
            [it.actor_id for it in batch],
            [it.credential for it in batch],
            [it.scopes for it in batch],
            [it.request_id for it in batch],
        )
        rows = await transaction.fetch(INSERT, now(), *columns)
        made.update(row["id"] for row in rows)
    lanes = {it.lane for it in jobs if it.lane is not None}
    if lanes:
        await advance_lanes(transaction, lanes)
    return made


async def advance_lanes(transaction: Transaction, lanes: set[str]) -> None:
    """Let the first job of each lane run.

    Whoever adds to a lane or finishes its first job holds its lock until the commit:
    otherwise the two might not see each other, and the next job would wait for ever.
    """
    ordered = sorted(lanes)
    await transaction.fetch(LOCK_LANES, ordered)
    await transaction.fetch(PROMOTE, ordered)
