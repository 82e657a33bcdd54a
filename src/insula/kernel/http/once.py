"""Once: a write that carries a key has its effects once, however often it is sent.

The key's row, the answer and the effects are one transaction in the tenant's home, so
there is no line at which a crash could part them.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.database.session import Session
from insula.kernel.foundation.errors import BadRequest, Conflict, Invalid
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.http.envelope import envelope
from insula.kernel.http.rehearsing import rehearse, rehearsed
from insula.kernel.http.request import Request
from insula.kernel.services.idempotency.keeping import Answers, Kept, Scope

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
PATIENCE = 5.0
"""Seconds to wait for an equal request that is under way."""
STEP = 0.05
"""Seconds between looks whether another process has ended it."""
CREDENTIALS = ("login", "auth")
"""Limits of what tries credentials: a failed try must count, so it is never undone."""

_is_key = re.compile(rb"[\x21-\x7e]{1,255}").fullmatch


class IdempotencyKeyInvalid(BadRequest):
    """Idempotency-Key is 1 to 255 visible ASCII characters."""

    code = "IDEMPOTENCY_KEY_INVALID"


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key came before with another request: take a new one."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInFlight(Conflict):
    """An equal request is being carried out: ask again in a moment."""

    code = "IDEMPOTENCY_IN_FLIGHT"


def repeatable(operation: Operation) -> bool:
    """Whether a key means anything to the operation.

    Not where a body or an answer is a stream, where secrets are tried, nor outside of
    tenants, whose homes alone keep keys.
    """
    inside = operation.audience not in (
        Audience.visitor,
        Audience.operator,
        Audience.gate,
    )
    streams = operation.upload or operation.live or operation.socket
    credentials = operation.limit in CREDENTIALS
    return operation.writes and inside and not streams and not credentials


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the walk hands it over."""

    request: Request
    operation: Operation
    ctx: Context
    call: Call

    async def run(self, session: Session) -> Reply:
        """What the operation answers, with that session."""
        return await self.operation.run(self.ctx.within(session), self.call)


class Once:
    """Runs operations; those with a key once."""

    def __init__(self, sealer: Sealer) -> None:
        self._answers = Answers(sealer)
        self._running: dict[str, asyncio.Future[None]] = {}

    async def __call__(
        self, request: Request, operation: Operation, ctx: Context, call: Call
    ) -> Reply:
        """The operation's answer, or the one that it gave to this key before."""
        key = request.headers.get(HEADER)
        if key is not None and repeatable(operation) and not _is_key(key):
            raise IdempotencyKeyInvalid
        if call.query and rehearsed(operation, call.query):
            return await rehearse(operation, ctx, call)
        if key is None or not repeatable(operation):
            return await operation.run(ctx, call)
        scope = Scope.of(ctx, operation, call, key)
        asked = Asked(request, operation, ctx, call)
        deadline = monotonic() + PATIENCE
        while True:
            async with self._alone(scope.digest, deadline):
                reply = await self._try(asked, scope)
            if reply is not None:
                return reply
            if monotonic() > deadline:
                raise IdempotencyInFlight
            await asyncio.sleep(STEP)

    @asynccontextmanager
    async def _alone(self, digest: str, deadline: float) -> AsyncIterator[None]:
        """Be the only request of this process under a key; waiting takes no connection."""
        while running := self._running.get(digest):
            await asyncio.wait([running], timeout=max(deadline - monotonic(), 0))
            if not running.done():
                raise IdempotencyInFlight
        ended = self._running[digest] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._running[digest]
            ended.set_result(None)

    async def _try(self, asked: Asked, scope: Scope) -> Reply | None:
        """Replay, or run and keep; None while another process is at it.

        A problem leaves the transaction as anything else does: nothing has happened,
        and the key is as new.
        """
        ctx, answers = asked.ctx, self._answers
        async with ctx.session.joint() as joint:
            whole = joint.whole
            if not await answers.claim(whole, scope):
                return None
            kept = await answers.find(ctx, whole, scope)
            if kept is not None:
                if kept.asked != scope.asked:
                    raise IdempotencyKeyReused
                return _reply(kept, REPLAYED)
            kept = _kept(await asked.run(joint), asked.request, scope)
            if kept.status < 400:
                await answers.keep(ctx, whole, scope, kept)
        return _reply(kept)


def _kept(reply: Reply, request: Request, scope: Scope) -> Kept:
    """An answer to the last byte, so that it can be given again."""
    headers = list(reply.headers)
    if reply.etag is not None:
        headers.append((b"etag", reply.etag.encode()))
    if reply.location is not None:
        headers.append((b"location", reply.location.encode()))
    body, kind = reply.data, reply.content_type
    if kind is None:
        body, kind = envelope(reply, request), "application/json"
    return Kept(scope.asked, reply.status, headers, body, kind)


def _reply(kept: Kept, *more: tuple[bytes, bytes]) -> Reply:
    return Reply(
        kept.body,
        status=kept.status,
        content_type=kept.kind,
        headers=(*kept.headers, *more),
    )
