"""Delivering: one attempt at one delivery, in three parts, the middle one outside."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import httpx2
import msgspec

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.pool import Record
from insula.kernel.events.webhooks.sending import Outcome, Parcel, send
from insula.kernel.events.webhooks.signing import sign
from insula.kernel.foundation.clock import Clock
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.webhooks.endpoints import NOT_SENT
from insula.kernel.services.webhooks.flow import lock_flow
from insula.kernel.services.webhooks.keys import Keys
from insula.kernel.services.webhooks.models import DeliveryState, EndpointState
from insula.kernel.services.webhooks.payload import (
    TEST,
    Happening,
    encode,
    message_id,
)
from insula.kernel.services.webhooks.settling import Ledger
from insula.kernel.services.webhooks.statements import DELIVERY, LOCK_DELIVERY
from insula.kernel.services.webhooks.visibility import Visibility

UNSEEN = "whoever answers for the endpoint may not read this any more"
FORGOTTEN = "the event is no longer kept"
BROKEN = "it could not be tried"


class Deliver(Command):
    """Send what one delivery is about."""

    delivery_id: UUID


NOBODY = Actor(ActorKind.visitor, None)
"""Who answers for an endpoint whose keeper is gone: somebody without any rights."""


@dataclass(frozen=True, slots=True)
class Courier:
    """Takes deliveries to their endpoints."""

    keys: Keys
    visibility: Visibility
    ledger: Ledger
    client: Callable[[], httpx2.AsyncClient]
    clock: Clock

    async def prepare(self, work: WorkContext, command: Deliver) -> Parcel | None:
        """The request to send; None when there is nothing to send any more."""
        rows = await work.transaction.fetch(DELIVERY, command.delivery_id)
        if not rows:
            return None
        row = rows[0]
        flow = await lock_flow(work.transaction, row["endpoint_id"])
        if flow is None or flow.state is not EndpointState.active:
            await self.ledger.drop(work, row, NOT_SENT)
            return None
        keepers = await self.visibility.keepers(work.transaction, [flow.keeper_id])
        keeper = keepers.get(flow.keeper_id, NOBODY)
        if (why := self._obstacle(work, keeper, row)) is not None:
            await self.ledger.drop(work, row, why)
            return None
        body = encode(self._happening(work, keeper, row))
        moment, tenant_id = self.clock(), work.tenant.id
        keys = await self.keys.live(work.transaction, tenant_id, flow.id, moment)
        return Parcel(flow.url, sign(message_id(row["id"]), moment, body, keys), body)

    async def perform(self, parcel: Parcel) -> Outcome:
        """Send the request; whatever happens is an outcome."""
        return await send(self.client(), parcel)

    async def settle(
        self, work: WorkContext, command: Deliver, outcome: Outcome
    ) -> None:
        """Write down how it went, and let the next deliveries go."""
        row = await self._sending(work, command)
        if row is None:
            return
        flow = await lock_flow(work.transaction, row["endpoint_id"])
        if flow is None:
            await self.ledger.drop(work, row, NOT_SENT)
            return
        if outcome.accepted:
            await self.ledger.accepted(work, row, flow, outcome)
        else:
            await self.ledger.refused(work, row, flow, outcome)
        await self.ledger.go_on(work, flow.id)

    async def bury(self, work: WorkContext, command: Deliver, _: str) -> None:
        """Give up a delivery whose job cannot be done; the others go on."""
        row = await self._sending(work, command)
        if row is not None:
            await self.ledger.drop(work, row, BROKEN)

    async def _sending(self, work: WorkContext, command: Deliver) -> Record | None:
        rows = await work.transaction.fetch(LOCK_DELIVERY, command.delivery_id)
        if not rows or rows[0]["state"] != DeliveryState.sending:
            return None
        return rows[0]

    def _obstacle(self, work: WorkContext, keeper: Actor, row: Record) -> str | None:
        """Why a delivery must not be sent now; what was allowed may be so no more."""
        see, event = self.visibility, row["event_name"]
        if event == TEST:
            return None
        if row["found"] is None:
            return FORGOTTEN
        if not see.installed(work.tenant, event):
            return UNSEEN
        return None if see.may_see(keeper, event, row["resource_id"]) else UNSEEN

    def _happening(self, work: WorkContext, keeper: Actor, row: Record) -> Happening:
        if row["event_name"] == TEST:
            data, at = {"message": "This is a test."}, row["created_at"]
            return Happening(id=row["event_id"], name=TEST, occurred_at=at, data=data)
        see, event = self.visibility, row["event_name"]
        path = see.link(event, row["resource_id"])
        return Happening(
            id=row["event_id"],
            name=event,
            occurred_at=row["occurred_at"],
            data=see.shown(keeper, event, msgspec.json.decode(row["payload"])),
            version=row["version"],
            sequence=row["sequence"],
            resource_id=row["resource_id"],
            actor_id=row["actor_id"],
            link=None if path is None else f"https://{work.tenant.domain}{path}",
        )
