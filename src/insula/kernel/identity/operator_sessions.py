"""Operators' sessions: the statements that sign those in who run the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from uuid import UUID

import msgspec

from insula.kernel.database.pool import Connection, Record
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.factors.strength import strong
from insula.kernel.identity.sessions import (
    HELD,
    Account,
    Ending,
    Failure,
    Held,
    Opening,
    Origin,
    SignIn,
    Turn,
    held,
)
from insula.kernel.tenancy.control import Control

ACCOUNT = (
    "a.id, a.email, a.name, a.password, a.permissions, a.disabled_at, a.created_at,"
    " a.two_factor_confirmed_at"
)
AUDIT = (
    "INSERT INTO control.audit_logs"
    " (id, admin_id, action, resource_type, resource_id, ip_address, user_agent,"
    " changes)"
)
OF_SESSION = (
    "control.admin_sessions s JOIN control.system_admins a ON a.id = s.admin_id"
)

FIND = f"SELECT {ACCOUNT} FROM control.system_admins a WHERE a.email = $1"  # noqa: S608  # our names
GET = f"SELECT {ACCOUNT} FROM control.system_admins a WHERE a.id = $1"  # noqa: S608  # our names
ACTIVE = f"""
SELECT {ACCOUNT}, s.factors, s.proved_at FROM {OF_SESSION}
 WHERE s.id = $1 AND s.admin_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $3
   AND a.disabled_at IS NULL
"""  # noqa: S608  # our names
OPEN = f"""
WITH known AS (
    UPDATE control.system_admins
       SET password = COALESCE($3::varchar, password),
           last_login_at = $4::timestamptz
     WHERE id = $1::uuid AND password = $2::varchar AND disabled_at IS NULL
    RETURNING id),
opened AS (
    INSERT INTO control.admin_sessions (id, created_at, admin_id, refresh_hash,
           expires_at, client, user_agent, factors, proved_at, kind)
    SELECT $5::uuid, $4::timestamptz, known.id, $6::varchar, $7::timestamptz,
           $8::varchar, $11::varchar, $12::jsonb, $4::timestamptz, $13::varchar
      FROM known),
audit AS (
    {AUDIT} SELECT $9::uuid, known.id, 'auth.login', 'admin_sessions',
           $5::uuid::text, $10::inet, $11::varchar,
           jsonb_build_object('factors', $12::jsonb) FROM known)
SELECT 1 FROM known
"""  # noqa: S608  # our names
FAIL = f"""
{AUDIT} VALUES ($1, NULL, 'auth.login_failed', 'system_admins', $2::uuid::text, $3,
        $4, jsonb_build_object('reason', $5::text))
"""
HOLD = f"SELECT {HELD}, {ACCOUNT} FROM {OF_SESSION} WHERE s.id = $1 FOR UPDATE OF s"  # noqa: S608  # our names
ROTATE = """
UPDATE control.admin_sessions SET generation = $2, refresh_hash = $3, rotated_at = $4,
       expires_at = $5, client = $6 WHERE id = $1
"""
END = f"""
WITH ended AS (
    UPDATE control.admin_sessions SET revoked_at = $2::timestamptz
     WHERE id = $1::uuid AND revoked_at IS NULL RETURNING id, admin_id)
{AUDIT} SELECT $3::uuid, ended.admin_id, $4::varchar, 'admin_sessions', ended.id::text,
       $5::inet, $6::varchar, '{{}}'::jsonb FROM ended
"""  # noqa: S608  # our names


def _inet(client: str) -> str | None:
    """The client as PostgreSQL's ``inet`` takes it; a socket's name is none."""
    try:
        return str(ip_address(client))
    except ValueError:
        return None


def _names(raw: msgspec.Raw) -> tuple[str, ...]:
    return msgspec.json.decode(raw, type=tuple[str, ...])


def _account(row: Record) -> Account:
    return Account(
        id=row["id"],
        email=row["email"],
        name=row["name"] or row["email"],
        password=row["password"],
        disabled=row["disabled_at"] is not None,
        grants=frozenset(_names(row["permissions"])),
        verified=row["created_at"],
        created=row["created_at"],
        second_factor=row["two_factor_confirmed_at"] is not None,
    )


def _ending(session: UUID, ending: Ending, origin: Origin) -> tuple[object, ...]:
    address = _inet(origin.client)
    return session, now(), uuid7(), ending.value, address, origin.user_agent


class OperatorHold:
    """A locked session of an operator."""

    def __init__(self, connection: Connection, session: UUID, row: Held | None) -> None:
        self._connection, self._session, self.row = connection, session, row

    async def rotate(self, turn: Turn) -> None:
        """Give it the next refresh token."""
        await self._connection.execute(ROTATE, self._session, *turn)

    async def end(self, ending: Ending, origin: Origin) -> None:
        """Revoke it, with everything that was issued for it."""
        await self._connection.execute(END, *_ending(self._session, ending, origin))


class OperatorSessions:
    """The operators and their sessions, in the control database alone (S1-49).

    While ``strict``, a session that began without a second factor is worth nothing,
    however it came to be (S1-53).
    """

    def __init__(self, control: Control, *, strict: bool = False) -> None:
        self._control, self.strict = control, strict

    async def _one(self, text: str, *args: object) -> Account | None:
        rows = await self._control.fetch(text, *args)
        return _account(rows[0]) if rows else None

    async def find(self, email: str) -> Account | None:
        """The operator of an address in lower case."""
        return await self._one(FIND, email)

    async def get(self, account: UUID) -> Account | None:
        """The operator of that id."""
        return await self._one(GET, account)

    async def active(self, session: UUID, subject: UUID) -> SignIn | None:
        """Whose session it is and how it began, if it is good at this moment."""
        rows = await self._control.fetch(ACTIVE, session, subject, now())
        if not rows:
            return None
        factors, proved = _names(rows[0]["factors"]), rows[0]["proved_at"]
        if self.strict and not strong(factors):
            return None
        return SignIn(
            _account(rows[0]),
            factors=factors,
            proved=None if proved is None else proved.timestamp(),
        )

    async def open(self, account: Account, opening: Opening, origin: Origin) -> bool:
        """Begin the session, note it and when it was (S1-54), or nothing."""
        rows = await self._control.fetch(
            OPEN,
            account.id,
            account.password,
            opening.password,
            opening.at,
            opening.session,
            opening.refresh_hash,
            opening.expires_at,
            origin.client,
            uuid7(),
            _inet(origin.client),
            origin.user_agent,
            list(opening.factors),
            opening.kind,
        )
        return bool(rows)

    async def fail(
        self, account: Account | None, reason: Failure, origin: Origin
    ) -> None:
        """Note a sign-in that failed: for whom, but never what was typed."""
        target = None if account is None else account.id
        await self._control.fetch(
            FAIL,
            uuid7(),
            target,
            _inet(origin.client),
            origin.user_agent,
            reason.value,
        )

    @asynccontextmanager
    async def hold(self, session: UUID) -> AsyncIterator[OperatorHold]:
        """Lock a session until the block ends."""
        async with self._control.transaction() as connection:
            rows = await connection.fetch(HOLD, session)
            row = held(_account(rows[0]), rows[0]) if rows else None
            yield OperatorHold(connection, session, row)

    async def end(self, session: UUID, ending: Ending, origin: Origin) -> None:
        """Revoke a session, once; nothing happens if it has ended."""
        await self._control.fetch(END, *_ending(session, ending, origin))
