"""The roster: which worker processes are alive, and what all that ever were have done.

Each writes its figures into the row that it beats. When a row goes, its figures are
added to those of the departed, so that no sum over the roster ever falls.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

SILENT = "10 seconds"
"""How long a process may be silent and still counts as alive."""
DEPARTED = UUID(int=0)
"""The row of those that have gone."""
SLOW = "slow"

ALIVE = f"""
WITH me AS (
    INSERT INTO control.workers (id, host, pid, seen_at, figures)
    VALUES ($1, $2, $3, now(), COALESCE($4::jsonb, '{{}}'))
    ON CONFLICT (id) DO UPDATE SET seen_at = now(),
       figures = COALESCE($4::jsonb, workers.figures) RETURNING id)
SELECT count(*) + 1 FROM control.workers
 WHERE seen_at > now() - interval '{SILENT}' AND id <> $1"""  # noqa: S608  # ours
# Whose slow statements they were is told of the living alone: the departed are many.
GONE = f"""
WITH gone AS (
    DELETE FROM control.workers
     WHERE (id = $1 OR seen_at < now() - interval '1 hour') AND id <> '{DEPARTED}'
    RETURNING id, figures),
theirs AS (
    SELECT $2::jsonb AS figures
    UNION ALL SELECT figures FROM gone WHERE id <> $1),
each AS (
    SELECT CASE WHEN starts_with(key, '{SLOW}|') THEN '{SLOW}|other' ELSE key END AS key,
           value::float8 AS value
      FROM theirs, jsonb_each_text(theirs.figures)),
total AS (SELECT key, sum(value) AS value FROM each GROUP BY key)
INSERT INTO control.workers (id, host, pid, seen_at, figures)
SELECT '{DEPARTED}', '-', 0, 'epoch',
       COALESCE(jsonb_object_agg(total.key, total.value), '{{}}') FROM total
ON CONFLICT (id) DO UPDATE SET figures = (
    SELECT COALESCE(jsonb_object_agg(key, value), '{{}}') FROM (
        SELECT key, sum(value::float8) AS value
          FROM (SELECT * FROM jsonb_each_text(workers.figures)
                UNION ALL SELECT * FROM jsonb_each_text(excluded.figures)) AS pairs
         GROUP BY key) AS sums)"""  # noqa: S608  # ours
READ = f"""
SELECT seen_at > now() - interval '{SILENT}' AS alive, figures FROM control.workers"""  # noqa: S608  # ours

Fetch = Callable[..., Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Workforce:
    """How many processes are alive, and the figures of all that ever were."""

    alive: int
    figures: Sequence[tuple[str, float]]


class Roster:
    """One process's place among the others."""

    def __init__(self, fetch: Fetch, worker: UUID, host: str, pid: int) -> None:
        self._fetch, self._me = fetch, (worker, host, pid)
        self._told: Mapping[str, float] | None = None

    async def beat(self, figures: Mapping[str, float]) -> int:
        """Tell that this process lives and what it did; answers how many live."""
        news = None if figures == self._told else figures
        rows = await self._fetch(ALIVE, *self._me, news)
        self._told = figures
        alive: int = rows[0][0]
        return alive

    async def leave(self, figures: Mapping[str, float]) -> None:
        """Tell that it lives no more, for those as well who could not."""
        await self._fetch(GONE, self._me[0], figures)


async def read_roster(fetch: Fetch) -> Workforce:
    """What all of them say."""
    rows = await fetch(READ)
    figures = [
        msgspec.json.decode(row["figures"], type=dict[str, float]) for row in rows
    ]
    pairs = [pair for each in figures for pair in each.items()]
    return Workforce(sum(row["alive"] for row in rows), pairs)
