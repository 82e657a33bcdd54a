"""Own sessions: where somebody is signed in, and how they end that elsewhere."""

from datetime import datetime
from uuid import UUID

import msgspec
from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import NotFound
from insula.kernel.identity.sessions import Ending
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.api import row_id
from insula.kernel.services.accounts.answers import own_id_in_person
from insula.kernel.services.accounts.statements import (
    END_SESSION,
    END_SESSIONS,
    OWN_SESSIONS,
)
from insula.kernel.services.audit.noting import note


class SessionView(BaseModel):
    """One sign-in of the caller; ``current`` is the one that asks."""

    id: UUID
    current: bool
    kind: str
    factors: list[str]
    client: str | None
    user_agent: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions(BaseModel):
    """Where the caller is signed in, the newest first."""

    sessions: list[SessionView]


class Ended(BaseModel):
    """How many sign-ins have ended."""

    ended: int


class OwnSessions:
    """Shows the caller's sign-ins and ends them, within a second on every process."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def list(self, ctx: Context, _: Call) -> Reply:
        """Where the caller is signed in."""
        rows = await ctx.session.fetch(OWN_SESSIONS, own_id_in_person(ctx), now())
        found = Sessions(sessions=[_view(row, ctx.actor.session) for row in rows])
        return Reply(found.model_dump_json().encode())

    async def end(self, ctx: Context, call: Call) -> Reply:
        """End one sign-in of the caller."""
        user_id, key = own_id_in_person(ctx), row_id(call)
        async with ctx.session.transaction() as transaction:
            if not await transaction.fetch(END_SESSION, user_id, key, now()):
                raise NotFound
            await _note(transaction, ctx, [key])
        self._identity.left(user_id)
        return Reply(Ended(ended=1).model_dump_json().encode())

    async def end_others(self, ctx: Context, _: Call) -> Reply:
        """End every sign-in of the caller but the one that asks."""
        user_id, own = own_id_in_person(ctx), ctx.actor.session
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(END_SESSIONS, user_id, now(), own)
            await _note(transaction, ctx, [row["id"] for row in rows])
        self._identity.left(user_id)
        return Reply(Ended(ended=len(rows)).model_dump_json().encode())


async def _note(transaction: Transaction, ctx: Context, ended: list[UUID]) -> None:
    said = {"sessions": ended}
    await note(transaction, ctx, Ending.revoked.value, ("sessions", None), said)


def _view(row: Record, current: UUID | None) -> SessionView:
    values = {**dict(row), "current": row["id"] == current}
    values["factors"] = msgspec.json.decode(row["factors"])
    return SessionView(**values)
