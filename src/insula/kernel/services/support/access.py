"""Accesses as the control database keeps them: asked for, decided, entered, ended."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from insula.kernel.database.bus import CHANNEL
from insula.kernel.database.pool import Connection, Record
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.services.support.models import Kind, Progress, Scope
from insula.kernel.tenancy.control import Control

PATIENCE = timedelta(days=7)
"""For how long a request waits for an answer."""

COLUMNS = """
a.id, a.tenant_id, t.slug AS tenant, a.admin_id AS operator_id, a.operator, a.reason,
a.kind, a.scope, a.hours, a.created_at, a.decided_at, a.decided_by, a.expires_at,
a.ended_at, CASE WHEN a.state = 'requested' AND a.created_at <= $2::timestamptz
                   OR a.state IN ('approved', 'active')
                      AND a.expires_at <= $1::timestamptz
            THEN 'expired' ELSE a.state END AS state
"""
FROM = "control.support_accesses a JOIN control.tenants t ON t.id = a.tenant_id"
PAGE = f"""
SELECT {COLUMNS} FROM {FROM}
 WHERE ($3::uuid IS NULL OR a.tenant_id = $3::uuid)
   AND ($4::uuid IS NULL OR a.id < $4::uuid) ORDER BY a.id DESC LIMIT $5
"""  # noqa: S608  # our names
ONE = f"""
SELECT {COLUMNS} FROM {FROM}
 WHERE a.id = $3::uuid AND ($4::uuid IS NULL OR a.tenant_id = $4::uuid)
"""  # noqa: S608  # our names
LOCK = f"{ONE} FOR UPDATE OF a"
ADD = """
INSERT INTO control.support_accesses (id, created_at, tenant_id, admin_id, operator,
       reason, kind, scope, hours, state, decided_at, decided_by, expires_at)
SELECT $1, $2, t.id, a.id, a.email, $5, $6, $7, $8, $9, $10, $11, $12
  FROM control.tenants t, control.system_admins a WHERE t.id = $3 AND a.id = $4
RETURNING id
"""
MOVE = """
UPDATE control.support_accesses SET state = $2, decided_at = $3, decided_by = $4,
       expires_at = $5, scope = $6 WHERE id = $1
"""
BEGIN = "UPDATE control.support_accesses SET state = 'active' WHERE id = $1"
END = """
UPDATE control.support_accesses SET state = 'revoked', ended_at = $2, ended_by = $3
 WHERE id = $1
"""
ADMIT = """
INSERT INTO control.support_passes (id, access_id, session_id, hash, expires_at)
VALUES ($1, $2, $3, $4, $5)
"""
AUDIT = """
INSERT INTO control.audit_logs
       (id, tenant_id, admin_id, action, resource_type, resource_id, changes)
VALUES ($1, $2, $3, $4, 'support_accesses', $5, $6)
"""
NOTIFY = "SELECT pg_notify($1, $2)"


class AccessState(Conflict):
    """This access is {state}: that cannot be done with it."""

    code = "SUPPORT_ACCESS_STATE"


@dataclass(frozen=True, slots=True)
class AccessView:
    """An access as both sides see it."""

    id: UUID
    tenant_id: UUID
    tenant: str
    operator_id: UUID
    operator: str
    reason: str
    kind: Kind
    scope: Scope
    hours: int
    state: Progress
    created_at: datetime
    decided_at: datetime | None
    decided_by: UUID | None
    expires_at: datetime | None
    ended_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether its operator may come in."""
        return self.state in (Progress.approved, Progress.active)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asks for."""

    tenant_id: UUID
    admin_id: UUID
    reason: str
    kind: Kind
    scope: Scope
    hours: int
    at_once: bool
    """Break the glass without asking a second operator."""


class Held:
    """An access under lock; what is done with it is noted, and commits at the end."""

    def __init__(self, connection: Connection, view: AccessView, at: datetime) -> None:
        self.connection, self.view, self._at = connection, view, at

    def needs(self, *states: Progress) -> None:
        """Raise ``AccessState`` unless it is in one of these."""
        if self.view.state not in states:
            raise AccessState(state=self.view.state.value)

    async def decide(
        self, state: Progress, by: UUID | None, scope: Scope | None = None
    ) -> None:
        """Let its time begin, or refuse it."""
        refused = state is Progress.rejected
        until = None if refused else self._at + timedelta(hours=self.view.hours)
        scope = scope or self.view.scope
        row = state.value, self._at, by, until, scope.value
        await self.connection.execute(MOVE, self.view.id, *row)

    async def end(self, by: UUID | None) -> None:
        """Let its operator in no more, and out whoever is in."""
        await self.connection.execute(END, self.view.id, self._at, by)
        await self.connection.execute(NOTIFY, CHANNEL, topic_of(self.view.id))

    async def admit(
        self, pass_id: UUID, session: UUID, hashed: str, until: datetime
    ) -> None:
        """Keep what the operator comes in with."""
        await self.connection.execute(BEGIN, self.view.id)
        row = pass_id, self.view.id, session, hashed, until
        await self.connection.execute(ADMIT, *row)

    async def note(self, action: str, by: UUID | None, **said: object) -> None:
        """Write it to the operators' log; a user's deed has no operator."""
        view = self.view
        row = view.tenant_id, by, f"support_accesses.{action}", str(view.id), said
        await self.connection.execute(AUDIT, uuid7(), *row)


@dataclass(frozen=True, slots=True)
class Accesses:
    """All of them, of all tenants."""

    control: Control
    clock: Clock = now

    @property
    def _moments(self) -> tuple[datetime, datetime]:
        at = self.clock()
        return at, at - PATIENCE

    async def page(
        self, tenant_id: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[AccessView]:
        """Some of them, the newest first."""
        values = *self._moments, tenant_id, after, limit
        return [_view(row) for row in await self.control.fetch(PAGE, *values)]

    async def find(self, access_id: UUID, tenant_id: UUID | None) -> AccessView:
        """One, of that tenant if one is given; raises ``NotFound``."""
        values = *self._moments, access_id, tenant_id
        rows = await self.control.fetch(ONE, *values)
        if not rows:
            raise NotFound
        return _view(rows[0])

    @asynccontextmanager
    async def ask(self, wish: Wish) -> AsyncIterator[Held]:
        """A new access; raises ``NotFound`` for an unknown tenant."""
        at, key = self.clock(), uuid7()
        until = at + timedelta(hours=wish.hours)
        decided: tuple[Any, ...] = (None, None, None)
        state = Progress.requested
        if wish.at_once:
            state, decided = Progress.approved, (at, wish.admin_id, until)
        row = wish.reason, wish.kind.value, wish.scope.value, wish.hours, state.value
        who = at, wish.tenant_id, wish.admin_id
        async with self.control.transaction() as connection:
            if not await connection.fetch(ADD, key, *who, *row, *decided):
                raise NotFound
            rows = await connection.fetch(ONE, *self._moments, key, None)
            yield Held(connection, _view(rows[0]), at)

    @asynccontextmanager
    async def hold(
        self, access_id: UUID, tenant_id: UUID | None
    ) -> AsyncIterator[Held]:
        """One under lock until the block ends; raises ``NotFound``."""
        async with self.control.transaction() as connection:
            values = *self._moments, access_id, tenant_id
            row = await connection.fetchrow(LOCK, *values)
            if row is None:
                raise NotFound
            yield Held(connection, _view(row), self.clock())


def _view(row: Record) -> AccessView:
    values = dict(row)
    kinds = {"kind": Kind, "scope": Scope, "state": Progress}
    return AccessView(**values | {name: of(values[name]) for name, of in kinds.items()})
