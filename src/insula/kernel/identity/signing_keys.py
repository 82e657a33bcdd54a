"""Signing keys: made, published, put to use and retired, for all processes at once."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from joserfc.jwk import OKPKey
from sqlalchemy import String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.bus import CHANNEL
from insula.kernel.database.control import ControlModel
from insula.kernel.database.pool import Record
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Conflict, Problem
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.key_ring import KeyRing, RingKey
from insula.kernel.tenancy.control import Control

PLACE = "signing_keys.private"
TOPIC = "signing-keys"
"""What is announced when the keys have changed."""
AHEAD = timedelta(minutes=10)
"""How long a key is published before it signs: longer than anybody keeps the list."""

READ = """
SELECT id, kid, public, private, signs_from, drops_older FROM control.signing_keys
 ORDER BY signs_from, id
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtext('control.signing_keys'))"
ADD = """
WITH made AS (
    INSERT INTO control.signing_keys (id, kid, public, private, signs_from, drops_older)
    VALUES ($1::uuid, $2, $3, $4, $5, $6))
INSERT INTO control.audit_logs (id, action, resource_type, resource_id, changes)
VALUES ($7, 'signing_keys.rotate', 'signing_keys', $2,
        jsonb_build_object('drops_older', $6::bool))
"""
# A key that signs no more is kept without its private part: its place in the row of
# keys tells how long those before it are believed.
SPENT = """
UPDATE control.signing_keys SET private = NULL
 WHERE private IS NOT NULL AND signs_from < (
       SELECT max(signs_from) FROM control.signing_keys WHERE signs_from <= $1)
"""


DROP_WAITING = "DELETE FROM control.signing_keys WHERE signs_from > $1"
NOTIFY = "SELECT pg_notify($1, $2)"
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
TRIES, RETRY = 5, 0.2


class SigningKeyRow(ControlModel):
    """A key that signs access tokens from ``signs_from`` until the next one does.

    With ``drops_older`` no token of an earlier key is believed any more from then on.
    """

    __tablename__ = "signing_keys"
    kid: Mapped[str] = mapped_column(String(64), unique=True)
    public: Mapped[dict[str, Any]] = mapped_column(JSONB)
    private: Mapped[str | None] = mapped_column(Text)
    signs_from: Mapped[datetime] = mapped_column(index=True)
    drops_older: Mapped[bool] = mapped_column(server_default=text("false"))


class KeyWaiting(Conflict):
    """There is a new key already: it signs from {signs_from} on."""

    code = "SIGNING_KEY_WAITING"


class KeyState(StrEnum):
    """What a key is good for at present."""

    waits = "waits"
    """It is published, and will sign."""
    signs = "signs"
    believed = "believed"
    """It signs no more; what it signed may still be good."""
    retired = "retired"


@dataclass(frozen=True, slots=True)
class SigningKeyView:
    """A key as an operator sees it; the first one has always been there."""

    kid: str
    signs_from: datetime | None
    state: KeyState


class SigningKeys:
    """The keys in the control database, and the ring of this process."""

    def __init__(
        self,
        control: Control,
        sealer: Sealer,
        ring: KeyRing,
        changed: Callable[[], None] = lambda: None,
        *,
        clock: Clock = now,
    ) -> None:
        """``changed`` is told when other keys are held: what was read may be wrong."""
        self._control, self._sealer, self._clock = control, sealer, clock
        self.ring, self._changed = ring, changed
        self._loading: asyncio.Task[None] | None = None
        self._stale = False

    async def load(self) -> None:
        """Hold the keys as they are now."""
        rows = await self._control.fetch(READ)
        self.ring.hold([self._key(row) for row in rows])
        self._changed()

    def _key(self, row: Record) -> RingKey:
        public = OKPKey.import_key(msgspec.json.decode(row["public"]))
        private = None
        if row["private"] is not None:
            opened = self._sealer.open(row["id"], PLACE, row["private"])
            private = OKPKey.import_key(msgspec.json.decode(opened))
        since = row["signs_from"].timestamp()
        return RingKey(row["kid"], public, private, since, row["drops_older"])

    def heard(self, topic: str | None) -> None:
        """Load the keys when a notice says that they changed, or might have."""
        if topic is not None and topic != TOPIC:
            return
        self._stale = True
        if self._loading is None or self._loading.done():
            self._loading = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        """Load until nothing was heard meanwhile.

        A database that stays away is none that could be heard from: the bus tells
        when it is back.
        """
        for _ in range(TRIES):
            if not self._stale:
                return
            self._stale = False
            try:
                await self.load()
            except (*AWAY, Problem):
                self._stale = True
                await asyncio.sleep(RETRY)

    async def rotate(self, *, drop_older: bool = False) -> SigningKeyView:
        """Publish a new key, which signs in ``AHEAD``; raises ``KeyWaiting``.

        With ``drop_older`` it signs at once, and no token of another key is believed
        any more: for when a key may be in foreign hands.
        """
        moment = self._clock()
        since = moment if drop_older else moment + AHEAD
        private, key_id = OKPKey.generate_key("Ed25519"), uuid7()
        kid, public = private.thumbprint(), private.as_dict(private=False)
        sealed = self._sealed(key_id, private)
        async with self._control.transaction() as connection:
            await connection.execute(LOCK)
            if drop_older:
                await connection.execute(DROP_WAITING, moment)
            for row in await connection.fetch(READ):
                if row["signs_from"] > moment:
                    raise KeyWaiting(signs_from=f"{row['signs_from']:%H:%M:%S} UTC")
            made = key_id, kid, public, sealed, since, drop_older, uuid7()
            await connection.execute(ADD, *made)
            await connection.execute(SPENT, moment)
            await connection.execute(NOTIFY, CHANNEL, TOPIC)
        return SigningKeyView(
            kid, since, KeyState.signs if drop_older else KeyState.waits
        )

    def _sealed(self, key_id: UUID, private: OKPKey) -> str:
        secret = msgspec.json.encode(private.as_dict(private=True))
        return self._sealer.seal(key_id, PLACE, secret)

    async def list(self) -> Sequence[SigningKeyView]:
        """All keys that sign, did or will, the oldest first."""
        await self.load()
        moment, signer = self._clock().timestamp(), self.ring.signer().kid
        return [
            SigningKeyView(
                key.kid,
                datetime.fromtimestamp(key.since, UTC) if key.since else None,
                _state(key, moment, signer),
            )
            for key in self.ring.keys
        ]


def _state(key: RingKey, moment: float, signer: str) -> KeyState:
    if key.kid == signer:
        return KeyState.signs
    if key.since > moment:
        return KeyState.waits
    return KeyState.believed if key.until > moment else KeyState.retired
