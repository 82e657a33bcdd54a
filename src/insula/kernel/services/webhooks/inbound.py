"""Provisioning by webhook: a signed message makes a tenant, once (S4-35..38)."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import Connection, Record
from insula.kernel.events.webhooks.signing import SignatureInvalid, TimestampInvalid
from insula.kernel.foundation.errors import Conflict, Invalid
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.schemas import field_errors
from insula.kernel.services.webhooks.inbound_sources import InboundSources
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.models import State
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.kernel.tenancy.provisioning import Provisioning
from insula.kernel.tenancy.saga_record import SagaBusy, Work
from insula.kernel.tenancy.views import TenantView

PATH = "/api/v1/provisioning/organizations"
LARGEST = 64 * 1024
LOOK = 0.1
PATIENCE = 25.0
"""Seconds that an equal message waits for the one that came first."""

KNOWN = """
SELECT m.id, m.digest, m.tenant_id, m.completed_at, t.state
  FROM control.inbound_messages m LEFT JOIN control.tenants t ON t.id = m.tenant_id
 WHERE m.source_id = $1 AND m.message_id = $2
"""
CLAIM = """
INSERT INTO control.inbound_messages AS m (id, source_id, message_id, digest, tenant_id)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (source_id, message_id) DO UPDATE SET tenant_id = excluded.tenant_id
 WHERE m.tenant_id = $6 AND m.completed_at IS NULL
RETURNING id
"""
COMPLETE = """
UPDATE control.inbound_messages SET completed_at = now()
 WHERE source_id = $1 AND message_id = $2 AND completed_at IS NULL
"""


class MessageChanged(Invalid):
    """A message with this id has come before, and said something else."""

    code = "WEBHOOK_MESSAGE_CHANGED"


class MessageClaimed(Conflict):
    """An equal message is being dealt with: send it again in a moment."""

    code = "WEBHOOK_MESSAGE_CLAIMED"


class NewOrganization(BaseModel):
    """An organisation that is to live here, and who owns it.

    The owner has no password yet: they set one by the link that they ask for.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    slug: str = Field(min_length=2, max_length=100)
    name: str = Field(min_length=1, max_length=255)
    owner_email: str = Field(max_length=255, pattern=r"^\S+@\S+$")
    owner_name: str = Field(default="", max_length=255)
    plan: str | None = Field(default=None, max_length=50)
    domain: str | None = Field(default=None, max_length=255)
    isolation: Isolation | None = Field(default=None, strict=False)

    def tenant(self) -> NewTenant:
        """The tenant that is wanted."""
        return NewTenant(**self.model_dump())


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is known to be from its source."""

    source_id: UUID
    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class InboundProvisioning:
    """Makes tenants as the sources ask for them."""

    control: Control
    sources: InboundSources
    provisioning: Provisioning

    async def create(self, _: Context, call: Call) -> Reply:
        """Make the organisation of a message; the same message makes no other."""
        headers = {
            k.decode("latin-1"): v.decode("latin-1") for k, v in call.headers.items()
        }
        source, key = await self.sources.sender(headers, call.raw)
        message = Message(source.id, key, hashlib.sha256(call.raw).hexdigest())
        try:
            wanted = NewOrganization.model_validate_json(call.raw)
        except ValidationError as error:
            raise Invalid(*field_errors(error)) from None
        view = await self._once(message, wanted.tenant())
        data = {"type": "tenant", **msgspec.to_builtins(view)}
        return Reply(msgspec.json.encode(data), status=201)

    async def _once(self, message: Message, new: NewTenant) -> TenantView:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while loop.time() < until:
            known = await self._known(message)
            if known is None or _undone(known):
                tenant_id = None if known is None else known["tenant_id"]
                claim = partial(self._claim, message, tenant_id)
                try:
                    view = await self.provisioning.create(new, also=claim)
                except MessageClaimed:
                    continue
                await self._complete(message)
                return view
            if known["state"] not in (State.provisioning, State.failed):
                await self._complete(message)
                return await self.provisioning.find(known["tenant_id"])
            await asyncio.sleep(LOOK)
        raise SagaBusy

    async def _known(self, message: Message) -> Record | None:
        rows = await self.control.fetch(KNOWN, message.source_id, message.id)
        if not rows:
            return None
        if rows[0]["digest"] != message.digest:
            raise MessageChanged
        return rows[0]

    async def _claim(
        self, message: Message, before: UUID | None, connection: Connection, work: Work
    ) -> None:
        values = message.source_id, message.id, message.digest, work.tenant_id, before
        if not await connection.fetch(CLAIM, uuid7(), *values):
            raise MessageClaimed

    async def _complete(self, message: Message) -> None:
        await self.control.fetch(COMPLETE, message.source_id, message.id)

    def operations(self) -> tuple[Operation, ...]:
        """The one operation, on the operators' host."""
        return (
            Operation(
                name="provisioning.create_organization",
                method="POST",
                path=PATH,
                run=self.create,
                summary="Make an organisation, by a signed webhook",
                audience=Audience.gate,
                raw_body="application/json",
                body_limit=LARGEST,
                status=201,
                answer=_schema,
                errors=(
                    SignatureInvalid,
                    TimestampInvalid,
                    MessageChanged,
                    Invalid,
                    Conflict,
                ),
            ),
        )


def _undone(known: Record) -> bool:
    """Whether what a message began has been taken back, so that it may begin again."""
    return known["state"] is None and known["completed_at"] is None


def _schema() -> Mapping[str, Any]:
    schema = TypeAdapter(TenantView).json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    schema["title"] = "Tenant"
    schema["properties"]["type"] = {"const": "tenant"}
    schema["required"] = ["type", *schema["required"]]
    return {**schema, "additionalProperties": False}
