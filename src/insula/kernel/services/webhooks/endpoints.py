"""Endpoints: made, switched on and off, tried out."""

from uuid import UUID

from insula.kernel.database.session import Transaction
from insula.kernel.foundation.ids import uuid7
from insula.kernel.jobs.request import insert_jobs
from insula.kernel.resource.declaration import Event, Resource
from insula.kernel.resource.machines import WrongMove
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.audit.noting import note
from insula.kernel.services.webhooks.flow import let_go, lock_flow
from insula.kernel.services.webhooks.models import (
    EndpointState,
    Reason,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookFailure,
)
from insula.kernel.services.webhooks.payload import TEST
from insula.kernel.services.webhooks.statements import FARE, GIVE_UP, RECORD, UNSENT

BATCH = 1000
NOT_SENT = "the endpoint is disabled"

endpoints = Resource(
    WebhookEndpoint,
    kernel=True,
    filters=(WebhookEndpoint.state,),
    sort=(WebhookEndpoint.created_at,),
    hidden=(WebhookEndpoint.strikes, WebhookEndpoint.free_at),
    without=("create",),  # its own operation shows the secret, once
)
deliveries = Resource(
    WebhookDelivery,
    kernel=True,
    filters=(
        WebhookDelivery.endpoint_id,
        WebhookDelivery.state,
        WebhookDelivery.event_name,
        WebhookDelivery.resource_id,
        WebhookDelivery.created_at,
    ),
)
failures = Resource(
    WebhookFailure,
    kernel=True,
    filters=(WebhookFailure.endpoint_id, WebhookFailure.created_at),
)


class WebhookEndpointDisabled(Event):
    """An endpoint is sent nothing any more: whoever answers for it should know."""

    name = "webhook_endpoint.disabled"
    endpoint_id: UUID
    keeper_id: UUID | None
    reason: Reason


@endpoints.action("enable", raises=(WrongMove,))
async def enable(ctx: WorkContext, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Send to an endpoint again, as if it had never failed, and answer for it."""
    ctx.move(endpoint, EndpointState.active)
    endpoint.disabled_reason, endpoint.keeper_id = None, ctx.actor.id
    await ctx.transaction.fetch(FARE, endpoint.id, None, None, 0, None)
    return endpoint


@endpoints.action("disable", raises=(WrongMove,))
async def disable(ctx: WorkContext, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Send to an endpoint no more; what waits is given up, and can be replayed."""
    await switch_off(ctx, endpoint, Reason.asked)
    return endpoint


@endpoints.action("test")
async def test(ctx: WorkContext, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send an endpoint a `webhook.test`, to see whether it arrives."""
    delivery = WebhookDelivery(
        endpoint_id=endpoint.id, event_id=uuid7(), event_name=TEST, next_at=ctx.now
    )
    row = delivery.id, endpoint.id, delivery.event_id, TEST, None, None
    await ctx.transaction.fetch(RECORD, delivery.next_at, *([it] for it in row))
    await pump(ctx.transaction, endpoint.id, ctx)
    row_tested = "webhook_endpoint", endpoint.id
    await note(ctx.transaction, ctx, "webhook_endpoints.test", row_tested)
    return delivery


async def switch_off(
    ctx: WorkContext, endpoint: WebhookEndpoint, reason: Reason
) -> None:
    """Disable an endpoint, give up what waits for it, and tell of it."""
    ctx.move(endpoint, EndpointState.disabled)
    endpoint.disabled_reason = reason
    await _give_up_waiting(ctx, endpoint.id)
    ctx.emit(
        WebhookEndpointDisabled(
            endpoint_id=endpoint.id, keeper_id=endpoint.keeper_id, reason=reason
        )
    )


async def _give_up_waiting(ctx: WorkContext, endpoint_id: UUID) -> None:
    while True:
        rows = await ctx.transaction.fetch(UNSENT, endpoint_id, BATCH)
        ids = [row["id"] for row in rows]
        if ids:
            made = [uuid7() for _ in ids]
            await ctx.transaction.fetch(GIVE_UP, ids, made, ctx.now, NOT_SENT)
        if len(ids) < BATCH:
            return


async def pump(transaction: Transaction, endpoint_id: UUID, ctx: WorkContext) -> None:
    """Let go what may go to an endpoint now."""
    flow = await lock_flow(transaction, endpoint_id)
    if flow is not None:
        await insert_jobs(transaction, await let_go(transaction, flow, ctx.now))
