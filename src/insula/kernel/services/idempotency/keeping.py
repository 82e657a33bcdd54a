"""Keeping answers: the statements, and how an answer is written down."""

import hashlib
from base64 import b64encode
from datetime import timedelta

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import SealBroken, Sealer
from insula.kernel.resource.unit import WorkContext

KEPT = timedelta(hours=24)
"""For this long at least a key is known; the next pruning forgets it."""
PLACE = "idempotency_keys.answer"

LOCK = Statement(
    """SELECT $1::text IS NOT NULL AND pg_try_advisory_xact_lock($2::bigint) AS mine"""
)
FIND = Statement(
    """SELECT k.answer FROM home__.idempotency_keys k
 WHERE k.tenant_id = $1::text::uuid AND k.scope = $2::varchar"""
)
KEEP = Statement(
    """INSERT INTO home__.idempotency_keys
       (tenant_id, id, created_at, actor_id, scope, answer)
VALUES ($1::text::uuid, $2, $3, $4, $5, $6)"""
)
PRUNE = Statement(
    """DELETE FROM home__.idempotency_keys
 WHERE tenant_id = $1::text::uuid AND created_at < $2::timestamptz"""
)


class IdempotencyAnswerLost(Conflict):
    """This was done before, but its answer can no longer be read: look at what is there."""

    code = "IDEMPOTENCY_ANSWER_LOST"


class Kept(msgspec.Struct, frozen=True):
    """An answer as it was sent, and a digest of the request."""

    asked: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    kind: str


class Scope(msgspec.Struct, frozen=True):
    """Whose key it is, for what: nobody else's key, and no other address, meets it."""

    digest: str
    lock: int
    asked: bytes

    @classmethod
    def of(cls, ctx: Context, operation: Operation, call: Call, key: bytes) -> "Scope":
        """Tenant, principal, method, path and key; and what is asked there."""
        kind, actor, _, _, *via = ctx.origin
        who = (str(ctx.tenant.id), kind, str(actor), *map(str, via))
        parts = (*who, operation.method, call.path, b64encode(key).decode())
        hashed = hashlib.sha256(msgspec.json.encode(parts)).digest()
        asked = hashlib.sha256(call.target.partition("?")[2].encode())
        asked.update(b"\0" + call.raw)
        lock = int.from_bytes(hashed[:8], "big", signed=True)
        return cls(hashed.hex(), lock, asked.digest())


class Answers:
    """The answers of tenants, sealed where they lie."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def claim(self, transaction: Transaction, scope: Scope) -> bool:
        """Be the only one at work under a key until the transaction ends, or not."""
        rows = await transaction.fetch(LOCK, scope.lock)
        return bool(rows[0]["mine"])

    async def find(
        self, ctx: Context, transaction: Transaction, scope: Scope
    ) -> Kept | None:
        """What was answered under a key; asked in a statement after the claim."""
        rows = await transaction.fetch(FIND, scope.digest)
        if not rows:
            return None
        try:
            raw = self._sealer.open(ctx.tenant.id, PLACE, rows[0]["answer"])
        except SealBroken:  # by a lost or another secret; what was done stays done
            raise IdempotencyAnswerLost from None
        return msgspec.msgpack.decode(raw, type=Kept)

    async def keep(
        self, ctx: Context, transaction: Transaction, scope: Scope, kept: Kept
    ) -> None:
        """Write an answer down; it is there when its cause is."""
        raw = msgspec.msgpack.encode(kept)
        sealed = self._sealer.seal(ctx.tenant.id, PLACE, raw)
        row = uuid7(), now(), ctx.actor.id, scope.digest, sealed
        await transaction.fetch(KEEP, *row)


async def prune(ctx: WorkContext) -> None:
    """Forget the keys whose time is over."""
    await ctx.transaction.fetch(PRUNE, ctx.now - KEPT)
