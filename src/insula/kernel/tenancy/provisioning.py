"""Provisioning: tenants come, rest and go, and a crash leaves none in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.errors import FieldError, Invalid, Problem
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.creation import (
    CREATION,
    Creation,
    OpenSession,
    Order,
    Seeder,
)
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.lifecycle import Lifecycle
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.new_tenant import DomainTaken, NewTenant, check_new_tenant
from insula.kernel.tenancy.removal import REMOVAL, Emptying, Removal, RemovalOrder
from insula.kernel.tenancy.saga import OnStep
from insula.kernel.tenancy.saga_record import Act
from insula.kernel.tenancy.saga_runner import SagaRunner
from insula.kernel.tenancy.views import TenantView, find_tenant, list_tenants

__all__ = ["NewTenant", "PlanUnknown", "Provisioning", "TenantView", "Terms"]

DELETABLE = (State.active, State.read_only, State.suspended, State.archived)

PLAN = """
SELECT id, isolation FROM control.plans WHERE slug = $1 AND is_active
"""
DUE = """
SELECT id FROM control.tenants
 WHERE state = 'deleting' AND purge_after <= now() ORDER BY purge_after
"""
LEFT = """
SELECT id FROM control.sagas
 WHERE tenant_id = $1 AND kind = $2 AND finished_at IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for every tenant of this installation.

    ``emptying`` removes what a tenant has outside its home; each is safe to repeat.
    """

    base_domain: str
    grace_days: int = 30
    plan: str = "free"
    isolation: Isolation = Isolation.shared
    parallel: int = 2
    emptying: Sequence[Emptying] = ()


class PlanUnknown(Invalid):
    """There is no plan “{plan}” to subscribe to."""

    code = "PLAN_UNKNOWN"


class Provisioning:
    """All that operators do with tenants; ``by`` is who, None for the system itself."""

    def __init__(
        self,
        control: Control,
        homes: Homes,
        open_session: OpenSession,
        seeders: Sequence[Seeder],
        terms: Terms,
    ) -> None:
        self._control, self._terms = control, terms
        self._lifecycle = Lifecycle(control)
        creation = Creation(control, homes, open_session, seeders, terms.base_domain)
        removal = Removal(control, homes, terms.emptying)
        sagas = creation.saga(), removal.saga()
        self._runner = SagaRunner(control, sagas, parallel=terms.parallel)

    async def create(
        self,
        new: NewTenant,
        on_step: OnStep | None = None,
        *,
        by: UUID | None = None,
        also: Act | None = None,
    ) -> TenantView:
        """Make a tenant and everything that it needs, or leave nothing behind.

        ``also`` is done in the transaction in which its slug is taken.
        """
        check_new_tenant(new, self._terms.base_domain)
        await self._check_domain(new.domain)
        plan_id, required = await self._plan(new.plan or self._terms.plan)
        isolation = required or new.isolation or self._terms.isolation
        order = Order(new=new, isolation=isolation, plan_id=plan_id, by=by)
        tenant_id, data = uuid7(), msgspec.to_builtins(order)
        await self._runner.start(CREATION, tenant_id, data, on_step, also)
        return await self.find(tenant_id)

    async def find(self, key: UUID | str) -> TenantView:
        """The tenant of an id, or of a slug; raises ``TenantNotFound``."""
        return await find_tenant(self._control, key)

    async def list(
        self,
        *,
        search: str | None = None,
        status: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[TenantView]:
        """Tenants in the order of their slugs, from the first one after ``after``."""
        return await list_tenants(
            self._control, search=search or "", status=status, after=after, limit=limit
        )

    async def suspend(
        self, tenant_id: UUID, reason: str, *, by: UUID | None = None
    ) -> TenantView:
        """Close a tenant to everybody, keeping all that it has."""
        await self._lifecycle.suspend(tenant_id, reason, by)
        return await self.find(tenant_id)

    async def resume(self, tenant_id: UUID, *, by: UUID | None = None) -> TenantView:
        """Open a suspended tenant again."""
        await self._lifecycle.resume(tenant_id, by)
        return await self.find(tenant_id)

    async def delete(self, tenant_id: UUID, *, by: UUID | None = None) -> TenantView:
        """Close a tenant for good; within the grace period it can be restored."""
        await self._lifecycle.delete(tenant_id, self._terms.grace_days, by)
        return await self.find(tenant_id)

    async def restore(self, tenant_id: UUID, *, by: UUID | None = None) -> TenantView:
        """Take back a deletion."""
        await self._lifecycle.restore(tenant_id, by)
        return await self.find(tenant_id)

    async def purge(
        self, tenant_id: UUID, on_step: OnStep | None = None, *, by: UUID | None = None
    ) -> None:
        """Remove every trace of a tenant that was deleted, its grace over or not."""
        await self._purge(tenant_id, (State.deleting,), on_step, by)

    async def delete_now(
        self, tenant_id: UUID, on_step: OnStep | None = None, *, by: UUID | None = None
    ) -> None:
        """Delete a tenant without any grace, and remove every trace of it."""
        await self._purge(tenant_id, (State.deleting, *DELETABLE), on_step, by)

    async def purge_due(self) -> Mapping[UUID, Problem | None]:
        """Purge the tenants whose grace is over; how each went, None for well."""
        ended: dict[UUID, Problem | None] = {}
        for row in await self._control.fetch(DUE):
            try:
                await self.purge(row["id"])
                ended[row["id"]] = None
            except Problem as problem:
                ended[row["id"]] = problem
        return ended

    async def resume_all(self) -> Mapping[UUID, Problem | None]:
        """Go on with all work that a crash left; how each saga ended, None for well."""
        return await self._runner.resume_all()

    async def _purge(
        self,
        tenant_id: UUID,
        states: tuple[State, ...],
        on_step: OnStep | None,
        by: UUID | None,
    ) -> None:
        left = await self._control.fetch(LEFT, tenant_id, REMOVAL)
        if left:
            await self._runner.resume(left[0]["id"], on_step)
            return
        rows = await self._control.fetch(
            "SELECT home_id FROM control.tenants WHERE id = $1", tenant_id
        )
        home_id = rows[0]["home_id"] if rows else None
        data = msgspec.to_builtins(RemovalOrder(home_id=home_id, states=states, by=by))
        await self._runner.start(REMOVAL, tenant_id, data, on_step)

    async def _check_domain(self, domain: str | None) -> None:
        known = "SELECT FROM control.domains WHERE domain = $1"
        if domain is not None and await self._control.fetch(known, domain):
            raise DomainTaken(domain=domain)

    async def _plan(self, slug: str) -> tuple[UUID, Isolation | None]:
        rows = await self._control.fetch(PLAN, slug)
        if not rows:
            words = Words("There is no plan “{plan}”.", plan=slug)
            raise PlanUnknown(FieldError("plan", "unknown", words), plan=slug)
        required = rows[0]["isolation"]
        return rows[0]["id"], None if required is None else Isolation(required)
