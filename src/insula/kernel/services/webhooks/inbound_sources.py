"""Sources: those from whom the operators take webhooks, each known by a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from insula.kernel.events.webhooks.signing import (
    SignatureInvalid,
    new_secret,
    verify,
)
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.tenancy.control import Control

PLACE = "inbound_sources.secret"
OVERLAP = timedelta(hours=24)

ADD = """
INSERT INTO control.inbound_sources (id, name, secret) VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING RETURNING id
"""
LIST = "SELECT id, name, created_at FROM control.inbound_sources ORDER BY name"
SECRETS = "SELECT id, secret, old_secret, old_until FROM control.inbound_sources"
FIND = "SELECT id FROM control.inbound_sources WHERE name = $1"
ROTATE = """
UPDATE control.inbound_sources SET old_secret = secret, old_until = $3, secret = $2
 WHERE id = $1
"""
REMOVE = "DELETE FROM control.inbound_sources WHERE name = $1 RETURNING id"


class SourceTaken(Conflict):
    """There is a source “{name}” already."""

    code = "WEBHOOK_SOURCE_TAKEN"


class SourceUnknown(NotFound):
    """There is no source “{name}”."""

    code = "WEBHOOK_SOURCE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Source:
    """A sender, and the keys with which its messages may be signed at present."""

    id: UUID
    keys: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourceView:
    """A sender as an operator sees it."""

    name: str
    created_at: datetime


def verify_inbound(
    source: Source, headers: Mapping[str, str], body: bytes, *, at: datetime
) -> str:
    """The id of a message that the source has signed (Standard Webhooks).

    Raises ``SignatureInvalid`` or ``TimestampInvalid``.
    """
    return verify(headers, body, source.keys, at=at)


@dataclass(frozen=True, slots=True)
class InboundSources:
    """All sources of this installation."""

    control: Control
    sealer: Sealer
    clock: Clock = now

    async def add(self, name: str) -> str:
        """Make a source; answers its secret, which is never shown again."""
        secret, key = new_secret(), uuid7()
        sealed = self.sealer.seal(key, PLACE, secret.encode())
        if not await self.control.fetch(ADD, key, name, sealed):
            raise SourceTaken(name=name)
        return secret

    async def rotate(self, name: str) -> str:
        """Give a source a new secret; the one before is good for another day."""
        rows = await self.control.fetch(FIND, name)
        if not rows:
            raise SourceUnknown(name=name)
        secret, key = new_secret(), rows[0]["id"]
        sealed = self.sealer.seal(key, PLACE, secret.encode())
        await self.control.fetch(ROTATE, key, sealed, self.clock() + OVERLAP)
        return secret

    async def remove(self, name: str) -> None:
        """Take nothing from a source any more."""
        if not await self.control.fetch(REMOVE, name):
            raise SourceUnknown(name=name)

    async def list(self) -> Sequence[SourceView]:
        """All sources by their names."""
        rows = await self.control.fetch(LIST)
        return [SourceView(row["name"], row["created_at"]) for row in rows]

    async def sender(
        self, headers: Mapping[str, str], body: bytes
    ) -> tuple[Source, str]:
        """The source that signed a message, and the message's id."""
        moment, found = self.clock(), None
        for source in await self._all(moment):
            try:
                found = source, verify_inbound(source, headers, body, at=moment)
            except SignatureInvalid:
                continue
        if found is None:
            raise SignatureInvalid
        return found

    async def _all(self, moment: datetime) -> Sequence[Source]:
        sources = []
        for row in await self.control.fetch(SECRETS):
            sealed = [row["secret"]]
            if row["old_until"] is not None and row["old_until"] > moment:
                sealed.append(row["old_secret"])
            opened = (self.sealer.open(row["id"], PLACE, it) for it in sealed)
            sources.append(Source(row["id"], tuple(it.decode() for it in opened)))
        return sources
