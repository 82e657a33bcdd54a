"""Memberships: which users are one person, and what is known of each at home."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from insula.kernel.database.pool import Connection
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict
from insula.kernel.foundation.ids import uuid7
from insula.kernel.tenancy.control import Control

FIELDS = "account_id, tenant_id, user_id, email, proved_at"
MINE = f"""
SELECT {FIELDS} FROM control.account_members WHERE account_id =
       (SELECT account_id FROM control.account_members
         WHERE tenant_id = $1 AND user_id = $2) ORDER BY id
"""  # noqa: S608  # our names
LOCK = f"""
SELECT {FIELDS} FROM control.account_members
 WHERE (tenant_id = $1 AND user_id = $2) OR (tenant_id = $3 AND user_id = $4)
 ORDER BY id FOR UPDATE
"""  # noqa: S608  # our names
NEW = "INSERT INTO control.accounts (id) VALUES ($1)"
PUT = """
INSERT INTO control.account_members (id, account_id, tenant_id, user_id, email, proved_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, user_id) DO UPDATE
   SET email = EXCLUDED.email, proved_at = EXCLUDED.proved_at
"""
LEAVE = """
WITH gone AS (
    DELETE FROM control.account_members WHERE tenant_id = $1 AND user_id = $2
    RETURNING account_id)
DELETE FROM control.accounts a USING gone WHERE a.id = gone.account_id
   AND (SELECT count(*) FROM control.account_members m
         WHERE m.account_id = a.id) <= 2
"""
PERSON = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT u.email, u.email_verified_at, u.password_changed_at FROM home__.users u
     WHERE u.tenant_id = ctx.tenant_id AND u.id = $2::uuid
       AND u.disabled_at IS NULL AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)


class LinkedElsewhere(Conflict):
    """One of the two is linked with somebody else already: unlink it first."""

    code = "ACCOUNT_LINKED_ELSEWHERE"


@dataclass(frozen=True, slots=True)
class Member:
    """A user who is linked, as of the day of the proof."""

    account_id: UUID
    tenant_id: UUID
    user_id: UUID
    email: str
    proved_at: datetime

    def is_still(self, person: "Person") -> bool:
        """Whether it is the same person, by all that is known."""
        changed = person.password_changed_at
        return person.email == self.email and (
            changed is None or changed <= self.proved_at
        )


@dataclass(frozen=True, slots=True)
class Person:
    """A user as their tenant knows them now."""

    email: str
    email_verified_at: datetime | None
    password_changed_at: datetime | None


async def person_of(session: Session, user_id: UUID) -> Person | None:
    """A user who may sign in; None for any other."""
    rows = await session.fetch(PERSON, user_id)
    return Person(**dict(rows[0])) if rows else None


class Members:
    """All memberships of this installation."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def of(self, tenant_id: UUID, user_id: UUID) -> Sequence[Member]:
        """All users who are the same person, this one among them; none if not linked."""
        rows = await self._control.fetch(MINE, tenant_id, user_id)
        return [Member(**dict(row)) for row in rows]

    async def link(
        self, one: tuple[UUID, UUID], other: tuple[UUID, UUID], email: str
    ) -> None:
        """Have two users be one person; raises ``LinkedElsewhere``."""
        try:
            async with self._control.transaction() as connection:
                account_id = await self._account(connection, one, other)
                for who in (one, other):
                    row = uuid7(), account_id, *who, email, now()
                    await connection.execute(PUT, *row)
        except asyncpg.UniqueViolationError:
            raise LinkedElsewhere from None

    async def _account(
        self, connection: Connection, one: tuple[UUID, UUID], other: tuple[UUID, UUID]
    ) -> UUID:
        """The account of either, or a new one."""
        rows = await connection.fetch(LOCK, *one, *other)
        known = {row["account_id"] for row in rows}
        if len(known) > 1:
            raise LinkedElsewhere
        if known:
            found: UUID = known.pop()
            return found
        made = uuid7()
        await connection.execute(NEW, made)
        return made

    async def leave(self, tenant_id: UUID, user_id: UUID) -> None:
        """Have a user be nobody else; an account of one goes with it."""
        await self._control.fetch(LEAVE, tenant_id, user_id)
