"""Webhooks: who wants to hear of what, what was sent to them, and what never arrived."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import httpx2
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Holds,
    LongText,
    ShortText,
    column,
    holding,
    ref,
    state,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.events.webhooks.schedule import Plan

PATTERN = re.compile(r"(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)")
LONGEST_URL = 2000
MOST_PATTERNS = 100


class EndpointState(StrEnum):
    """Whether an endpoint is sent anything."""

    active = "active"
    disabled = "disabled"


class Reason(StrEnum):
    """Why an endpoint is disabled."""

    asked = "asked"
    """Somebody of the tenant wanted it."""
    gone = "gone"
    """It answered 410: it wants no more."""
    failing = "failing"
    """It accepted nothing for days."""
    orphaned = "orphaned"
    """Whoever answers for it is gone: it may hear of nothing."""


class Ordering(StrEnum):
    """What waits for what; a failed delivery holds up those behind it."""

    none = "none"
    resource = "resource"
    """The events of one row are delivered one after the other, as they happened."""
    endpoint = "endpoint"
    """All events are."""


class DeliveryState(StrEnum):
    """Where a delivery is; one that is ``sending`` has a job."""

    waiting = "waiting"
    sending = "sending"
    delivered = "delivered"
    failed = "failed"


def checked_url(value: str) -> str:
    """An absolute http(s) URL; whether it may be connected to is seen when it is."""
    try:
        url = httpx2.URL(value)
    except (httpx2.InvalidURL, ValueError):
        raise PydanticCustomError("url_invalid", "it is not a URL") from None
    if url.scheme not in ("https", "http") or not url.host or url.userinfo:
        raise PydanticCustomError(
            "url_invalid", "it must be a https URL with a host and without a user"
        )
    return value


def checked_pattern(value: str) -> str:
    """The name of an event, or the beginning of some with ``.*``."""
    if not PATTERN.fullmatch(value):
        raise PydanticCustomError(
            "pattern_invalid", "it must be an event's name, or end in '.*'"
        )
    return value


Url = Annotated[
    str,
    mapped_column(String(LONGEST_URL)),
    AfterValidator(checked_url),
    Field(examples=["https://hooks.example.com/insula"]),
]
EventPattern = Annotated[str, Field(max_length=100), AfterValidator(checked_pattern)]
EventPatterns = Annotated[
    list[EventPattern],
    mapped_column(JSONB),
    Field(max_length=MOST_PATTERNS, examples=[["maintenance.*"]]),
]


class WebhookEndpoint(TenantModel):
    """A URL of the tenant's choice that is told what happens here.

    Without ``events`` it is told everything that its ``keeper_id`` may see: whoever
    made it, or enabled it last. What follows is how it fares; it changes without a new
    version.
    """

    __tablename__ = "webhook_endpoints"

    url: Mapped[Url] = column(holds=Holds.text)
    description: Mapped[ShortText | None] = column(default=None, holds=Holds.text)
    events: Mapped[EventPatterns] = column(default=[], holds=Holds.nothing)
    state: Mapped[EndpointState] = state(
        EndpointState.active,
        {
            EndpointState.active: (EndpointState.disabled,),
            EndpointState.disabled: (EndpointState.active,),
        },
    )
    disabled_reason: Mapped[Reason | None] = column(default=None, read_only=True)
    schedule: Mapped[Plan] = column(default=Plan.standard)
    ordering: Mapped[Ordering] = column(default=Ordering.none)
    concurrency: Mapped[int] = column(default=1, min=1, max=20)
    rate: Mapped[int | None] = column(default=None, min=1, max=1000)
    public_key: Mapped[ShortText | None] = column(
        default=None, read_only=True, holds=Holds.nothing
    )
    keeper_id: Mapped[UUID | None] = column(default=None, read_only=True)
    failing_since: Mapped[datetime | None] = column(default=None, read_only=True)
    last_success_at: Mapped[datetime | None] = column(default=None, read_only=True)
    strikes: Mapped[int] = column(default=0, read_only=True)
    open_until: Mapped[datetime | None] = column(default=None, read_only=True)
    free_at: Mapped[datetime | None] = column(default=None, read_only=True)


class WebhookSecret(TenantRow):
    """A key of an endpoint, sealed; the one before lives on for a day (R34)."""

    __tablename__ = "webhook_secrets"

    endpoint_id: Mapped[UUID] = ref("webhook_endpoints", part_of=True)
    sealed: Mapped[LongText] = column(holds=Holds.secret)
    expires_at: Mapped[datetime | None] = column(default=None)


class WebhookDelivery(TenantRow):
    """One event on its way to one endpoint; its id is the same at every attempt.

    The body is not kept: it is made from the event again.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(
            "uq_webhook_deliveries_event",
            "tenant_id",
            "endpoint_id",
            "event_id",
            unique=True,
        ),
        Index(
            "ix_webhook_deliveries_open",
            "tenant_id",
            "endpoint_id",
            "state",
            "next_at",
            "id",
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
    )

    endpoint_id: Mapped[UUID] = ref("webhook_endpoints", part_of=True)
    event_id: Mapped[UUID] = column()
    event_name: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    sequence: Mapped[int | None] = column(default=None)
    resource_id: Mapped[UUID | None] = column(default=None)
    state: Mapped[DeliveryState] = column(default=DeliveryState.waiting)
    attempts: Mapped[int] = column(default=0)
    next_at: Mapped[datetime] = column()
    last_status: Mapped[int | None] = column(default=None)
    error: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
    milliseconds: Mapped[int | None] = column(default=None)
    excerpt: Mapped[LongText | None] = column(default=None, holds=Holds.text)
    finished_at: Mapped[datetime | None] = column(default=None)


class WebhookFailure(TenantRow):
    """A delivery that was given up (S0-63); it stays here when it is sent again."""

    __tablename__ = "webhook_failures"

    endpoint_id: Mapped[UUID] = ref("webhook_endpoints", part_of=True)
    delivery_id: Mapped[UUID] = column()
    event_id: Mapped[UUID] = column()
    event_name: Mapped[str] = mapped_column(String(100), info=holding(Holds.nothing))
    attempts: Mapped[int] = column()
    last_status: Mapped[int | None] = column(default=None)
    error: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
