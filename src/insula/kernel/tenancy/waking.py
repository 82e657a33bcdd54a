"""Waking: which tenants have work is known without looking into every home.

Before a tenant's first write in a while, a row about it is made sure of in the control
database; it stands for longer than any transaction begun under it can last. So a
commit never leaves work behind that nobody knows of, and a commit that fails does no
harm: the relay looks, finds nothing, and goes on.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control

RELIED_ON = 60.0
"""Seconds for which a process begins writes on the strength of one note."""
STANDS = 180
"""Seconds for which the note stands: that long, and the longest transaction."""
CLAIM = 10
"""Seconds after which another relay may take over from one that fell silent."""
LOOK_AGAIN = 10
"""Seconds until a tenant is looked after again, should a notice be lost."""
MOST = 50_000

ROUSE = f"""
INSERT INTO control.awake_tenants (id, tenant_id, awake_until, look_at)
SELECT $1, t.id, now() + interval '{STANDS} seconds', now()
  FROM control.tenants t WHERE t.id = $2
ON CONFLICT (tenant_id) DO UPDATE SET awake_until = excluded.awake_until,
   look_at = LEAST(awake_tenants.look_at, excluded.look_at)"""  # noqa: S608  # a number
HURRY = """
UPDATE control.awake_tenants SET look_at = now()
 WHERE tenant_id = ANY($1::uuid[]) AND look_at > now()"""
TAKE = f"""
WITH due AS (
    SELECT id FROM control.awake_tenants
     WHERE look_at <= now() AND claimed_until <= now()
     ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE control.awake_tenants a SET claimed_until = now() + interval '{CLAIM} seconds',
       look_at = now() + interval '{CLAIM} seconds'
  FROM due WHERE a.id = due.id
RETURNING a.tenant_id, COALESCE((
    SELECT (p.limits->>'job_weight')::int FROM control.tenants t
      JOIN control.plans p ON p.id = t.plan_id WHERE t.id = a.tenant_id), 1) AS weight"""  # noqa: S608  # a number
# What was roused meanwhile has an earlier time already.
PUT_BACK = f"""
UPDATE control.awake_tenants SET claimed_until = now(),
       look_at = CASE
           WHEN look_at <= now() THEN look_at
           WHEN awake_until > now()
           THEN LEAST($2::timestamptz, now() + interval '{LOOK_AGAIN} seconds')
           ELSE COALESCE($2, now() + interval '1 day') END
 WHERE tenant_id = $1"""  # noqa: S608  # a number
LET_SLEEP = """
DELETE FROM control.awake_tenants
 WHERE tenant_id = $1 AND awake_until < now() AND look_at > now()"""
NEXT = "SELECT min(look_at) FROM control.awake_tenants"


@dataclass(frozen=True, slots=True)
class Due:
    """A tenant to look after, and the weight that its plan gives it."""

    tenant_id: UUID
    weight: int


class WakeUps:
    """The notes of this process, and the relay's way to them."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._known: OrderedDict[UUID, float] = OrderedDict()

    def awake(self, tenant_id: UUID) -> bool:
        """Whether the note about a tenant stands for long enough to commit under it."""
        return self._known.get(tenant_id, 0.0) > time.monotonic()

    async def rouse(self, tenant_id: UUID) -> None:
        """Make the note stand."""
        until = time.monotonic() + RELIED_ON
        await self._control.fetch(ROUSE, uuid7(), tenant_id)
        self._known[tenant_id] = until
        self._known.move_to_end(tenant_id)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    async def hurry(self, tenants: Sequence[UUID]) -> None:
        """Have tenants looked after now: something has just been committed."""
        await self._control.fetch(HURRY, list(tenants))

    async def take(self, limit: int) -> list[Due]:
        """Claim some tenants that are due; nobody else has them for ``CLAIM`` seconds."""
        rows = await self._control.fetch(TAKE, limit)
        return [Due(row["tenant_id"], max(row["weight"], 1)) for row in rows]

    async def put_back(self, tenant_id: UUID, look_at: datetime | None) -> None:
        """Give a tenant back, to be looked after again then; None: it has no work.

        One without work sleeps once nobody can rely on its note any more.
        """
        await self._control.fetch(PUT_BACK, tenant_id, look_at)
        if look_at is None:
            await self._control.fetch(LET_SLEEP, tenant_id)

    async def next_look(self) -> datetime | None:
        """When the next tenant is due."""
        found: datetime | None = (await self._control.fetch(NEXT))[0][0]
        return found
