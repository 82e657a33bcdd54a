"""What callers do with webhooks beyond reading and changing rows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply, summary_of
from insula.kernel.events.webhooks.signing import KeyPair, new_key_pair
from insula.kernel.foundation.clock import Clock
from insula.kernel.foundation.errors import Conflict, FieldError, Invalid, NotFound
from insula.kernel.jobs.request import insert_jobs
from insula.kernel.resource.api import row_id, tag
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.services.webhooks.flow import let_go, lock_flow
from insula.kernel.services.webhooks.keys import Keys
from insula.kernel.services.webhooks.models import EndpointState, WebhookEndpoint
from insula.kernel.services.webhooks.statements import AGAIN, LOCK_DELIVERY
from insula.kernel.services.webhooks.upkeep import REPLAY, ReplayRange

ENDPOINTS, DELIVERIES = "/api/v1/webhook-endpoints", "/api/v1/webhook-deliveries"
REF = "#/components/schemas/{model}"


class DeliveryPending(Conflict):
    """The delivery is still on its way."""

    code = "WEBHOOK_DELIVERY_PENDING"


class EndpointDisabled(Conflict):
    """The endpoint is disabled: enable it first."""

    code = "WEBHOOK_ENDPOINT_DISABLED"


class Replay(BaseModel):
    """Which deliveries of an endpoint to send again: those made in a stretch of time."""

    model_config = ConfigDict(extra="forbid", strict=True)
    endpoint_id: Annotated[UUID, Field(strict=False)]
    since: AwareDatetime
    until: AwareDatetime
    only_failed: bool = True


class Accepted(BaseModel):
    """The job that does what was asked."""

    job_id: UUID


class WebhookOperations:
    """Makes endpoints, changes their secrets, and sends again what was sent."""

    def __init__(self, engine: Engine, keys: Keys, clock: Clock) -> None:
        self._engine, self._keys, self._clock = engine, keys, clock
        self._api = engine.api("webhook_endpoints")
        self._body = create_model(
            "WebhookEndpointNew",
            __base__=self._api.create_body,
            __module__=__name__,
            asymmetric=(
                bool,
                Field(default=False, description="Sign with ed25519 as well (`v1a`)."),
            ),
        )

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make an endpoint; the answer alone shows its secret."""
        asked = dict(call.body.__dict__)
        pair = new_key_pair() if asked.pop("asymmetric") else None
        endpoint = WebhookEndpoint(
            **asked,
            keeper_id=ctx.actor.id,
            public_key=None if pair is None else pair.public,
        )
        async with self._engine.work(ctx) as work:
            await work.add(endpoint)
            await work.flush()
            secret = await self._change(work, endpoint.id, pair)
        return self._shown(endpoint, secret, status=201)

    async def rotate(self, ctx: Context, call: Call) -> Reply:
        """Give an endpoint a new secret; the one before signs for another day."""
        async with self._engine.work(ctx) as work:
            endpoint = await work.lock(WebhookEndpoint, row_id(call))
            pair = None if endpoint.public_key is None else new_key_pair()
            endpoint.public_key = None if pair is None else pair.public
            secret = await self._change(work, endpoint.id, pair)
            await work.flush()
        return self._shown(endpoint, secret)

    async def replay(self, ctx: Context, call: Call) -> Reply:
        """Send one delivery again, under the same `webhook-id`."""
        key = row_id(call)
        async with self._engine.work(ctx) as work:
            rows = await work.transaction.fetch(LOCK_DELIVERY, key)
            if not rows:
                raise NotFound
            flow = await lock_flow(work.transaction, rows[0]["endpoint_id"])
            if flow is None:
                raise NotFound
            if flow.state is not EndpointState.active:
                raise EndpointDisabled
            moment = self._clock()
            if not await work.transaction.fetch(AGAIN, [key], moment):
                raise DeliveryPending
            jobs = await let_go(work.transaction, flow, moment)
            await insert_jobs(work.transaction, jobs)
        return Reply()

    async def replay_many(self, ctx: Context, call: Call) -> Reply:
        """Send again what was sent to an endpoint in a stretch of time."""
        body: Replay = call.body
        if body.until <= body.since:
            raise Invalid(FieldError("until", "invalid", "It must be after `since`."))
        async with self._engine.work(ctx) as work:
            endpoint = await work.get(WebhookEndpoint, body.endpoint_id)
            if endpoint.state is not EndpointState.active:
                raise EndpointDisabled
            command = ReplayRange(**body.__dict__)
            job_id = work.enqueue(self._engine.tasks[REPLAY], command)
        return Reply(Accepted(job_id=job_id).model_dump_json().encode(), status=202)

    async def _change(
        self, work: WorkContext, endpoint_id: UUID, pair: KeyPair | None
    ) -> str:
        return await self._keys.change(
            work.transaction, work.tenant.id, endpoint_id, self._clock(), pair
        )

    def _shown(self, endpoint: WebhookEndpoint, secret: str, **more: Any) -> Reply:
        """The endpoint with its secret, which no other answer ever has."""
        writer = self._api.writer
        row = msgspec.json.decode(writer.encode(values_of(endpoint, writer)))
        location = f"{ENDPOINTS}/{endpoint.id}" if more else None
        body = msgspec.json.encode({**row, "secret": secret})
        return Reply(body, etag=tag(endpoint.version), location=location, **more)

    def _shown_schema(self) -> Mapping[str, Any]:
        schema = dict(self._api.row_schema())
        secret = {"type": "string", "readOnly": True, "examples": ["whsec_…"]}
        schema["title"] = f"{self._api.title}Shown"
        schema["properties"] = {**schema["properties"], "secret": secret}
        schema["required"] = [*schema["required"], "secret"]
        return schema

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        shown: dict[str, Any] = {"answer": self._shown_schema}
        return (
            _made(
                "webhook_endpoints.create", ENDPOINTS, self.create, body=self._body,
                status=201, errors=(Invalid,), **shown,
            ),
            _made(
                "webhook_endpoints.rotate_secret", f"{ENDPOINTS}/{{id}}/rotate-secret",
                self.rotate, errors=(NotFound,), **shown,
            ),
            _made(
                "webhook_deliveries.replay", f"{DELIVERIES}/{{id}}/replay", self.replay,
                answer=lambda: {"type": "null"},
                errors=(NotFound, DeliveryPending, EndpointDisabled),
            ),
            _made(
                "webhook_deliveries.replay_many", f"{DELIVERIES}/replay",
                self.replay_many, permission="webhook_deliveries.replay", body=Replay,
                status=202, errors=(NotFound, Invalid, EndpointDisabled),
                answer=lambda: Accepted.model_json_schema(ref_template=REF),
            ),
        )  # fmt: skip


def _made(
    name: str, path: str, run: Callable[[Context, Call], Awaitable[Reply]], **more: Any
) -> Operation:
    return Operation(
        name=name,
        method="POST",
        path=path,
        run=run,
        summary=summary_of(run),
        **{"permission": name, **more},
    )
