"""Limits: how much of something a tenant's plan allows."""

from uuid import UUID

import msgspec

from insula.kernel.tenancy.control import Control

OF_PLAN = """
SELECT p.limits FROM control.subscriptions s
  JOIN control.plans p ON p.id = s.plan_id
 WHERE s.tenant_id = $1 ORDER BY s.created_at DESC LIMIT 1
"""


class PlanLimits:
    """Reads the limits of plans; what a plan does not say has no limit there."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def find(self, tenant_id: UUID, name: str) -> int | None:
        """The limit of that name in the tenant's present plan."""
        rows = await self._control.fetch(OF_PLAN, tenant_id)
        limits = msgspec.json.decode(rows[0]["limits"]) if rows else {}
        limit = limits.get(name)
        return limit if isinstance(limit, int) else None
