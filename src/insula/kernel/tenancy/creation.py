"""The creation of a tenant: a saga whose undo leaves nothing behind, the slug last."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.pool import Connection
from insula.kernel.database.session import Session
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.new_tenant import DomainTaken, NewTenant
from insula.kernel.tenancy.saga import Edge, Retreat, Saga, Step
from insula.kernel.tenancy.saga_record import Work
from insula.kernel.tenancy.slugs import SlugTaken
from insula.kernel.tenancy.trail import announce

CREATION = "tenants.create"

Seeder = Callable[[Session, UUID, NewTenant], Awaitable[None]]
"""Puts the first rows into a new tenant; may be called again on what it left there."""
OpenSession = Callable[[Home, UUID], Session]

RESERVE = """
INSERT INTO control.tenants (id, slug, name, isolation, plan_id, state)
VALUES ($1, $2, $3, $4, $5, 'provisioning')
ON CONFLICT (slug) DO NOTHING RETURNING id
"""
DOMAIN = """
INSERT INTO control.domains (id, tenant_id, domain, is_primary, is_verified)
VALUES ($1, $2, $3, $4, $4) ON CONFLICT (domain) DO NOTHING
"""
SUBSCRIBE = """
INSERT INTO control.subscriptions (id, tenant_id, plan_id, status, current_period_start)
SELECT $1, $2, $3, 'active', now()
 WHERE NOT EXISTS (SELECT FROM control.subscriptions WHERE tenant_id = $2)
"""


class Order(msgspec.Struct, frozen=True):
    """What the saga keeps of what was asked for, with everything decided."""

    new: NewTenant
    isolation: Isolation
    plan_id: UUID
    by: UUID | None = None


class Creation:
    """The steps that make a tenant, and those that unmake a half-made one."""

    def __init__(
        self,
        control: Control,
        homes: Homes,
        open_session: OpenSession,
        seeders: Sequence[Seeder],
        base_domain: str,
    ) -> None:
        self._control, self._homes = control, homes
        self._open_session, self._seeders = open_session, seeders
        self._base_domain = base_domain

    def saga(self) -> Saga:
        """The whole way, and the way back."""
        return Saga(
            CREATION,
            begin=Edge("reserve", self._reserve),
            steps=(
                Step("place", self._place, self._take_down),
                Step("build", self._build, self._take_down),
                Step("seed", self._seed, self._empty),
                Step("domains", self._add_domains, self._remove_domains),
                Step("subscribe", self._subscribe, self._unsubscribe),
            ),
            finish=Edge("activate", self._activate),
            retreat=Retreat(turn=self._give_up, end=self._release),
        )

    async def _reserve(self, connection: Connection, work: Work) -> None:
        order = _order(work)
        slug, name = order.new.slug, order.new.name.strip()
        values = work.tenant_id, slug, name, order.isolation, order.plan_id
        if not await connection.fetch(RESERVE, *values):
            raise SlugTaken(slug=slug)

    async def _home(self, work: Work) -> Home:
        return await self._homes.place(work.tenant_id, _order(work).isolation)

    async def _place(self, work: Work) -> None:
        home = await self._home(work)
        await self._control.fetch(
            "UPDATE control.tenants SET home_id = $2 WHERE id = $1",
            *(work.tenant_id, home.id),
        )

    async def _build(self, work: Work) -> None:
        await self._homes.build(await self._home(work))

    async def _take_down(self, work: Work) -> None:
        """Undo of both, because a home may be half built or only placed."""
        await self._homes.demolish(await self._home(work))

    async def _seed(self, work: Work) -> None:
        session = self._open_session(await self._home(work), work.tenant_id)
        for seeder in self._seeders:
            await seeder(session, work.tenant_id, _order(work).new)

    async def _empty(self, work: Work) -> None:
        home = await self._home(work)
        if home.isolation is Isolation.shared:
            await self._homes.purge(home, work.tenant_id)

    async def _add_domains(self, work: Work) -> None:
        new = _order(work).new
        own = f"{new.slug}.{self._base_domain}"
        wanted = [own] if new.domain is None else [own, new.domain]
        for domain in wanted:
            values = uuid7(), work.tenant_id, domain, domain == own
            await self._control.fetch(DOMAIN, *values)
        rows = await self._control.fetch(
            "SELECT domain FROM control.domains WHERE tenant_id = $1", work.tenant_id
        )
        for domain in set(wanted) - {row["domain"] for row in rows}:
            raise DomainTaken(domain=domain)

    async def _remove_domains(self, work: Work) -> None:
        await self._control.fetch(
            "DELETE FROM control.domains WHERE tenant_id = $1", work.tenant_id
        )

    async def _subscribe(self, work: Work) -> None:
        values = uuid7(), work.tenant_id, _order(work).plan_id
        await self._control.fetch(SUBSCRIBE, *values)

    async def _unsubscribe(self, work: Work) -> None:
        await self._control.fetch(
            "DELETE FROM control.subscriptions WHERE tenant_id = $1", work.tenant_id
        )

    async def _activate(self, connection: Connection, work: Work) -> None:
        await _set_state(connection, work, "active")
        order = _order(work)
        changes = {"isolation": order.isolation, "plan_id": str(order.plan_id)}
        await announce(
            connection, work.tenant_id, CREATION, by=order.by, changes=changes
        )

    async def _give_up(self, connection: Connection, work: Work) -> None:
        await _set_state(connection, work, "failed")

    async def _release(self, connection: Connection, work: Work) -> None:
        await connection.execute(
            "DELETE FROM control.tenants WHERE id = $1", work.tenant_id
        )
        failed = f"{CREATION}.undone"
        await announce(connection, work.tenant_id, failed, by=_order(work).by)


def _order(work: Work) -> Order:
    return msgspec.convert(work.data, Order)


async def _set_state(connection: Connection, work: Work, state: str) -> None:
    await connection.execute(
        "UPDATE control.tenants SET state = $2, updated_at = now() WHERE id = $1",
        *(work.tenant_id, state),
    )
