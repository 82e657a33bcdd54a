"""The body of a webhook: what happened, or, where that is too much, where to read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

LARGEST = 20_000
"""Bytes of a body (Standard Webhooks asks for less than 20 kB)."""
TEST = "webhook.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event as receivers are told of it; ``link`` is where its row can be read."""

    id: UUID
    name: str
    occurred_at: datetime
    data: Mapping[str, Any]
    version: int = 1
    sequence: int | None = None
    resource_id: UUID | None = None
    actor_id: UUID | None = None
    link: str | None = None


def message_id(delivery_id: UUID) -> str:
    """The ``webhook-id`` of a delivery: one event for one endpoint, at every attempt."""
    return f"msg_{delivery_id.hex}"


def encode(happening: Happening) -> bytes:
    """The body; without its data, and marked so, when it would be too large."""
    envelope: dict[str, Any] = {
        "type": happening.name,
        "timestamp": happening.occurred_at,
        "id": happening.id,
        "version": happening.version,
        "sequence": happening.sequence,
        "resource_id": happening.resource_id,
        "actor_id": happening.actor_id,
        "link": happening.link,
        "data": happening.data,
    }
    body = msgspec.json.encode(envelope)
    if len(body) <= LARGEST:
        return body
    return msgspec.json.encode({**envelope, "data": None, "truncated": True})
