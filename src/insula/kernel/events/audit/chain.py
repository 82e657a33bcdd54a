"""The form of the chain: which bytes are hashed, and what a broken one is called.

Written down for other verifiers in docs/reference/audit-chain.md; nobody changes it here
without a new ``FORMAT``, for old links must be verified for ever.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from insula.kernel.events.audit.models import LinkKind

FORMAT = "insula-audit-1"
SALT = 16
"""Bytes of a salt: nobody can try out what a commitment might have covered."""
BEGINNING = bytes(32)
"""Stands for the hash before the first link."""
NOWHERE = UUID(int=0)
"""Stands for an id before all others."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit log; ``changes`` is the text that PostgreSQL prints."""

    tenant_id: UUID
    id: UUID
    created_at: datetime
    action: str
    resource: str
    resource_id: UUID | None
    actor_kind: str
    actor_id: UUID | None
    request_id: str | None
    client: str | None
    user_agent: str | None
    via: str | None
    changes: str


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain; the sequences run in step."""

    tenant_id: UUID
    number: int
    kind: LinkKind
    created_at: datetime
    last_id: UUID
    floor: UUID
    entries: Sequence[UUID]
    salts: Sequence[bytes]
    commitments: Sequence[bytes]
    digests: Sequence[bytes]
    hash: bytes


def micros(moment: datetime) -> int:
    """The moment as whole microseconds since 1970, which no clock or zone can turn."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def id_at(moment: datetime) -> UUID:
    """The first id that could have been made at that moment: ids are of version 7."""
    return UUID(int=max(micros(moment) // 1000, 0) << 80)


def packed(*fields: object) -> bytes:
    """Fields one after the other, each behind its length, so that none can flow over."""
    parts = []
    for field in fields:
        if field is None:
            parts.append(b"~,")
            continue
        raw = str(field).encode()
        parts.append(b"%d:%s," % (len(raw), raw))
    return b"".join(parts)


def commitment(salt: bytes, entry: Entry) -> bytes:
    """What stands for that which may have to be forgotten of an entry."""
    content = packed(entry.client, entry.user_agent, entry.changes)
    return hashlib.sha256(salt + content).digest()


def digest(entry: Entry, committed: bytes) -> bytes:
    """What stands for the whole entry."""
    fields: list[object] = [
        entry.tenant_id,
        entry.id,
        micros(entry.created_at),
        entry.action,
        entry.resource,
        entry.resource_id,
        entry.actor_kind,
        entry.actor_id,
        entry.request_id,
    ]
    if entry.via is not None:  # older entries have no such field
        fields.append(entry.via)
    return hashlib.sha256(packed(*fields) + committed).digest()


def link_hash(link: Link, before: bytes) -> bytes:
    """What a link's hash must be behind a link of hash ``before``."""
    head = packed(
        FORMAT,
        link.tenant_id,
        link.number,
        link.kind.value,
        micros(link.created_at),
        link.last_id,
        link.floor,
        len(link.entries),
    )
    body = link.digests if link.kind is LinkKind.entries else _ids(link.entries)
    return hashlib.sha256(head + before + b"".join(body)).digest()


def _ids(entries: Iterable[UUID]) -> list[bytes]:
    return [entry.bytes for entry in entries]
