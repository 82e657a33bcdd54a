"""The removal of a tenant: a saga that goes forward alone, for there is no way back."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from insula.kernel.database.home import Home, Isolation
from insula.kernel.database.pool import Connection
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.lifecycle import refusal
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.saga import Edge, Saga, Step
from insula.kernel.tenancy.saga_record import Work
from insula.kernel.tenancy.trail import announce

REMOVAL = "tenants.purge"
Emptying = Callable[[UUID], Awaitable[None]]
"""Removes what a tenant has somewhere; safe to repeat."""

REVOKE = """
UPDATE control.tenants
   SET state = 'deleted', updated_at = now(), deleted_at = COALESCE(deleted_at, now())
 WHERE id = $1 AND state = ANY($2::text[]) RETURNING id
"""
FORGET = """
WITH gone AS (DELETE FROM control.tenants WHERE id = $1)
DELETE FROM control.sagas WHERE tenant_id = $1 AND id <> $2
"""


class RemovalOrder(msgspec.Struct, frozen=True):
    """Where the tenant lives, the states in which it may be removed, who said so."""

    home_id: UUID | None
    states: tuple[State, ...]
    by: UUID | None = None


class Removal:
    """The steps that leave nothing of a tenant but its id in the operators' log."""

    def __init__(
        self, control: Control, homes: Homes, emptying: Sequence[Emptying] = ()
    ) -> None:
        self._control, self._homes, self._emptying = control, homes, emptying

    def saga(self) -> Saga:
        """The whole way."""
        return Saga(
            REMOVAL,
            begin=Edge("revoke", self._revoke),
            steps=(
                Step("rows", self._purge_rows),
                Step("belongings", self._empty),
                Step("home", self._take_down),
                Step("domains", self._remove_domains),
                Step("sweep", self._purge_rows),
            ),
            finish=Edge("forget", self._forget),
        )

    async def _revoke(self, connection: Connection, work: Work) -> None:
        """Close every door: no host, token or job finds a tenant in this state."""
        order = _order(work)
        if not await connection.fetch(REVOKE, work.tenant_id, list(order.states)):
            raise await refusal(connection, work.tenant_id)
        action = f"{REMOVAL}.begun"
        await announce(connection, work.tenant_id, action, by=order.by)

    async def _home(self, work: Work) -> Home | None:
        home_id = _order(work).home_id
        there = "SELECT FROM control.homes WHERE id = $1"
        if home_id is None or not await self._control.fetch(there, home_id):
            return None
        return await self._homes.load(home_id)

    async def _purge_rows(self, work: Work) -> None:
        """Twice: a request under way at first may have written something after it."""
        home = await self._home(work)
        if home is not None and home.isolation is Isolation.shared:
            await self._homes.purge(home, work.tenant_id)

    async def _empty(self, work: Work) -> None:
        """Remove what the tenant has elsewhere: its files, what is kept of it."""
        for empty in self._emptying:
            await empty(work.tenant_id)

    async def _take_down(self, work: Work) -> None:
        home = await self._home(work)
        if home is not None and home.isolation is not Isolation.shared:
            await self._homes.demolish(home)

    async def _remove_domains(self, work: Work) -> None:
        await self._control.fetch(
            "DELETE FROM control.domains WHERE tenant_id = $1", work.tenant_id
        )

    async def _forget(self, connection: Connection, work: Work) -> None:
        await connection.execute(FORGET, work.tenant_id, work.saga_id)
        await announce(connection, work.tenant_id, REMOVAL, by=_order(work).by)


def _order(work: Work) -> RemovalOrder:
    return msgspec.convert(work.data, RemovalOrder)
