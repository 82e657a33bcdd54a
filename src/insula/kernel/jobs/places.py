"""Places in a queue: start-time fair queueing over the tickets of all tenants.

A ticket's place is a virtual time: where the queue has come to, or behind the ticket
that its tenant had before, whichever is later. A tenant of weight ``w`` moves on by
``STEP / w`` a ticket, so that tenants who always want something are served as their
weights are to each other, and one that wants something now and then is next. Nobody
is ever behind more than one ticket of each other tenant at once, and nobody waits for
ever. (Goyal, Vin and Cheng, "Start-time Fair Queueing", SIGCOMM 1996.)
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from insula.kernel.foundation.ids import uuid7

STEP = 60
"""How far a tenant of weight 1 moves on with each ticket."""
FAR = 2**30
"""The engine's priorities have 32 bits: from here on, the queue counts from 0 again."""

# A queue has come to its first waiting ticket; to those that run, if none waits; or
# to the end of everything it ever did.
PLACES = """
SELECT q.queue, COALESCE(
    (SELECT -priority FROM queue.pgqueuer WHERE entrypoint = q.queue
        AND status = 'queued' AND execute_after <= now() ORDER BY priority DESC, id LIMIT 1),
    (SELECT -min(priority) FROM queue.pgqueuer WHERE entrypoint = q.queue
        AND status = 'picked'),
    (SELECT max(place) FROM control.queue_places WHERE queue = q.queue), 0) AS reached,
    COALESCE((SELECT place FROM control.queue_places
        WHERE tenant_id = $1 AND queue = q.queue), 0) AS own
  FROM unnest($2::text[]) AS q(queue)"""
KEEP = """
INSERT INTO control.queue_places (id, tenant_id, queue, place)
SELECT i.id, t.id, i.queue, i.place FROM control.tenants t
 CROSS JOIN unnest($2::uuid[], $3::text[], $4::int[]) AS i(id, queue, place)
 WHERE t.id = $1
ON CONFLICT (tenant_id, queue) DO UPDATE SET place = excluded.place"""
REBASE = """
WITH tickets AS (
    UPDATE queue.pgqueuer SET priority = priority + $2 WHERE entrypoint = $1)
UPDATE control.queue_places SET place = GREATEST(place - $2, 0) WHERE queue = $1"""

Fetch = Callable[..., Awaitable[Sequence[Any]]]


async def take_places(
    fetch: Fetch, tenant_id: UUID, wanted: Mapping[str, int], weight: int
) -> Mapping[str, Sequence[int]]:
    """So many places for a tenant's next tickets, by queue; the smallest is first."""
    step = max(STEP // weight, 1)
    given: dict[str, Sequence[int]] = {}
    ends: dict[str, int] = {}
    for queue, reached, own in await fetch(PLACES, tenant_id, list(wanted)):
        begin, end = max(reached, own), max(reached, own) + step * wanted[queue]
        if end > FAR:
            await fetch(REBASE, queue, reached)
            begin, end = begin - reached, end - reached
        given[queue], ends[queue] = range(begin, end, step), end
    ids = [uuid7() for _ in ends]
    await fetch(KEEP, tenant_id, ids, list(ends), list(ends.values()))
    return given
